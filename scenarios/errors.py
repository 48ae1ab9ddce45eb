"""What can go wrong while performing.

ScenarioError               the rush cannot go on as planned
├── ScenarioUnfitError      the user's own scenario cannot be performed as it is
├── ExchangeError           one exchange with the target failed
│   ├── NotSentError        nothing was handed to the network: the target cannot have acted on it
│   ├── NotAnsweredError    sent, but cut or timed out: the target may have acted on it
│   └── NotUnderstoodError  an answer came that is not HTTP
└── ClosedError             the student acts no more here
"""


class ScenarioError(Exception):
    """The rush cannot go on as planned."""


class ScenarioUnfitError(ScenarioError):
    """The user's own scenario cannot be performed as it is; the message says where and why."""


class ExchangeError(ScenarioError):
    """One exchange with the target failed; `word` goes into the `error` column."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(word)


class NotSentError(ExchangeError):
    """No byte of the request left."""


class NotAnsweredError(ExchangeError):
    """The request left and no whole answer came back."""


class NotUnderstoodError(ExchangeError):
    """What came back is not HTTP/1.1."""


class ClosedError(ScenarioError):
    """The student acts no more here: the rush has closed, or another device has the answer."""
