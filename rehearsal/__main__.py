"""`python -m rehearsal`, the same as the `rehearse` command."""

import sys

from rehearsal.cli import main

if __name__ == "__main__":
    sys.exit(main())
