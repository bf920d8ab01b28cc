"""`python -m cedr.tools.docs`: write the generated pages, and the outputs that the other pages show."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cedr.target.errors import CedrError
from cedr.tools.docs.blocks import Session, refreshed
from cedr.tools.docs.pages import PAGES, hand_written

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Exit status 0: written. 1: a command of a page failed, and a message says which."""
    parser = argparse.ArgumentParser(prog="python -m cedr.tools.docs", description=__doc__)
    parser.add_argument("--no-run", action="store_true", help="the generated pages only: run no command of a page")
    arguments = parser.parse_args()
    if not (ROOT / "pyproject.toml").is_file():
        print(f"{parser.prog}: {ROOT} is no checkout of the project: there are no docs to write", file=sys.stderr)
        return 1
    for name, make in PAGES.items():
        _write(ROOT / name, make())
    if arguments.no_run:
        return 0
    try:
        for path in hand_written(ROOT):
            with Session(ROOT) as session:
                _write(path, refreshed(path.read_text("utf-8"), path.name, session))
    except CedrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
        print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
