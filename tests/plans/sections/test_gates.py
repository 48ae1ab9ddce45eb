"""Gates as people write them: a limit, margins, a step, a window; mistakes are sentences."""

import tomllib
from fractions import Fraction

import pytest

from dress_rehearsal.plans import Plan, PlanInvalidError, plan_toml
from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.plans.sections.margins import parse_margins
from dress_rehearsal.plans.sections.windows import parse_window

P99 = "latency_ms[POST /login].p99"


def planned(**gate):
    return check_plan({"name": "x", "gates": [gate]}, "x.toml")


@pytest.mark.parametrize(
    ("gate", "path", "span"),
    [
        ({"metric": P99, "limit": "<= 3s"}, P99, None),
        ({"metric": "latency_ms.p99", "step": "POST /login", "regression": "< 10%"}, P99, None),
        ({"metric": P99, "limit": "<= 3s", "window": "T+0..T+10s"}, P99, "T+0s..T+10s"),
        ({"metric": P99, "limit": "<= 3s", "window": " T - 500ms .. T "}, P99, "T-500ms..T+0s"),
        ({"metric": P99, "limit": "<= 3s", "window": "T+10s.."}, P99, "T+10s.."),
        ({"metric": P99, "limit": "<= 3s", "window": "..T-1s"}, P99, "..T-1s"),
        (
            {"metric": "latency_ms.p50", "step": r"GET /a\1", "limit": "<= 1s"},
            r"latency_ms[GET /a\1].p50",
            None,
        ),
    ],
)
def test_a_gate_says_what_it_is_on(gate, path, span):
    plan = planned(**gate)
    (found,) = plan.gates
    assert (found.path, found.span) == (path, span)
    assert Plan.model_validate(tomllib.loads(plan_toml(plan))) == plan


@pytest.mark.parametrize(
    ("gate", "sentence"),
    [
        ({"metric": P99}, "give it a limit"),
        ({"metric": "latency_ms.p99", "limit": "<= 1s"}, "say of which step it is"),
        ({"metric": P99, "limit": "<= 1s", "step": "POST /login"}, "that names none"),
        ({"metric": "census.failed", "limit": "== 0", "step": "POST /login"}, "step is for"),
        (
            {"metric": "census.failed", "limit": "== 0", "window": "T+0s.."},
            "window is for latencies",
        ),
        ({"metric": P99, "limit": "<= 1s", "window": "T+5s..T+1s"}, "ends before it begins"),
        ({"metric": P99, "limit": "<= 1s", "window": ".."}, "leave it out"),
        ({"metric": P99, "limit": "<= 1s", "window": "5s..6s"}, "expected a window such as"),
        ({"metric": P99, "limit": "<= 1s", "window": "T+1s"}, "expected a window such as"),
        ({"metric": P99, "limit": "<= 1s", "window": "T+90s.."}, "lies outside the rush"),
        ({"metric": P99, "limit": "<= 1s", "window": "..T-90s"}, "lies outside the rush"),
        ({"metric": P99, "regression": "10%"}, "expected margins such as"),
        ({"metric": P99, "regression": "< 10% or < 5 ms"}, "expected margins such as"),
        ({"metric": P99, "regression": f"< 10%{' ' * 200_000}x"}, "expected margins such as"),
        ({"metric": P99, "limit": "<= 1s", "window": " " * 200_000 + "x"}, "expected a window"),
        ({"metric": P99, "regression": "> 10%"}, "expected margins such as"),
        ({"metric": P99, "regression": "< 10% and < 20%"}, "one margin in per cent"),
        ({"metric": P99, "regression": "< 5 ms and < 1 s"}, "one margin in per cent"),
        ({"metric": P99, "regression": "< 1% and < 5 ms and < 2 ms"}, "one margin in per cent"),
    ],
)
def test_a_mistake_is_a_sentence(gate, sentence):
    with pytest.raises(PlanInvalidError, match=r"x\.toml") as caught:
        planned(**gate)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("written", "worse", "before", "reached"),
    [
        ("< 10% and < 50 ms", 50, 500, True),
        ("< 10% and < 50 ms", 49, 100, False),
        ("< 10% and < 50 ms", 60, 601, False),
        ("< 10%", 10, 100, True),
        ("< 10%", 9, 100, False),
        ("< 0.05 s", 50, 1, True),
        ("< 150%", 149, 100, False),
        ("<10%", -50, 100, False),
        ("< 0%", 0, 100, False),
        ("< 10%", 1, 0, True),
        ("< 3", 3, 0, True),
    ],
)
def test_all_margins_that_are_given_have_to_be_reached(written, worse, before, reached):
    assert parse_margins(written).reached(Fraction(worse), Fraction(before)) is reached


def test_a_window_meets_a_span_of_the_rush():
    assert parse_window("T+0s..T+10s").meets(-5, 3)
    assert not parse_window("T+0s..T+10s").meets(11, 20)
    assert parse_window("T+10s..").meets(-5, 10)
    assert not parse_window("..T-5s").meets(-5, 3)
