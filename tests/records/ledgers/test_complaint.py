"""What a database complains of is a mistake with a name, told without a secret of its URL."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from dress_rehearsal.plans.sections.ledgers import Ledger
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records.ledgers import LedgerUnreadableError, read_ledger
from dress_rehearsal.records.ledgers.complaint import complaint, mistake_of

TARGET = Target(stage="external", url="http://127.0.0.1:1")
DSN = "mysql+pymysql://reader:hunter2@db.example/winter"
MISTAKES = [
    ("SELECT ref AS ticket FROM ordrs", "names a table that is not there", "there are orders"),
    ("SELECT reff AS ticket FROM orders", "names a column that is not there", "reff"),
    ("SELEC ref AS ticket FROM orders", "is no SELECT that this database understands", "SELEC"),
    ("DELETE FROM orders", "would write, and a ledger is only read", "make it one SELECT"),
]


class DriversError(Exception):
    """An error as PyMySQL raises them: a number, and words."""


def refused(query: str, **keys: Any) -> str:
    with pytest.raises(LedgerUnreadableError) as found:
        read_ledger(Ledger(name="orders", dsn_env="SHOP_DSN", query=query, **keys), TARGET)
    assert "hunter2" not in str(found.value)
    return str(found.value)


@pytest.mark.parametrize(("query", "mistake", "more"), MISTAKES)
def test_a_wrong_query_of_sqlite_is_named(
    query: str, mistake: str, more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hunter2.db"
    with contextlib.closing(sqlite3.connect(path)) as shop:
        shop.execute("CREATE TABLE orders (ref text)")
    monkeypatch.setenv("SHOP_DSN", f"sqlite:///{path}")
    said = refused(query)
    assert mistake in said
    assert more in said
    path.write_bytes(
        b"no database at all, whatever its name says, and longer than a page's head" * 9
    )
    assert "there is no such database as SHOP_DSN names" in refused(
        "SELECT ref AS ticket FROM orders"
    )


@pytest.mark.servers
def test_a_wrong_query_of_postgresql_is_named(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as shop:
        shop.execute("DROP TABLE IF EXISTS orders")
        shop.execute("DROP ROLE IF EXISTS hunter2_guest")
        shop.execute("CREATE TABLE orders (ref text)")
        info = shop.info
        where = f"host={info.host}&port={info.port}"
        own = f"postgresql://{info.user}@/{info.dbname}?{where}"
        try:
            monkeypatch.setenv("SHOP_DSN", own)
            for query, mistake, more in MISTAKES[:-1]:
                said = refused(query)
                assert mistake in said
                assert more in said
            assert "is no SELECT" in refused("DELETE FROM orders")
            assert "longer than its timeout of 0.2 s" in refused(
                "SELECT pg_sleep(9) AS ticket", timeout="200ms"
            )
            monkeypatch.setenv("SHOP_DSN", f"postgresql://{info.user}@/hunter2_shop?{where}")
            assert "no such database as SHOP_DSN names" in refused("SELECT 1 AS count")
            shop.execute("CREATE ROLE hunter2_guest LOGIN")
            monkeypatch.setenv("SHOP_DSN", f"postgresql://hunter2_guest@/{info.dbname}?{where}")
            assert "may not read what its query asks for" in refused("SELECT ref FROM orders")
        finally:
            shop.execute("DROP TABLE orders")
            shop.execute("DROP ROLE IF EXISTS hunter2_guest")


@pytest.mark.parametrize(
    ("number", "words", "mistake"),
    [
        (1146, "Table 'winter.ordrs' doesn't exist", "table"),
        (1054, "Unknown column 'n0' in 'SELECT'", "column"),
        (1064, "You have an error in your SQL syntax", "syntax"),
        (1792, "Cannot execute statement in a READ ONLY transaction", "writes"),
        (1142, "SELECT command denied to user 'reader'@'localhost'", "rights"),
        (1045, "Access denied for user 'reader'@'localhost' (using password: YES)", "login"),
        (1044, "Access denied for user 'reader'@'%' to database 'winter'", "database"),
        (1049, "Unknown database 'winter'", "database"),
        (2003, "Can't connect to MySQL server on 'db.example'", "silent"),
        (1969, "Query execution was interrupted (max_statement_time exceeded)", "slow"),
        (3024, "Query execution was interrupted, maximum statement execution time", "slow"),
        (1040, "Too many connections", "full"),
        (9999, "Something of its own", None),
    ],
)
def test_mysqls_numbers_are_known_and_nothing_of_the_url_is_shown(
    number: int, words: str, mistake: str | None
) -> None:
    own = DriversError(number, words)
    assert mistake_of(own) == mistake
    said = complaint(own, "SHOP_DSN", make_url(DSN), DSN, 10.0)
    assert not any(part in said for part in ("reader", "hunter2", "db.example", "winter"))
    assert str(number) not in said
