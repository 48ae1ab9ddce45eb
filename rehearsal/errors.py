"""What can end a rehearsal before there is a verdict.

RehearsalError
├── DoesNotFit        this machine cannot hold the plan's students
└── GeneratorFailed   the generator did not start, or could not write down what happened
"""


class RehearsalError(Exception):
    """The rehearsal cannot be carried out; the message says why and what to do."""


class DoesNotFit(RehearsalError):
    """The machine's limits are too low for the plan."""


class GeneratorFailed(RehearsalError):
    """The generator process failed."""
