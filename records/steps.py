"""The steps of a scenario: the requests that its students make, and what each is for.

A step has the name that tables and gates show, and a role, which is all that is judged by: no room
but the scenarios knows a route. They stand in a run directory as `steps.json`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

ROLES: Final = (
    "page",
    "countdown",
    "login",
    "purchase",
    "ticket",
    "code",
    "join",
    "queue",
    "stream",
    "entrance",
    "other",
)
"""What a request can be for: to look at the page, at the countdown or at a ticket, to log in, to
buy, to fetch a ticket's code, to join the queue, to ask or be told for one's place in it, to be let
in at the entrance, or anything else."""
PAGE, COUNTDOWN, LOGIN, PURCHASE, TICKET, CODE, JOIN, QUEUE, STREAM, ENTRANCE, OTHER = ROLES

MOST_STEPS: Final = 1000
"""A scenario that names more of them names ids; the rest share one name for each role."""
REST: Final = "any other"
"""The name that they share, with the role behind it where it is known."""

TICKET_OPEN: Final = {
    "GET /events/{event}": PAGE,
    "GET /events/{event}/countdown": COUNTDOWN,
    "POST /login": LOGIN,
    "POST /events/{event}/tickets": PURCHASE,
    "GET /tickets/{ticket}": TICKET,
    "GET /tickets/{ticket}/qr": CODE,
    "POST /events/{event}/queue": JOIN,
    "GET /events/{event}/queue": QUEUE,
    "GET /events/{event}/queue/stream": STREAM,
    "POST /gate/scan": ENTRANCE,
}
"""The bundled ticket open's steps. They stand here because they are those of every run directory
from before `steps.json`, and of a plan whose gates are checked before anything runs."""


class Steps:
    """The steps of a run, in the order in which they were first met, and what they can be held to.

    Args:
        roles: the role of each that is known from the start, by its name.

    Attributes:
        names, roles: every step's, by its place.
        claims: whether answers say what the audit looks into under the names that it knows.
        idempotent: whether a click that is sent again has to be answered as the first was.
    """

    def __init__(
        self,
        roles: Mapping[str, str] | None = None,
        *,
        claims: bool = False,
        idempotent: bool = False,
    ) -> None:
        self.claims, self.idempotent = claims, idempotent
        self.names: list[str] = []
        self.roles: list[str] = []
        self._places: dict[str, int] = {}
        self._given: dict[tuple[str, str], int] = {}
        """Places by the names and roles that they were given."""
        for name, role in (roles or {}).items():
            self.code(name, role)

    def code(self, name: str, role: str = OTHER) -> int:
        """Return the place of a step: a new one where it is new and there is room for it.

        Raises:
            ValueError: there is no such role.
        """
        known = self._places.get(name)
        if known is not None:
            return known
        if role not in ROLES:
            raise ValueError(f"{role!r} is no role of a step")
        if len(self.names) >= MOST_STEPS:
            return self._new(REST, OTHER)
        return self._new(name, role)

    def _new(self, name: str, role: str) -> int:
        """Return the place of a step that is there now, whether there is room or not."""
        if name not in self._places:
            self._places[name] = len(self._places)
            self.roles.append(role)  # first: another thread may write down what has a name
            self.names.append(name)
        return self._places[name]

    def give(self, place: int, role: str) -> int:
        """Say what a step is for, unless that is known; return its place.

        A step that there was no room for gets that of all others for the same: the clicks of a
        scenario that names ids are to be judged like anybody's.
        """
        if self.names[place] == REST:
            return place if role == OTHER else self._new(f"{REST} ({role})", role)
        if self.roles[place] == OTHER:
            self.roles[place] = role
        return place

    def place(self, name: str, role: str) -> int:
        """Return the place of a step that is for something: `code`, and then `give`."""
        known = self._given.get((name, role))
        if known is not None:
            return known
        place = self.give(self.code(name), role)
        if self.names[place] == name:
            self._given[name, role] = place
        return place

    def role_of(self, name: str) -> str:
        """Return what a step is for; `other` where it is not known."""
        place = self._places.get(name)
        return OTHER if place is None else self.roles[place]

    def of_role(self, *roles: str) -> tuple[str, ...]:
        """Return the names of the steps that are for one of these things."""
        return tuple(name for name, role in self if role in roles)

    def are(self, places: NDArray[np.int64], *roles: str) -> NDArray[np.bool_]:
        """Return which of some steps, by their places, are for one of these things."""
        return np.isin(places, [place for place, role in enumerate(self.roles) if role in roles])

    def in_order(self, met: Iterable[str]) -> tuple[str, ...]:
        """Return the names of all these steps in order, then whatever else was met, by name."""
        return (*self.names, *sorted(set(met) - set(self.names)))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield each step's name and role."""
        names = self.names.copy()
        return zip(names, self.roles.copy(), strict=False)  # there may be more roles by now

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.names)

    def text(self) -> str:
        """Return them as `steps.json` holds them."""
        document = {
            "steps": [{"name": name, "role": role} for name, role in self],
            "claims": self.claims,
            "idempotent": self.idempotent,
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def ticket_open(cls) -> Self:
        """Return the bundled ticket open's."""
        return cls(TICKET_OPEN, claims=True, idempotent=True)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the steps that `text` wrote.

        Raises:
            ValueError: it is something else.
        """
        steps = cls()
        try:
            document = json.loads(text)
            for each in document["steps"]:
                name = str(each["name"])
                steps.give(steps.code(name, each["role"]), each["role"])
            # Runs of before these were written down have those of the bundled ticket open.
            bundled = TICKET_OPEN.keys() <= set(steps.names)
            steps.claims = document.get("claims", bundled) is True
            steps.idempotent = document.get("idempotent", bundled) is True
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError("it does not list steps with names and roles") from error
        return steps
