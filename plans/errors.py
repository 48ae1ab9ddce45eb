"""What can be wrong with a plan.

PlanError
└── PlanInvalidError  one sentence for each wrong key, all at once
"""

from collections.abc import Sequence


class PlanError(Exception):
    """A plan, or a file it needs, cannot be used; the message says why and what to do."""


class PlanInvalidError(PlanError):
    """The plan was read but breaks its rules.

    Args:
        problems: one sentence for each wrong key, naming file, key, value and what is allowed.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))
