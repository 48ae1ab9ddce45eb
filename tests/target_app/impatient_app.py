"""`python -m tests.target_app.impatient_app`: the service, killing workers that drain for 1 s."""

import sys

from dress_rehearsal.target_app import __main__ as service

if __name__ == "__main__":
    service.KILL_AFTER_S = 1
    sys.exit(service.main())
