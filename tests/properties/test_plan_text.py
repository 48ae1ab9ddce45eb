"""Whatever a plan's file holds: 0 or 2, a sentence, and nothing of it that could be a secret."""

import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from dress_rehearsal.plans import bundled_plans
from dress_rehearsal.plans.plan import Plan
from tests.properties.budget import try_out
from tests.properties.usage import SECRET, told, values

__all__ = ["told"]

_SECTIONS = sorted(Plan.model_fields)
_KEYS = [
    (section, key)
    for section, field in Plan.model_fields.items()
    for key in (*getattr(field.annotation, "model_fields", ()), "pin")
]
_PLAN = next(plan for plan in bundled_plans() if plan.stem == "smoke").read_bytes()
"""The one with the fewest students: a roster of them is made for every plan that is fine."""


@pytest.mark.slow
def test_bytes_that_are_no_plan(told):
    @given(st.binary(max_size=400))
    def any_bytes(content):
        told("plan", "check", "plan.txt", plan=content)

    try_out(any_bytes)


@pytest.mark.slow
def test_texts_that_look_like_toml(told):
    pieces = st.sampled_from(
        ["[", "]", "=", '"', "'''", ".", "\n", "#", "a", "{", "}", "1", "-", "0x", "1e9", "é", ","]
        + ["name", "event", "gates", "rows", "inf", "2026-11-28", "\\u", "\0", "\ufeff", SECRET]
    )

    @given(st.lists(pieces, max_size=60).map("".join))
    def any_text(text):
        told("plan", "check", "plan.txt", plan=text.encode())

    try_out(any_text)


@pytest.mark.slow
def test_plans_with_a_piece_of_something_else(told):
    pieces = st.one_of(st.binary(max_size=20), st.just(SECRET.encode()), st.just(b"[" * 3000))
    places = st.integers(0, len(_PLAN))

    @given(places, st.integers(0, 40), pieces)
    def damaged(place, gone, piece):
        told("plan", "check", "plan.txt", plan=_PLAN[:place] + piece + _PLAN[place + gone :])

    try_out(damaged)


@pytest.mark.slow
def test_plans_with_any_value_anywhere(told):
    @given(
        st.lists(st.tuples(st.sampled_from(_KEYS), values()), max_size=4),
        st.dictionaries(st.sampled_from([*_SECTIONS, SECRET, "rows"]), values(), max_size=2),
    )
    def any_values(keys, sections):
        document = tomllib.loads(_PLAN.decode())
        for (section, key), value in keys:
            if isinstance(document.setdefault(section, {}), dict):
                document[section][key] = value
        told("plan", "check", "plan.txt", plan=tomli_w.dumps({**document, **sections}).encode())

    try_out(any_values)


@pytest.mark.slow
def test_matrices_with_any_value_anywhere(told):
    names = ["fault", "strategies", "expect", "allow", "set", "by", "grade", "at", "alone", SECRET]

    @given(st.dictionaries(st.sampled_from(names), values(), max_size=3), values())
    def any_values(row, base):
        document = {"name": "m", "base": {"event": {"students": 20}, "notify": base}, "rows": [row]}
        told("plan", "check", "plan.txt", plan=tomli_w.dumps(document).encode())

    try_out(any_values)


def test_a_secret_in_a_plan_that_is_fine_is_found(told):
    """What shows that the secret would be seen: a description holds one that looks like none."""
    plan = _PLAN.replace(b"description = ", b"description = 'a word' # ")
    assert "fine." in told("plan", "check", "plan.txt", plan=plan)
