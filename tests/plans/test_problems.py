"""What is wrong with a key of somebody's own app is said as the plan writes it, and in words."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanInvalidError, read_plan
from dress_rehearsal.plans.read import check_plan

SECRET = "postgresql://u:q7Hd-4711@db/shop"
TARGET = {"stage": "external", "url": "http://127.0.0.1:9", "opening": {"already": True}}
LEDGER = {"name": "orders", "query": "SELECT 1"}
METRICS = {"name": "shop", "url": "http://127.0.0.1:9/m"}


@pytest.mark.parametrize(
    ("section", "content", "sentence"),
    [
        ("ledgers", [{**LEDGER, "dsn_env": SECRET}], "ledgers.0.dsn_env = …: expected the name of"),
        ("metrics", [{**METRICS, "pools": "hikari"}], "or 'sqlalchemy' (did you mean hikaricp?)"),
        ("metrics", [{**METRICS, "pools": "hikari"}], "metrics.0.pools.0 = …: expected 'cadvisor'"),
        ("metrics", [{**METRICS, "pools": {"usd": "a"}}], "metrics.0.pools.usd; did you mean used"),
        ("scenario", {"file": "/shop.py", "buyer": "a b"}, "expected the name of a class, such as"),
        (
            "ledgers",
            [{"name": "My Shop", "csv": "/x.csv"}],
            "up to 40 small letters, digits, - and _",
        ),
        ("name", "My Shop", "up to 40 small letters, digits and -, such as winterfest"),
        ("load", {"tags": ["a b"]}, "a tag without spaces, such as checkout"),
        ("target", {**TARGET, "command": ["a"], "ready": "/a b"}, "a path without spaces, such as"),
        ("event", {"order": "first-come"}, "or 'none' (did you mean first_come?)"),
    ],
)
def test_a_wrong_key_is_named_as_it_is_written_and_in_words(
    section: str, content: object, sentence: str
) -> None:
    with pytest.raises(PlanInvalidError) as refused:
        check_plan({"name": "shop", "target": TARGET, section: content}, "shop.toml")
    assert sentence in str(refused.value)
    assert "pattern" not in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("override", "begins"),
    [
        ("stage.limits.ap=t2.micro", "--set stage.limits.ap: expected 'app', 'kafka', "),
        ("stage.limits.ap.cpus=1", "--set stage.limits.ap.cpus: stage.limits.ap: expected 'app', "),
        ("stage.limits.app=t9.micro", "--set stage.limits.app = …: there is no size of that name"),
        ("stage.limits.app={}", "--set stage.limits.app: limits without cpus and memory "),
        ("app.backlog=1", "--set app.backlog = 1: expected greater than or equal to 128."),
        ("app.worker=3", "--set app.worker: there is no such key; did you mean workers?"),
        ("event={students=-1}", "--set event: event.students = -1: expected greater "),
        ("description=https://u:q7Hd-4711@shop/", "--set description seems to hold a password"),
    ],
)
def test_an_option_that_is_refused_names_its_key_once(override: str, begins: str) -> None:
    with pytest.raises(PlanInvalidError) as refused:
        read_plan(Path("smoke"), ["target.stage=docker", override])
    [sentence] = refused.value.problems
    assert sentence.startswith(begins)


def test_a_wrong_name_in_a_table_is_said_as_the_plan_writes_it() -> None:
    plan = {"name": "x", "target": {"stage": "docker"}, "stage": {"limits": {"ap": "t2.micro"}}}
    with pytest.raises(PlanInvalidError) as refused:
        check_plan(plan, "x.toml")
    assert str(refused.value).startswith("x.toml: stage.limits.ap: expected 'app', 'kafka', ")
    assert str(refused.value).endswith("(did you mean app?).")
