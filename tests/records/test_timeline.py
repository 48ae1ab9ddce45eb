"""The timeline's one reader: what no event can be is left out by its line, and said."""

import json

import pytest

from dress_rehearsal.records.timeline import TimelineEvent, on_one_axis, read_events

GOOD = TimelineEvent(1, "phase", "performed", {}).line()


def line(**fields):
    return json.dumps({"t_ns": 1, "kind": "t0", "name": "open", "detail": {}, **fields}).encode()


DAMAGED = {
    "null": b"null",
    "number": b"7",
    "list": b"[]",
    "text": b'"t0"',
    "no JSON": b"{",
    "not UTF-8": b'{"t_ns": 1, "kind": "t0", "name": "\xff", "detail": {}}',
    "a lone surrogate": b'{"t_ns": 1, "kind": "t0", "name": "\\ud800", "detail": {}}',
    "nested deep": b"[" * 100_000,
    "without a time": b'{"kind": "t0", "name": "open", "detail": {}}',
    "a time in words": line(t_ns="noon"),
    "a time of null": line(t_ns=None),
    "a time of true": line(t_ns=True),
    "half a nanosecond": line(t_ns=1.5),
    "an unknown kind": line(kind="miracle"),
    "a kind of null": line(kind=None),
    "a name of null": line(name=None),
    "detail of null": line(detail=None),
    "detail as a list": line(detail=["what"]),
    "tickets in words": line(kind="ledger", name="redis", detail={"tickets": "many"}),
    "tickets of null": line(kind="ledger", name="redis", detail={"tickets": None}),
    "an error that is a list": line(kind="ledger", name="redis", detail={"error": ["no"]}),
    "on as a number": line(kind="fault", name="slow", detail={"on": 1}),
    "a pid in words": line(kind="process", name="app", detail={"pid": "one"}),
    "detail nested deep": line(detail={"x": json.loads("[" * 40 + "]" * 40)}),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_a_line_of_a_wrong_shape_is_left_out_by_its_number(damaged):
    events, damage = read_events(GOOD + damaged + b"\n" + GOOD)
    assert [event.name for event in events] == ["performed", "performed"]
    assert [each.sentence for each in damage] == [
        "timeline.jsonl: line 2 cannot be read; it is left out."
    ]


def test_several_lines_are_told_together():
    _, damage = read_events((GOOD + b"x\n") * 2)
    assert damage[0].what == "2 lines cannot be read (lines 2 and 4); they are left out"
    _, damage = read_events(b"x\n" * 9)
    assert "9 lines cannot be read (lines 1, 2, 3, 4, 5 and 4 more)" in damage[0].what


def test_only_a_line_feed_ends_a_line():
    separated = TimelineEvent(5, "alert", "a\u2028b\u2029c\x85d\x0be", {"message": "f\x1cg"})
    events, damage = read_events(separated.line())
    assert (events, damage) == ([separated], [])


def test_what_nobody_asks_for_may_be_anything():
    event = TimelineEvent(5, "phase", "settled", {"after_ms": 3.0, "own": {"deep": [None, 1]}})
    assert read_events(event.line()) == ([event], [])


def test_a_last_line_that_a_crash_cut_is_no_damage():
    assert read_events(GOOD + GOOD[:20])[1] == []


def test_what_utf_8_cannot_hold_is_written_as_a_question_mark():
    (event,), damage = read_events(TimelineEvent(1, "alert", "x", {"message": "a\ud800b"}).line())
    assert (event.detail["message"], damage) == ("a?b", [])


@pytest.mark.parametrize("t_ns", [0, -1, 2**63, 10**30])
def test_an_event_at_an_impossible_time_is_left_out(t_ns):
    events = [TimelineEvent(1000 + n, "phase", str(n), {}) for n in range(5)]
    kept, damage = on_one_axis([*events, TimelineEvent(t_ns, "t0", "open", {})], apart_ns=500)
    assert kept == events
    assert "1 of 6 events happened at a time that cannot be" in damage[0].what


def test_of_two_openings_the_first_is_taken_and_both_are_told_of():
    openings = [TimelineEvent(t_ns, "t0", "open", {}) for t_ns in (20, 10)]
    kept, damage = on_one_axis(openings, apart_ns=500)
    assert kept == openings[:1]
    assert "2 different T-0" in damage[0].what


def test_events_come_in_the_order_of_their_times():
    events = [TimelineEvent(t_ns, "phase", "x", {}) for t_ns in (3, 1, 2)]
    kept, damage = on_one_axis(events, apart_ns=500)
    assert ([event.t_ns for event in kept], damage) == ([1, 2, 3], [])
