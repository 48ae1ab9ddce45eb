"""The `[[ledgers]]`: where a target of somebody else's keeps what it sold, and how that is read."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, model_validator

from dress_rehearsal.plans.hosts import reading_refusal
from dress_rehearsal.plans.sections.request import Headers
from dress_rehearsal.plans.types import PositiveDuration, Section

COLUMNS: Final = (
    *("ticket", "student", "number", "count"),
    *("granted_ns", "granted_ms", "granted_s", "granted_at"),
)
"""What a ledger's rows are read for; a ticket, or else only a count, is a must."""

_KINDS: Final = ("dsn_env", "csv", "url")
_RESERVED: Final = frozenset({"gate", "queue"})
_VARIABLE: Final = r"^[A-Z_][A-Z0-9_]{0,63}$"
_ROWS: Final = re.compile(r"\$((\.[A-Za-z_][\w-]{0,60})|(\[\d{1,6}\]))*")
_FIELD: Final = re.compile(r"[^\x00-\x1f]{1,100}")


def _not_reserved(name: str) -> str:
    if name in _RESERVED:
        raise ValueError(f"the names {' and '.join(sorted(_RESERVED))} stand for something else")
    return name


def _path(text: str) -> str:
    if not _ROWS.fullmatch(text):
        raise ValueError(
            "expected a path of names and positions, such as $.orders or $.data.orders[0]; "
            "$ alone is the whole answer"
        )
    return text


def _columns(columns: dict[str, str]) -> dict[str, str]:
    if not columns.keys() <= set(COLUMNS):
        raise ValueError(f"the columns are {', '.join(COLUMNS)}")
    if not all(_FIELD.fullmatch(field) for field in columns.values()):
        raise ValueError("a field's name is one line")
    return columns


def _file(text: str) -> str:
    if "\0" in text:
        raise ValueError("expected the path of a file")
    return text


class Ledger(Section):
    """A table of what was sold: by SQL, as a CSV file, or as JSON over HTTP.

    It has a row a ticket, with the column `ticket` and, as far as they are known, `student` (as the
    roster has it), one of `granted_ns`, `granted_ms`, `granted_s` (since the Unix epoch) and
    `granted_at` (ISO 8601, or the database's own; UTC where it names no zone), and `number` (the
    order of grants). Or it has one row with one column, `count`.
    """

    name: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$"), AfterValidator(_not_reserved)
    ]
    dsn_env: Annotated[str, Field(pattern=_VARIABLE)] | None = None
    """The environment variable with the database's URL, as SQLAlchemy writes them."""
    csv: Annotated[str, Field(min_length=1), AfterValidator(_file)] | None = None
    """A file with a head, relative to the plan's folder."""
    url: str | None = None
    """What answers with JSON; its host must be allowed like the target's."""
    rows: Annotated[str, AfterValidator(_path)] | None = None
    """Where in that JSON the list of rows is, such as `$.orders`; all of it where left out."""
    headers: Headers = Field(default_factory=dict)
    """Sent with the request; a value may be `env:NAME`, read when it is used."""
    query: Annotated[str, Field(min_length=1, max_length=20_000)] | None = None
    """One SELECT; it is run in a transaction that cannot write, where the database has such."""
    columns: Annotated[dict[str, str], AfterValidator(_columns)] = Field(default_factory=dict)
    """What a column is called there: `ticket = "reference"`; of JSON also `customer.email`."""
    timeout: PositiveDuration = 10.0
    """How long one reading may take."""

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                "give one of three: dsn_env (with query), csv, or url; it is where the ledger is"
            )
        if (self.query is not None) != (self.dsn_env is not None):
            raise ValueError("dsn_env needs a query, and query needs dsn_env")
        if self.url is None and (self.rows is not None or self.headers):
            raise ValueError("rows and headers are for url")
        return self


def ledgers_named_once(ledgers: Sequence[Ledger]) -> None:
    """Check that every ledger has a name of its own.

    Raises:
        ValueError: two have the same.
    """
    names = [ledger.name for ledger in ledgers]
    if len(set(names)) < len(names):
        raise ValueError("every ledger needs a name of its own")


def ledger_problems(ledgers: Sequence[Ledger], allow: Sequence[str]) -> Iterator[str]:
    """Return why ledgers may not be asked for over HTTP, a sentence each.

    Args:
        allow: the plan's `target.allow`.
    """
    for position, ledger in enumerate(ledgers):
        if ledger.url is not None:
            wrong = reading_refusal(f"ledgers.{position}.url", ledger.url, allow)
            if wrong is not None:
                yield wrong


def placed(document: Any, beside: Any) -> None:
    """Make the paths of a plan's CSV files absolute ones: a run is made elsewhere.

    Args:
        document: the plan as it was parsed; what is wrong in it is left for its check.
        beside: the plan's folder.
    """
    ledgers = document.get("ledgers")
    for ledger in ledgers if isinstance(ledgers, list) else ():
        file = ledger.get("csv") if isinstance(ledger, dict) else None
        if isinstance(file, str) and file and "\0" not in file:
            ledger["csv"] = str(beside.absolute() / file)
