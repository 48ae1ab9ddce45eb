"""`python -m dress_rehearsal.rehearsal`, the same as the `rehearse` command."""

import sys

from dress_rehearsal.rehearsal.cli import main

if __name__ == "__main__":
    sys.exit(main())
