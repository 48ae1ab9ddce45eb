"""The buyer: what each moment of a ticket open means in one app.

A scenario is a class of this kind. It says *what* a student does at each moment; *when* the moment
comes, how often it is tried again, on how many devices and how patiently, is drawn from the plan
and the same for every app.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:  # Locust has to be imported before whatever opens sockets
    from dress_rehearsal.plans import Person
    from dress_rehearsal.scenarios.client.session import Client

REASONS: Final = ("sold_out", "too_early", "already_holds_ticket", "not_eligible")
"""What the audit can hold against the facts when a student is refused. Any other reason is counted
and named as unchecked."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The student was told: this ticket is yours.

    Attributes:
        ticket: its name, as the ledger has it; a number is taken as its text.
    """

    ticket: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "ticket", str(self.ticket))


@dataclass(frozen=True, slots=True)
class Pending:
    """The student was told: a ticket is yours, and is being issued.

    Attributes:
        ticket: its name, as `follow_up` asks for it and the ledger has it.
    """

    ticket: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "ticket", str(self.ticket))


@dataclass(frozen=True, slots=True)
class Refused:
    """The student was told: no ticket.

    Attributes:
        reason: one of `REASONS`, or a word of your own, which no check knows.
    """

    reason: str


Claim = Granted | Pending | Refused
"""What a student was told. None: nothing that could be understood, which counts as failed."""


class Buyer:
    """One student in one browser: its methods are called at their moments, in this order.

    Only `buy` is required. An exception in one of them is a defect of the scenario, told as such.

    Attributes:
        person: a line of the roster: `.student`, `.pin`, `.enrolled`.
        client: sends requests, each recorded; keeps cookies by itself.
    """

    roles: ClassVar[dict[str, str]] = {
        "arrive": "page",
        "wait": "countdown",
        "log_in": "login",
        "buy": "purchase",
        "follow_up": "ticket",
        "enter": "entrance",
    }
    """What the requests are for that each method sends: a role of `records.steps`."""

    def __init__(self, person: "Person", client: "Client") -> None:
        self.person = person
        self.client = client

    def arrive(self) -> None:
        """Open the page where tickets will be sold."""

    def log_in(self) -> None:
        """Log in, with the person's number and PIN."""

    def wait(self) -> None:
        """Do what a page does that waits for the opening; called again and again until T-0."""

    def buy(self) -> Claim | None:
        """Try to get a ticket, and return what the student was told."""
        raise NotImplementedError("a scenario has to say what buying means: def buy(self)")

    def follow_up(self, pending: Pending) -> Claim | None:
        """Ask for a ticket that is being issued; called until it is granted or refused."""
        return pending

    def enter(self, granted: Granted) -> None:
        """Go to the entrance with a ticket."""
