"""What can end a rehearsal before there is a verdict, or a look at one.

RehearsalError
├── GeneratorFailedError  the generator did not start, or could not write down what happened
│   └── ScenarioRefusedError  the user's own scenario cannot be performed as it is
├── LedgerRefusedError    a ledger of the plan cannot be read, so nothing was sent
├── SilentTargetError     nothing answers where somebody's app should be
└── NothingToCheckError   there is no Prometheus, or nothing of the run that it could be asked
"""


class RehearsalError(Exception):
    """The rehearsal cannot be carried out; the message says why and what to do."""


class GeneratorFailedError(RehearsalError):
    """The generator process failed."""


class ScenarioRefusedError(GeneratorFailedError):
    """The user's own scenario cannot be performed as it is; what to change in it is said."""


class LedgerRefusedError(RehearsalError):
    """A ledger of the plan cannot be read before the rush; what to change is said."""


class SilentTargetError(RehearsalError):
    """Nothing answers where somebody's app should be."""


class NothingToCheckError(RehearsalError):
    """There is no Prometheus, or nothing of the run that it could be asked."""
