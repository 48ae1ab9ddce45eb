"""What is wrong with a key of somebody's own app is said as the plan writes it, and in words."""

import pytest

from dress_rehearsal.plans import PlanInvalidError
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
