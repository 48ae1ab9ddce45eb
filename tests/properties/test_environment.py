"""Whatever a shell exports, a child gets what any child gets and what is named, no more."""

import os
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from dress_rehearsal.records.environment_variables import (
    ALSO_NAMED_IN,
    PASSED_ON,
    SEARCHED,
    child_environment,
)
from tests.properties.budget import try_out

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)
NAMES = st.one_of(
    st.sampled_from([*PASSED_ON, *SEARCHED, "HOME", "LC_ALL", "PGSERVICE", "HTTP_PROXY"]),
    TEXT.filter(lambda name: name and "=" not in name),
)
SHELLS = st.dictionaries(NAMES, TEXT, max_size=12)
PASSABLE = {*PASSED_ON, *SEARCHED, "HOME", "LC_ALL", "PYTHONUSERBASE"}


def test_a_child_gets_nothing_that_nobody_named() -> None:
    @given(shell=SHELLS, named=SHELLS, passed_on=st.lists(NAMES, max_size=3))
    def property_(shell: dict[str, str], named: dict[str, str], passed_on: list[str]) -> None:
        listed = ",".join(passed_on)
        with mock.patch.dict(os.environ, {**shell, ALSO_NAMED_IN: listed}, clear=True):
            environment = child_environment(named)
        users = {name.strip() for name in listed.split(",")}
        assert environment.keys() <= PASSABLE | named.keys() | users
        assert named.items() <= environment.items()
        for name in ({*PASSED_ON} | users - {ALSO_NAMED_IN}) & shell.keys() - named.keys():
            assert environment[name] == shell[name]
        if not {"HOME", "LC_ALL"} & (users | named.keys()):
            assert (environment["HOME"], environment["LC_ALL"]) == ("/nonexistent", "C")

    try_out(property_)
