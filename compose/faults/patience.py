"""How long a service that a fault took down may take to end and to be back: no longer than this.

These times are not longer on a busy machine, so that whoever waits for all of it knows an end. What
Docker's daemon takes to answer is not in them: it may be a minute a call.
"""

from typing import Final

from dress_rehearsal.compose.process import KILLED_S

DIES_WITHIN_S: Final = 5.0
"""After SIGKILL; then it is killed once more, with everything below it."""
ENDS_WITHIN_S: Final = 20.0
"""The most that any service promises for its end when it is asked to."""
GRACE_S: Final = 1.0
"""Beyond what a service promises for its end."""
BACK_WITHIN_S: Final = 30.0
"""What a service may take to come back, with everything it had."""
LOOK_S: Final = 3.0
"""The most that one look may take whether it works: a container's health check, or a question."""

RELIEVED_WITHIN_S: Final = ENDS_WITHIN_S + GRACE_S + KILLED_S + BACK_WITHIN_S + LOOK_S
"""What the end of a fault may take, beside what the daemon takes: the service's own end, or its
being killed, and its return, at which the last look may be in vain."""
