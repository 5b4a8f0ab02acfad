"""``python -m flowai`` is the same as the console script."""

import sys

from flowai._cli import main

if __name__ == "__main__":
    sys.exit(main())
