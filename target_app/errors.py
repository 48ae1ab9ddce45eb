"""What can go wrong inside the service, as one hierarchy.

TargetAppError
├── SettingsError            the environment does not describe a service that can run
├── RosterError              the roster file cannot be read as students
├── EnrolmentUnknownError    the enrolment API gave no answer that could be used
└── UnavailableError         a request could not be served now; asking again later is right
    ├── OverloadedError      a pool had no free connection within its timeout
    │   └── ContendedError   what is sold was in others' hands each time it was tried
    └── DependencyDownError  PostgreSQL or Redis did not answer
"""

from collections.abc import Sequence


class TargetAppError(Exception):
    """Base of every error this service raises on purpose."""


class SettingsError(TargetAppError):
    """All problems of the environment at once, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RosterError(TargetAppError):
    """The roster file is missing, malformed or contradicts itself."""


class EnrolmentUnknownError(TargetAppError):
    """The enrolment API was late, out of order, not to be understood, or better not asked.

    `reason` is one word for metrics: timeout, failure or circuit_open.
    """

    def __init__(self, reason: str, why: str) -> None:
        self.reason = reason
        super().__init__(why)


class UnavailableError(TargetAppError):
    """The request cannot be served now."""


class OverloadedError(UnavailableError):
    """No connection of the pool became free within the pool's timeout."""

    def __init__(self, pool: str, timeout_s: float) -> None:
        self.pool = pool
        super().__init__(
            f"No {pool} connection became free within {timeout_s:g} s; ask again in a moment."
        )


class ContendedError(OverloadedError):
    """Nothing is down and no pool is full, yet others were always first."""

    def __init__(self, how: str) -> None:
        UnavailableError.__init__(
            self, f"The sale did not come about: {how}; ask again in a moment."
        )
        self.pool = "allocation"


class DependencyDownError(UnavailableError):
    """A store did not answer, cut the connection, or refused to work."""

    def __init__(self, store: str, why: str) -> None:
        self.store = store
        super().__init__(f"{store} is not available ({why}); ask again in a moment.")
