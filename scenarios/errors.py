"""What can go wrong while performing.

ScenarioError
├── NotSent        nothing was handed to the network: the target cannot have acted on it
├── NotAnswered    sent, but cut or timed out: the target may have acted on it
└── NotUnderstood  an answer came that is not HTTP
"""


class ScenarioError(Exception):
    """The rush cannot go on as planned."""


class ExchangeError(ScenarioError):
    """One exchange with the target failed; `word` goes into the `error` column."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(word)


class NotSent(ExchangeError):
    """No byte of the request left."""


class NotAnswered(ExchangeError):
    """The request left and no whole answer came back."""


class NotUnderstood(ExchangeError):
    """What came back is not HTTP/1.1."""


class Closed(ScenarioError):
    """The student acts no more here: the rush has closed, or another device has the answer."""
