"""The last seconds: whatever a scrape's delay, the busiest second is seen as it was."""

import random

import pytest

from dress_rehearsal.rehearsal.last_seconds import SHOWN_S, LastSeconds

BUY = "POST /events/{event}/tickets"


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def second(
    at_s: int, sent: int = 0, p99_s: float | None = None, **answers: int
) -> dict[str, object]:
    felt = {} if p99_s is None else {BUY: p99_s}
    counts = {"ok": 0, "failed": 0} | answers
    told = {"at_s": at_s, "arrivals": 0, "sent": sent, "answers": counts}
    return {**told, "felt_p99_s": felt, "roles": {BUY: "purchase"}}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shown(clock: Clock) -> LastSeconds:
    return LastSeconds(clock)


def values(shown: LastSeconds, metric: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for each in shown.collect()
        for sample in each.samples
        if sample.name == f"generator_{metric}"
    }


def test_of_seconds_shown_at_once_the_busiest_counts(shown: LastSeconds) -> None:
    shown.take("g", [second(1, sent=10_094, ok=40, p99_s=0.2), second(2, sent=3, ok=50, failed=1)])
    assert values(shown, "sent_last_second") == {("g",): 10_094}
    # Outcomes are of one second: those of two added up would be a rush that never was.
    assert values(shown, "answers_last_second") == {("g", "ok"): 50, ("g", "failed"): 1}
    assert values(shown, "felt_p99_last_second_seconds") == {("g", "purchase", BUY): 0.2}


def test_a_second_is_shown_for_a_while_and_then_no_more(shown: LastSeconds, clock: Clock) -> None:
    shown.take("g", [second(1, sent=9)])
    clock.now_s += SHOWN_S
    assert values(shown, "sent_last_second") == {("g",): 9}
    shown.take("g", [second(2, sent=1)])
    clock.now_s += 0.01
    assert values(shown, "sent_last_second") == {("g",): 1}
    clock.now_s += SHOWN_S
    assert values(shown, "sent_last_second") == {}, "a generator that says nothing has no number"


def test_a_second_told_of_again_is_shown_anew(shown: LastSeconds, clock: Clock) -> None:
    shown.take("g", [second(1, ok=9)])
    clock.now_s += SHOWN_S + 1
    shown.take("g", [second(1, ok=12)])
    assert values(shown, "answers_last_second")["g", "ok"] == 12


def test_generators_are_told_apart(shown: LastSeconds) -> None:
    shown.take("a", [second(1, sent=5)])
    shown.take("b", [second(1, sent=7)])
    assert values(shown, "sent_last_second") == {("a",): 5, ("b",): 7}


@pytest.mark.parametrize(("gap_s", "missed"), [(SHOWN_S, False), (SHOWN_S + 1.5, True)])
def test_scrapes_up_to_so_far_apart_see_every_peak(
    shown: LastSeconds, clock: Clock, gap_s: float, missed: bool
) -> None:
    chance = random.Random(11)
    begin_s, seen, peaks = clock.now_s, 0.0, []
    due_s, told_s, number = begin_s, begin_s, 0
    lost = 0
    while number < 400:
        clock.now_s = min(due_s, told_s)
        if told_s <= due_s:
            number += 1
            # Mostly one second at a time, sometimes late and two at once.
            sent = chance.randrange(10_000) + number
            shown.take("g", [second(number, sent=sent)])
            peaks.append(sent)
            told_s += chance.choice((0.2, 1, 1, 1.8))
        else:
            seen = max(seen, *values(shown, "sent_last_second").values(), 0)
            due_s += gap_s * chance.choice((0.5, 1))
            lost += seen < max(peaks, default=0)
    assert (lost > 0) is missed
