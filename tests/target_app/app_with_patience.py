"""`python -m tests.target_app.app_with_patience`: the service, whose workers may drain so long."""

import os
import sys

from dress_rehearsal.target_app import __main__ as service

PATIENCE = "KILL_AFTER_S"
"""Environment variable with the seconds that workers have."""

if __name__ == "__main__":
    service.KILL_AFTER_S = int(os.environ[PATIENCE])
    sys.exit(service.main())
