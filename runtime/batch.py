"""A Python module run again and again in one process: `python -m cedr.runtime.batch MODULE.py`.

Reads one JSON list of command line arguments a line from stdin; answers "done" on stdout after each, or ends with the
module's message on stderr and exit status 1. What the module itself prints goes to stderr.
"""

from __future__ import annotations

import json
import runpy
import sys
from contextlib import redirect_stdout

from cedr.runtime import module
from cedr.target.errors import CedrError


def main(path: str) -> int:
    """Serve until stdin ends."""
    answers = sys.stdout
    with redirect_stdout(sys.stderr):
        names = runpy.run_path(path)
        for line in sys.stdin:
            try:
                module.execute(names["MODULE"], names["run"], path, json.loads(line))
            except CedrError as error:
                print(f"{names['MODULE'].name}: {error}")
                return 1
            print("done", file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
