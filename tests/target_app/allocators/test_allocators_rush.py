"""The rush: everybody at once on two workers, double clicks and several devices among them."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

FAR_FUTURE_NS = 9 * 10**18
TICKETS = 60
SOUND = [
    "row_lock",
    "optimistic",
    "atomic_update",
    "skip_locked",
    "redis_lock",
    "redis_script",
    "redis_writeback",
    "sqs_writeback",
    "kafka_writeback",
]
WRITES_BACK = ("redis_writeback", "sqs_writeback", "kafka_writeback")
Open = Callable[..., Any]


class Click(NamedTuple):
    """One purchase sent: by which student, on which device, with which key."""

    student: int
    device: int
    key: str


def clicks_of(students: range, seed: int) -> list[Click]:
    """Everybody clicks twice; a third clicks with another key too, a third on another device."""
    clicks = []
    for student in students:
        clicks += [Click(student, 0, "first")] * 2
        if student % 3 == 0:
            clicks.append(Click(student, 0, "second"))
        if student % 3 == 1:
            clicks += [Click(student, 1, "first"), Click(student, 1, "other device")]
    random.Random(seed).shuffle(clicks)
    return clicks


class Sale:
    """An app with two workers and students logged in on two devices each."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.bearers: dict[tuple[int, int], dict[str, str]] = {}

    def rush(self, clicks: list[Click]) -> list[tuple[Click, Any]]:
        """Send all clicks at once, and those turned away (503) again, until each is answered."""
        answered = []
        while clicks:
            for click in clicks:
                if (click.student, click.device) not in self.bearers:
                    self.bearers[click.student, click.device] = self.app.login(click.student)
            answers = self.app.rush(
                [(self.bearers[click.student, click.device], click.key) for click in clicks]
            )
            pairs = list(zip(clicks, answers, strict=True))
            answered += [pair for pair in pairs if pair[1].status_code != 503]
            clicks = [click for click, answer in pairs if answer.status_code == 503]
        return answered


@pytest.fixture
def sale(
    make_stage: Open, spawn: Open, connect_app: Open, queue_settings: Open
) -> Iterator[Callable[[str], Sale]]:
    """Open a sale of `TICKETS` tickets whose T-0 is far off."""

    def start(allocation: str) -> Sale:
        stage = make_stage(
            allocation,
            **queue_settings(allocation),
            APP_WORKERS=2,
            APP_TICKETS=TICKETS,
            APP_OPENS_AT_NS=FAR_FUTURE_NS,
            APP_LOG_LEVEL="warning",
        )
        stage.prepare()
        spawn("dress_rehearsal.target_app", stage)
        if allocation in WRITES_BACK:
            spawn("dress_rehearsal.target_app.writeback.__main__", stage)
        return Sale(connect_app(stage))

    return start


def codes(answered: list[tuple[Click, Any]]) -> Counter[str]:
    return Counter(
        answer.json().get("code", "granted" if answer.status_code in (201, 202) else "?")
        for _, answer in answered
    )


@pytest.mark.parametrize("allocation", SOUND)
def test_nobody_is_wronged_in_the_rush(
    sale: Callable[[str], Sale], eventually: Open, allocation: str
) -> None:
    opened = sale(allocation)
    early = opened.rush(clicks_of(range(10), seed=1))
    assert set(codes(early)) == {"too_early"}
    opens_at_ns = time.time_ns()
    opened.app.reschedule(opens_at_ns)

    # There is enough for all of these: nobody may be told otherwise.
    first = opened.rush([*clicks_of(range(40), seed=2), *[Click(-1, 0, "outsider")] * 3])
    assert codes(first).keys() == {"granted", "already_holds_ticket", "not_enrolled"}
    assert {click.student for click, a in first if a.status_code == 403} == {-1}

    # There is not enough for these, and what was granted is granted still.
    second = opened.rush([*clicks_of(range(40, 90), seed=3), *clicks_of(range(10), seed=4)])
    assert codes(second).keys() == {"granted", "already_holds_ticket", "sold_out"}

    tickets_of: dict[int, set[str]] = {}
    keys_of: dict[int, set[str]] = {}
    for click, answer in first + second:
        if answer.status_code in (201, 202):
            tickets_of.setdefault(click.student, set()).add(answer.json()["ticket"])
            keys_of.setdefault(click.student, set()).add(click.key)
    assert all(len(tickets) == 1 for tickets in tickets_of.values())
    assert all(len(keys) == 1 for keys in keys_of.values())
    assert set(range(40)) <= tickets_of.keys()

    stage = opened.app.stage
    eventually(lambda: len(stage.rows()) >= TICKETS)
    rows = stage.rows()
    assert [row["number"] for row in rows] == list(range(1, TICKETS + 1))
    assert {row["student"]: {row["ticket"]} for row in rows} == {
        stage.roster[student].student: tickets for student, tickets in tickets_of.items()
    }
    assert all(row["granted_ns"] >= opens_at_ns for row in rows)
    if allocation != "skip_locked":
        times_ns = [row["granted_ns"] for row in rows]
        assert times_ns == sorted(times_ns)


def test_naive_visibly_oversells_and_gives_students_two(sale: Callable[[str], Sale]) -> None:
    """The seeded defect: a measurement that does not find it is worth nothing."""
    opened = sale("naive")
    opened.app.reschedule(1)
    opened.rush(clicks_of(range(90), seed=5))
    rows = opened.app.stage.rows()
    students = Counter(row["student"] for row in rows)
    numbers = Counter(row["number"] for row in rows)
    assert len(rows) > TICKETS or max(students.values()) > 1
    assert max(numbers.values()) > 1
