"""A plan's ledgers: each is in one place, and no sentence about a wrong one shows what it holds."""

from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.plans import PlanInvalidError, read_plan
from dress_rehearsal.plans.sections.ledgers import Ledger, ledger_problems

EXTERNAL = '[target]\nstage = "external"\nurl = "http://127.0.0.1:1"\n'


def plan_file(folder: Path, ledgers: str, target: str = EXTERNAL) -> Path:
    path = folder / "shop.toml"
    path.write_text(f'name = "shop"\n{target}\n{ledgers}')
    return path


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "give one of three"),
        ('dsn_env = "SHOP"', "dsn_env needs a query"),
        ('csv = "a.csv"\nurl = "http://127.0.0.1/x"', "give one of three"),
        ('csv = "a.csv"\nquery = "SELECT 1"', "query needs dsn_env"),
        ('csv = "a.csv"\nrows = "$.orders"', "are for url"),
        ('url = "http://127.0.0.1/x"\nrows = "orders[*]"', "expected a path"),
        ('csv = "a.csv"\ncolumns = { owner = "x" }', "the columns are"),
        ('url = "http://127.0.0.1/x"\nheaders = { Authorization = "hunter2" }', "env:NAME"),
        ('dsn_env = "postgresql://u:hunter2@h/db"\nquery = "SELECT 1"', "dsn_env"),
    ],
)
def test_what_is_wrong_with_a_ledger_is_said_without_it(
    tmp_path: Path, keys: str, words: str
) -> None:
    path = plan_file(tmp_path, f'[[ledgers]]\nname = "orders"\n{keys}')
    with pytest.raises(PlanInvalidError) as told:
        read_plan(path)
    assert words in str(told.value)
    assert "hunter2" not in str(told.value)


def test_a_csv_is_beside_its_plan(tmp_path: Path) -> None:
    path = plan_file(tmp_path, '[[ledgers]]\nname = "orders"\ncsv = "orders.csv"')
    assert read_plan(path).ledgers[0].csv == str(tmp_path / "orders.csv")


def test_two_ledgers_have_two_names_and_the_stage_of_our_own_has_none(tmp_path: Path) -> None:
    one = '[[ledgers]]\nname = "orders"\ncsv = "a.csv"\n'
    with pytest.raises(PlanInvalidError, match="name of its own"):
        read_plan(plan_file(tmp_path, one + one))
    with pytest.raises(PlanInvalidError, match="read anyway"):
        read_plan(plan_file(tmp_path, one, target=""))


@pytest.mark.parametrize(
    ("url", "allow", "words"),
    [
        ("http://127.0.0.1:1/orders?event=1", (), None),
        ("https://shop.example/orders", ("shop.example",), None),
        ("https://shop.example/orders", (), "ledgers.0.url is not on this machine"),
        (f"http://127.0.0.1:1/orders?event={'hunter2' * 6}", (), "may be a token"),
        ("https://user:hunter2@shop.example/", ("shop.example",), "must not carry"),
    ],
)
def test_a_ledgers_host_has_to_be_allowed(url: str, allow: Any, words: str | None) -> None:
    found = list(ledger_problems([Ledger(name="orders", url=url)], allow))
    assert [words in each for each in found] == ([] if words is None else [True])
    assert "hunter2" not in "".join(found)
