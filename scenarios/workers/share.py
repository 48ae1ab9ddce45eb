"""A worker's share of a rush, with all that it needs to play it; and what the two sides tell."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from dress_rehearsal.plans import Person, Plan, PlanError, read_plan
from dress_rehearsal.plans.files import read_bytes
from dress_rehearsal.scenarios.timetable import Timetable, order_of_arrival

SHARE: Final = "share"
"""A worker's share; it is sent before Locust begins the worker's users."""
READY: Final = "ready"
"""A worker's word that all its students stand ready."""
OPEN: Final = "open"
"""T-0, ns since the epoch, by the master's clock."""
STOP: Final = "stop"
"""Stop the students, record the rest, and send it."""
CLOCK: Final = "clock"
"""The master's question what time it is, and a worker's answer to it."""
STATUS: Final = "status"
"""A worker's `scenarios.status.Status`, a few times a second."""
PIECE: Final = "piece"
"""A part of a file, and the master's word that it has got it."""
ENDED: Final = "ended"
"""A worker's last word: what became of its students, or why nothing did."""

STUDENTS: Final = "students"
"""The name under which a worker sends its part of the census."""
_MOST_BYTES: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Share:
    """Which students a worker plays, of which run, and who they are.

    Attributes:
        run: the id of the master's run; it is part of every trace id.
        plan: the resolved plan, as TOML. It names secrets and holds none.
        url: where the target answers.
        number: this share's, from 0; every `of`-th student to arrive is of it.
        timetable: the digest of everybody's timetable, as the master has drawn it.
        enrolled: a byte a student, of all of them: who is on the roster.
        people: student, PIN and further columns of those of this share, by their place.
        files: what the plan names and the worker's disk need not have, by their key.
    """

    run: str
    plan: str
    url: str
    number: int
    of: int
    timetable: str
    enrolled: bytes
    people: Mapping[int, Sequence[Any]]
    files: Mapping[str, bytes]

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Self:
        """Return the share that a message of the master's holds."""
        return cls(**content)

    def content(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return asdict(self)

    @property
    def name(self) -> str:
        """The worker's name in the run directory."""
        return f"worker{self.number}"

    def everybody(self) -> list[Person]:
        """Return the people of the rush; of those of other shares only whether they are enrolled.

        Nobody's PIN is there but that of this share's own.
        """
        others = Person("", "", enrolled=False), Person("", "", enrolled=True)
        there = [others[enrolled] for enrolled in self.enrolled]  # one object for all who are alike
        for place, (student, pin, further) in self.people.items():
            there[place] = Person(student, pin, there[place].enrolled, further)
        return there

    def placed(self, folder: Path) -> Plan:
        """Return the plan, with the files that came with it where this machine has none of its own.

        Args:
            folder: a private one, which is gone after the rush.

        Raises:
            PlanError: it cannot be read here.
        """
        given = folder / "plan.toml"
        given.write_text(self.plan, encoding="utf-8")
        plan = read_plan(given)
        elsewhere = {}
        for key, content in self.files.items():
            path = _path(plan, key)
            if path is not None and not _is_here(path, content):
                into = Path(tempfile.mkdtemp(dir=folder)) / path.name
                into.write_bytes(content)
                elsewhere[key] = str(into)
        return read_plan(given, [f"{key}={path}" for key, path in elsewhere.items()])


def shares(
    run: str,
    plan: Plan,
    text: str,
    url: str,
    people: Sequence[Person],
    timetable: Timetable,
    of: int,
) -> Iterator[Share]:
    """Return the shares of a rush, the first one first.

    Args:
        text: the plan as TOML.

    Raises:
        PlanError: a file that the plan names cannot be read.
    """
    everybody = people[: plan.event.students]
    enrolled = bytes(person.enrolled for person in everybody)
    files, digest = _files(plan), digest_of(timetable)
    for number in range(of):
        own = {
            place: (person.student, person.pin, dict(person.further))
            for place in of_share(timetable, number, of)
            for person in [everybody[place]]
        }
        yield Share(run, text, url, number, of, digest, enrolled, own, files)


def of_share(timetable: Timetable, number: int, of: int) -> list[int]:
    """Return the students of a share, in the order of their arrival."""
    return order_of_arrival(timetable)[number::of]


def digest_of(timetable: Timetable) -> str:
    """Return a digest of all that a timetable says: the same for the same plan, seed and people."""
    digest = hashlib.sha256()
    for column in fields(timetable):
        values: object = getattr(timetable, column.name)
        digest.update(column.name.encode())
        if isinstance(values, np.ndarray):
            digest.update(str(values.dtype).encode())
            digest.update(np.ascontiguousarray(values).data)
        else:
            digest.update(repr(values).encode())
    return digest.hexdigest()


def ended(
    error: str | None,
    files: Iterable[str] = (),
    steps: Iterable[tuple[str, str]] = (),
    stamps: Iterable[tuple[str, Mapping[str, Any]]] = (),
) -> dict[str, Any]:
    """Return a worker's last word.

    Args:
        error: why it could not play to the end; None where it did.
        files: the names of all that it has sent.
        steps: its scenario's, with those that it met on the way, and their roles.
        stamps: what it has on its timeline, by name and detail.
    """
    return {"error": error, "files": list(files), "steps": list(steps), "stamps": list(stamps)}


def _files(plan: Plan) -> dict[str, bytes]:
    found = {}
    for key, what in (("scenario.file", "The scenario"), ("target.ca_file", "target.ca_file")):
        path = _path(plan, key)
        if path is not None:
            found[key] = read_bytes(path, what, _MOST_BYTES)
    return found


def _path(plan: Plan, key: str) -> Path | None:
    names = {"scenario.file": plan.scenario.file, "target.ca_file": plan.target.ca_file}
    name = names.get(key)
    return None if name is None else Path(name)


def _is_here(path: Path, content: bytes) -> bool:
    try:
        return read_bytes(path, "The file", _MOST_BYTES) == content
    except PlanError:
        return False
