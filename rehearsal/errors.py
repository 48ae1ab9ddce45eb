"""What can end a rehearsal before there is a verdict.

RehearsalError
├── DoesNotFitError       this machine cannot hold the plan's students
└── GeneratorFailedError  the generator did not start, or could not write down what happened
"""


class RehearsalError(Exception):
    """The rehearsal cannot be carried out; the message says why and what to do."""


class DoesNotFitError(RehearsalError):
    """The machine's limits are too low for the plan."""


class GeneratorFailedError(RehearsalError):
    """The generator process failed."""
