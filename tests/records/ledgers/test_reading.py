"""Ledgers are read wherever they are, change nothing there, and say what is wrong without a secret.

PostgreSQL and SQLite are real ones, read through SQLAlchemy; HTTP is a server of this process.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from dress_rehearsal.plans.sections.ledgers import Ledger
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records.ledgers import LedgerUnreadableError, Row, read_ledger, read_ledgers

TARGET = Target(stage="external", url="http://127.0.0.1:1")
TICKETS = [Row("T1", "ana@x", 1_795_917_600_500_000_000, 1), Row("T2", "bo@x", None, None)]
AT = "2026-11-29T02:00:00.500Z"


def sql(query: str, **keys: Any) -> Ledger:
    return Ledger(name="orders", dsn_env="SHOP_DSN", query=query, **keys)


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(path)) as shop:
        shop.execute("CREATE TABLE orders (ref text, who text, at text, no integer)")
        shop.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            [("T1", "ana@x", "2026-11-29 02:00:00.500", 1), ("T2", "bo@x", None, None)],
        )
        shop.commit()
    monkeypatch.setenv("SHOP_DSN", f"sqlite:///{path}")
    return path


@pytest.fixture
def postgres(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_dsn, autocommit=True) as shop:
        shop.execute("DROP TABLE IF EXISTS orders")
        shop.execute("CREATE TABLE orders (ref text, who text, at timestamptz, no integer)")
        shop.execute(
            "INSERT INTO orders VALUES ('T1', 'ana@x', %s, 1), ('T2', 'bo@x', NULL, NULL)", [AT]
        )
        monkeypatch.setenv("SHOP_DSN", as_url(shop))
        yield shop
        shop.execute("DROP TABLE orders")


def as_url(shop: psycopg.Connection) -> str:
    info = shop.info
    return f"postgresql://{info.user}@/{info.dbname}?host={info.host}&port={info.port}"


@contextlib.contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    asked: list[Any] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/orders", asked
        finally:
            server.shutdown()
            thread.join(5)


QUERY = "SELECT ref AS ticket, who AS student, at AS granted_at, no AS number FROM orders"


@pytest.mark.servers
def test_postgresql_is_read_and_cannot_be_written(postgres: psycopg.Connection) -> None:
    reading = read_ledger(
        sql(f"{QUERY} WHERE ref LIKE 'T%' AND '12:30' <> ':x' ORDER BY no"), TARGET
    )
    assert list(reading.rows) == TICKETS
    assert reading.columns == ("ticket", "student", "number", "granted")
    with pytest.raises(LedgerUnreadableError):
        read_ledger(sql("DELETE FROM orders RETURNING ref AS ticket"), TARGET)
    with pytest.raises(LedgerUnreadableError, match="timeout"):
        read_ledger(sql("SELECT pg_sleep(9) AS ticket", timeout="300ms"), TARGET)
    with pytest.raises(LedgerUnreadableError, match='"baskets" does not exist'):
        read_ledger(sql("SELECT ref AS ticket FROM baskets"), TARGET)
    assert postgres.execute("SELECT count(*) FROM orders").fetchone() == (2,)


@pytest.mark.servers
def test_an_apps_own_url_is_read_with_a_driver_that_waits(
    postgres: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scheme in ("postgres", "postgresql+asyncpg", "postgresql+psycopg2"):
        monkeypatch.setenv("SHOP_DSN", as_url(postgres).replace("postgresql", scheme, 1))
        assert read_ledger(sql("SELECT count(*) AS count FROM orders"), TARGET).count == 2


def test_sqlite_is_read_and_cannot_be_written(sqlite: Path) -> None:
    assert list(read_ledger(sql(QUERY), TARGET).rows) == TICKETS
    with pytest.raises(LedgerUnreadableError, match="its query would write"):
        read_ledger(sql("DELETE FROM orders RETURNING ref AS ticket"), TARGET)
    counted = read_ledger(sql("SELECT count(*) AS count FROM orders"), TARGET)
    assert (counted.columns, counted.count, counted.rows) == (("count",), 2, ())


def test_no_database_is_made_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DSN", f"sqlite:///{tmp_path / 'hunter2.db'}")
    with pytest.raises(LedgerUnreadableError, match="there is no file where SHOP_DSN says"):
        read_ledger(sql("SELECT 1 AS count"), TARGET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("", "SHOP_DSN, which the plan names, is not set"),
        ("hunter2", "is no URL of a database"),
        ("hunter2://u:hunter2@localhost/db", "has no dialect"),
        ("oracle+oracledb://u:hunter2@localhost/db", "run pip install oracledb"),
        ("mysql://u:hunter2@localhost/db", "run pip install PyMySQL"),
        ("postgresql://u:hunter2@10.0.0.1/db", "target.allow does not name it"),
        ("postgresql://u:hunter2@/db?host=10.0.0.1", "target.allow does not name it"),
        ("mssql+pyodbc://?odbc_connect=hunter2", "does not name the database's host"),
        ("postgresql://u:hunter2@127.0.0.1:1/db", "Connection refused"),
        ("postgresql://u:p@localhost:1/hunter2?hunter2=1", ""),
    ],
)
def test_what_is_wrong_with_a_databases_url_is_said_without_it(
    monkeypatch: pytest.MonkeyPatch, dsn: str, words: str
) -> None:
    monkeypatch.setenv("SHOP_DSN", dsn)
    found = read_ledgers([sql("SELECT 1 AS count", timeout="2s")], TARGET)["orders"]
    assert isinstance(found, LedgerUnreadableError)
    assert words in str(found)
    assert "hunter2" not in str(found)


def test_a_csv_is_read_with_columns_of_its_own_names(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"\ufeffref,who,granted_at,number\nT1,ana@x,{AT},1\nT2,bo@x,,\n")
    called = {"ticket": "ref", "student": "who"}
    reading = read_ledger(Ledger(name="orders", csv=str(path), columns=called), TARGET)
    assert list(reading.rows) == TICKETS


def test_json_is_read_over_http_with_the_headers_of_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2")
    orders = [
        {"ref": "T1", "customer": {"email": "ana@x"}, "granted_ms": 1_795_917_600_500, "number": 1},
        {"ref": "T2", "customer": {"email": "bo@x"}},
    ]
    body = json.dumps({"data": [{"orders": orders}]}).encode()
    with answering(body) as (url, asked):
        ledger = Ledger(
            name="orders",
            url=f"{url}?all=1",
            rows="$.data[0].orders",
            headers={"Authorization": "Bearer env:SHOP_TOKEN"},
            columns={"ticket": "ref", "student": "customer.email"},
        )
        assert list(read_ledger(ledger, TARGET).rows) == TICKETS
    path, headers = asked[0]
    assert path == "/orders?all=1"
    assert headers["Authorization"] == "Bearer hunter2"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"<html>", 200, "what is no JSON"),
        (b"{}", 200, r"nothing at \$\.orders: \$ is an object"),
        (b'{"orders": 3}', 200, "a single value, not a list of objects"),
        (b'{"orders": [1]}', 200, "a list of other things"),
        (b'{"orders": [{"id": 1}]}', 200, "no column ticket, and no count either; there are id"),
        (b"", 302, "a redirect, which is not followed"),
        (b"", 401, "answered 401"),
    ],
)
def test_an_answer_that_is_no_ledger_is_said_to_be_none(
    body: bytes, status: int, words: str
) -> None:
    with answering(body, status) as (url, _), pytest.raises(LedgerUnreadableError, match=words):
        read_ledger(Ledger(name="orders", url=url, rows="$.orders"), TARGET)


@pytest.mark.parametrize(
    ("head", "row", "words"),
    [
        ("reference,email", "T1,ana", "no column ticket, and no count either; there are reference"),
        ("ticket,granted_ns", "T1,soon", "column granted_ns is in row 1 the text soon"),
        (
            "ticket,granted_ms",
            f"T1,{AT}",
            "not a number of ms .a column of times is called granted",
        ),
        ("ticket,granted_at", "T1,1795917600", "granted_at is in row 1 the text 1795917600"),
        ("ticket,number", "T1,first", "its column number is in row 1 the text first"),
        ("count", "many", "its column count is in row 1 the text many"),
        ("count", "1\n2", "a count is one row, and there are 2"),
        ("ticket", 'T1,"', "no CSV|fields"),
    ],
)
def test_a_wrong_column_is_named_with_what_is_there(
    tmp_path: Path, head: str, row: str, words: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"{head}\n{row}\n")
    with pytest.raises(LedgerUnreadableError, match=words):
        read_ledger(Ledger(name="orders", csv=str(path)), TARGET)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("granted_ns", "1795917600500000000"),
        ("granted_ms", "1795917600500"),
        ("granted_s", "1795917600.5"),
        ("granted_at", AT),
        ("granted_at", "2026-11-29T11:00:00.5+09:00"),
        ("granted_at", "2026-11-29 02:00:00.500"),
    ],
)
def test_a_time_is_read_in_each_of_its_forms(tmp_path: Path, column: str, value: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"TICKET,{column}\nT1,{value}\n")
    reading = read_ledger(Ledger(name="orders", csv=str(path)), TARGET)
    assert reading.rows[0].granted_ns == 1_795_917_600_500_000_000


def test_who_does_not_answer_holds_nobody(sqlite: Path) -> None:
    """One ledger's server takes connections and says nothing; the other is read all the same."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        found = read_ledgers(
            [Ledger(name="silent", url=url, timeout="200ms"), sql("SELECT 2 AS count")], TARGET
        )
    assert "no whole answer within 0.2 s" in str(found["silent"])
    orders = found["orders"]
    assert not isinstance(orders, LedgerUnreadableError)
    assert orders.count == 2


def test_sqlite_stops_a_query_that_takes_too_long(sqlite: Path) -> None:
    endless = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*)"
    ledger = sql(f"{endless} AS count FROM r", timeout="200ms")
    with pytest.raises(LedgerUnreadableError, match="took longer than its timeout"):
        read_ledger(ledger, TARGET)


@pytest.mark.parametrize("key", ["read_default_file=/my.cnf", "service=shop", "odbc_connect=x"])
def test_a_database_whose_host_stands_elsewhere_is_not_asked(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DSN", f"mysql+pymysql://u@/shop?{key}")
    with pytest.raises(LedgerUnreadableError, match="does not name the database's host"):
        read_ledger(sql("SELECT 1 AS ticket"), TARGET)


def test_what_is_on_this_machine_is_asked_without_the_targets_proxy() -> None:
    target = Target(stage="external", url="https://shop.example", proxy="http://127.0.0.1:1")
    with answering(b'[{"ticket": "T1"}]') as (url, _):
        assert read_ledger(Ledger(name="orders", url=url), target).count == 1
