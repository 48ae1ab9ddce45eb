"""The machine's facts: those that are judged by have their types."""

import json

import pytest

from dress_rehearsal.records.environment import read_facts

FACTS = {"cores": 2, "ip_local_port_range": [1, 2], "overrides": ["seed=1"], "cpu": None}


def test_facts_of_the_right_types_are_read():
    assert read_facts(json.dumps(FACTS).encode()) == (FACTS, [])


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_what_is_no_object_of_json_is_left_out(content):
    facts, damage = read_facts(content)
    assert facts == {}
    assert "environment.json: it is not a JSON object" in damage[0].sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cores", "two"),
        ("cores", [2]),
        ("ip_local_port_range", 7),
        ("ip_local_port_range", [1]),
        ("ip_local_port_range", [1, None]),
        ("overrides", "seed=1"),
        ("overrides", [None]),
        ("fingerprint", {}),
        ("anything", json.loads("[" * 40 + "]" * 40)),
    ],
)
def test_a_fact_of_a_wrong_type_is_left_out_alone(name, value):
    facts, damage = read_facts(json.dumps({**FACTS, name: value}).encode())
    assert facts == {key: fact for key, fact in FACTS.items() if key != name}
    assert f"what it says of {name} cannot be" in damage[0].sentence
