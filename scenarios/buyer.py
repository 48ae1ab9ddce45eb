"""The buyer: what each moment of a ticket open means in one app.

A scenario is a class of this kind. It says *what* a student does at each moment; *when* the moment
comes, how often it is tried again, on how many devices and how patiently, is drawn from the plan
and the same for every app.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final, Protocol
from uuid import UUID

if TYPE_CHECKING:  # Locust has to be imported before whatever opens sockets
    from dress_rehearsal.plans import Person, Plan
    from dress_rehearsal.scenarios.client.session import Client

REASONS: Final = ("sold_out", "too_early", "already_holds_ticket", "not_eligible")
"""What the audit can hold against the facts when a student is refused. Any other reason is counted
and named as unchecked."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The student was told: this ticket is yours.

    Attributes:
        ticket: its name, as the ledger has it; a number or a UUID is taken as its text. What names
            no ticket is empty, which counts as failed.
        issued: whether it can be used by now; where not, `follow_up` asks for it until it can.
    """

    ticket: str
    issued: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "ticket", _name_of(self.ticket))


@dataclass(frozen=True, slots=True)
class Pending:
    """The student was told: a ticket is being issued to you, and whether you get it is open.

    Attributes:
        ticket: its name, as `follow_up` asks for it and the ledger has it.
    """

    ticket: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "ticket", _name_of(self.ticket))


@dataclass(frozen=True, slots=True)
class Refused:
    """The student was told: no.

    Attributes:
        reason: one of `REASONS`, or a word of your own, which no check knows.
        final: whether it is the last word; where not ("all are reserved just now"), the student
            clicks again until patience or attempts run out.
    """

    reason: str
    final: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", _word_of(self.reason))


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer was an error, and this is its word; the student tries again as after any error.

    Attributes:
        word: such as the error's code in the answer.
    """

    word: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "word", _word_of(self.word))


@dataclass(frozen=True, slots=True)
class Admitted:
    """The student was told: it is your turn."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The student was told: not yet.

    Attributes:
        again_in_s: the pause that the target asks for, in seconds, as a number or its text; None:
            it asks for none.

    Raises:
        ValueError: that is no pause.
    """

    again_in_s: float | None = None

    def __post_init__(self) -> None:
        if self.again_in_s is None:
            return
        pause_s = float(self.again_in_s)
        if not (math.isfinite(pause_s) and pause_s >= 0):
            raise ValueError("a pause is a number of seconds, 0 or more")
        object.__setattr__(self, "again_in_s", pause_s)


Claim = Granted | Pending | Refused | Failed
"""What a student was told of a ticket. None: nothing that could be understood: it has failed."""
Turn = Admitted | Waiting | Refused | Failed
"""What a student was told in the waiting room. None: nothing; the student asks again."""


class Acting(Protocol):
    """What a buyer can know of who acts, and of the call that is under way."""

    @property
    def plan(self) -> "Plan":
        """See `Buyer.plan`, as of all of these."""

    @property
    def number(self) -> int:
        """The person's place in the roster."""

    @property
    def journey(self) -> str:
        """What kind of student it is."""

    @property
    def enters(self) -> bool:
        """Whether the student goes to the entrance."""

    @property
    def copy(self) -> int:
        """Which copy of a click the call is."""

    @property
    def key(self) -> str:
        """The idempotency key of the call."""

    def unkept(self, what: str) -> None:
        """Count a value that cannot be used."""

    def told(self, what: Refused | Failed) -> None:
        """Take in what the last answer of the call meant."""


class Buyer:
    """One student in one browser: its methods are called at their moments, in this order.

    Only `buy` is required; what a scenario does not define is not played. An exception in one of
    them is a defect of the scenario, told as such. Any of them may return `Refused` or `Failed`.

    Attributes:
        person: a line of the roster: `.student`, `.pin`, `.enrolled`.
        client: sends requests, each recorded; keeps cookies by itself.
        acting: who acts; there from the first moment on.
    """

    roles: ClassVar[Mapping[str, str]] = {
        "arrive": "page",
        "log_in": "login",
        "wait": "countdown",
        "join": "join",
        "queue": "queue",
        "buy": "purchase",
        "follow_up": "ticket",
        "collect": "code",
        "enter": "entrance",
        "lend": "entrance",
    }
    """What the requests are for that each method sends: a role of `records.steps`."""
    steps: ClassVar[Mapping[str, str]] = {}
    """Steps that are known before anything is sent, in their order, with their roles."""
    claims: ClassVar[bool] = False
    """Whether answers say under the names of the bundled ticket open what the audit can look into:
    `ticket`, `state`, `number`, `position`, `ahead`, `remaining`, `opens_at_ns`, `now_ns` …
    Its words for a refusal mean what they mean there then, too."""
    idempotent: ClassVar[bool] = False
    """Whether each click carries `key`, and one that is sent again is answered as the first was: to
    refuse it once that has got a ticket is a wrong then."""

    acting: Acting

    def __init__(self, person: "Person", client: "Client") -> None:
        self.person = person
        self.client = client

    @property
    def plan(self) -> "Plan":
        """The plan that is performed."""
        return self.acting.plan

    @property
    def number(self) -> int:
        """The person's place in the roster, from 0."""
        return self.acting.number

    @property
    def journey(self) -> str:
        """What kind of student it is, such as `eager`, `late` or `queue-jumper`."""
        return self.acting.journey

    @property
    def enters(self) -> bool:
        """Whether the student, with a ticket, goes to the entrance."""
        return self.acting.enters

    @property
    def key(self) -> str:
        """An idempotency key: the same when a click is tried again.

        Another device has another one, and so has each second copy of a double click, as a click
        in a second tab has; the other copies have the first one's, as a repeated form has.
        """
        return self.acting.key

    @property
    def copy(self) -> int:
        """Which copy of a double click this call is: 0 is the first."""
        return self.acting.copy

    def unkept(self, what: str) -> None:
        """Count a value that the target said in no form that can be used; the report tells it."""
        self.acting.unkept(what)

    def told(self, what: Refused | Failed) -> None:
        """Say what the last answer meant, where the method goes on after it and asks again.

        Without it such an answer is recorded by its status alone: from 400 on as an error. One that
        never came stays what it is.

        Raises:
            TypeError: it is neither `Refused` nor `Failed`.
            ValueError: this call has sent nothing yet.
        """
        if not isinstance(what, Refused | Failed):
            raise TypeError("told() takes Refused or Failed")
        self.acting.told(what)

    def arrive(self) -> object:
        """Open the page where tickets will be sold; who refreshes it opens it again and again."""

    def log_in(self) -> object:
        """Log in, with the person's number and PIN.

        Called up to 1.5 s ahead: its first request leaves when it is due.
        """

    def wait(self) -> object:
        """Do what a page does that waits for the opening; called again and again until T-0.

        A bot calls it many times a second; where there is none, it opens the page as often.
        """

    def join(self) -> Turn | None:
        """Join the queue of the waiting room; only where there is `queue`, too."""

    def queue(self) -> Turn | None:
        """Ask for one's place in the waiting room; called until it is `Admitted` or `Refused`.

        There is a pause before each call: the one that `Waiting` says, else the plan's; after a
        stream of events it is the stream's.
        """

    def buy(self) -> Claim | None:
        """Try to get a ticket, and return what the student was told.

        Called up to 1.5 s ahead: its first request leaves when it is due.
        """
        raise NotImplementedError("a scenario has to say what buying means: def buy(self)")

    def follow_up(self, told: Pending | Granted) -> Claim | None:
        """Ask for a ticket that is not issued yet; called until it is, or is refused."""
        return told

    def collect(self, granted: Granted) -> object:
        """Open the ticket's code, some twice. `Waiting`: it cannot be shown yet; who enters opens
        it anew."""

    def enter(self, granted: Granted) -> object:
        """Show the code at the entrance; after `Refused("qr_expired")` it is opened anew."""

    def lend(self, granted: Granted) -> object:
        """Show a copy of the code at another entrance, as a friend does at the same moment."""


def _name_of(ticket: object) -> str:
    """Return a ticket's name as text; empty where it is nothing that could name one."""
    match ticket:
        case str():
            name = ticket
        case bytes():
            name = ticket.decode("utf-8", "replace")
        case float() if ticket.is_integer():
            name = str(int(ticket))
        case bool():
            return ""
        case int() | Decimal() | UUID():
            name = str(ticket)
        case _:  # the text of a list, say, would be a name that no ledger knows
            return ""
    halves = not name.isascii() and any("\ud800" <= sign <= "\udfff" for sign in name)
    return "" if halves or name.isspace() else name


def _word_of(said: object) -> str:
    return "" if said is None else str(said)
