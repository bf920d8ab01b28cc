"""`python -m cedr` is `cedr`."""

import sys

from cedr.tools.cli import main

if __name__ == "__main__":
    sys.exit(main())
