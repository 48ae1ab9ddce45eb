"""What can go wrong when a run is judged.

ReportError
├── ComparisonRefusedError  what is to be compared is not comparable
└── MetricUnknownError  a gate names a number that no verdict holds, or with a unit it does not have
"""

from collections.abc import Sequence


class ReportError(Exception):
    """A run cannot be judged or reported; the message says why and what to do."""


class ComparisonRefusedError(ReportError):
    """Runs cannot be compared as they were given; the message says why and what to do."""


class MetricUnknownError(ReportError):
    """Gates of the plan name numbers that no verdict holds.

    Args:
        problems: one sentence for each wrong gate, all at once.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))
