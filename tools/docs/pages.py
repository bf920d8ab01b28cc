"""Which pages there are: those that are generated, and those that are written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cedr.tools.docs.api import api_page
from cedr.tools.docs.commands import commands_page
from cedr.tools.docs.dialect import dialect_page
from cedr.tools.docs.passes import passes_page
from cedr.tools.docs.platform import platform_page

PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/api.md": api_page,
    "docs/commands.md": commands_page,
    "docs/dialect.md": dialect_page,
    "docs/passes.md": passes_page,
    "docs/platform.md": platform_page,
}
"""Generated pages: file -> its text."""


def hand_written(root: Path) -> list[Path]:
    """README.md and the pages of docs/ that are not generated."""
    generated = {root / name for name in PAGES}
    return [root / "README.md", *(path for path in sorted((root / "docs").glob("*.md")) if path not in generated)]
