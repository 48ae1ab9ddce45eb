"""Whatever options are given: 0 or 2, a sentence, and nothing of it that could be a secret."""

import os
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from dress_rehearsal.plans import PlanError, read_plan
from dress_rehearsal.plans.overrides import in_effect
from dress_rehearsal.plans.plan import Plan
from tests.properties.budget import try_out
from tests.properties.usage import SECRET, told, values

__all__ = ["told"]

_KEYS = [
    *Plan.model_fields,
    *(
        f"{section}.{key}"
        for section, field in Plan.model_fields.items()
        for key in (*getattr(field.annotation, "model_fields", ()), "token")
    ),
]


def _words():
    """Return what may stand on a command line: no word of it can hold a NUL."""
    return (
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
        | st.binary(max_size=20).map(lambda word: os.fsdecode(word.replace(b"\0", b"")))
        | st.sampled_from([SECRET, "9" * 5000, "[" * 3000, "true", "nan", "1e400", "-1", "5", ""])
    )


def _settings():
    written = values().map(lambda value: tomli_w.dumps({"v": value}).removeprefix("v = ").strip())
    key = st.sampled_from([*_KEYS, SECRET, "a", ".".join("a" * 3000)]) | _words()
    return st.tuples(key, st.sampled_from(["=", "=", "=", ""]), written | _words()).map("".join)


@pytest.mark.slow
def test_settings(told):
    @given(st.lists(_settings(), min_size=1, max_size=3))
    def any_setting(settings):
        told("plan", "check", "smoke", *(f"--set={text}" for text in settings))

    try_out(any_setting)


def test_what_settings_came_to_is_recorded_and_no_secret_that_was_replaced():
    @given(st.lists(_settings(), min_size=1, max_size=3), st.sampled_from(_KEYS))
    def any_setting(settings, key):
        replaced = [f"{key}={SECRET}", *settings]
        try:
            plan = read_plan(Path("smoke"), replaced)
        except PlanError:
            return
        recorded = in_effect(replaced, plan)
        assert read_plan(Path("smoke"), recorded) == plan
        # What the plan still says, such as a roster of that name, is recorded rightly.
        assert SECRET not in str(recorded) or SECRET in plan.model_dump_json()

    try_out(any_setting)


@pytest.mark.slow
def test_other_options(told):
    """A path that is given is shown, so the secret stands anywhere else."""
    plain = _words().filter(lambda text: SECRET not in text)
    paths = st.sampled_from(["--out", "--roster", "--table", "--figure"])
    option = st.sampled_from(
        ["--students", "--seed", "--over", "--repeat", "--lanes", "--only", "--strategies"]
        + ["--token", "--prometheus", "-x", "--set", f"--{SECRET}"]
    )
    given_option = st.one_of(
        st.tuples(option, _words()).map("=".join), st.tuples(paths, plain).map("=".join), option
    )

    @given(
        st.sampled_from(["run", "matrix", "sweep", "capacity", "report", "plan", "doctor", SECRET]),
        plain,
        st.lists(given_option, max_size=4),
    )
    def any_option(command, word, options):
        told(command, *options, "nowhere.toml")
        told("plan", "check", *options, word)

    try_out(any_option)
