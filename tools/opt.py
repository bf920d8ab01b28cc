"""The door of cedr-opt; what it does is in `cedr.tools.optimizer`. Imports neither torch nor numba."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    try:
        from cedr.tools import optimizer
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "xdsl":
            raise
        print("cedr-opt: error: xDSL is not installed; it comes with: pip install cedr-compiler", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return optimizer.main(argv)


if __name__ == "__main__":
    sys.exit(main())
