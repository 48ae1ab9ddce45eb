"""What a database complained of: which mistake that is, what to do about it, and its own words.

The mistake is known by the code that drivers give: the SQLSTATE of PostgreSQL's, the number of
MySQL's and MariaDB's; SQLite has but words. Of a database that is none of these only the words are
told. No part of the database's URL is shown, whatever a driver says.
"""

from typing import Any, Final, Literal
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL

from dress_rehearsal.plans.visible import visible_line

Mistake = Literal[
    "table", "column", "syntax", "writes", "rights", "login", "database", "silent", "slow", "full"
]

_SENTENCES: Final[dict[Mistake, str]] = {
    "table": "its query names a table that is not there",
    "column": "its query names a column that is not there",
    "syntax": "its query is no SELECT that this database understands",
    "writes": "its query would write, and a ledger is only read: make it one SELECT",
    "rights": "the user that {variable} names may not read what its query asks for: grant SELECT",
    "login": "the database does not let in whom {variable} names: put user and password right",
    "database": "there is no such database as {variable} names, or its user may not use it: put "
    "the name right, or grant it",
    "silent": "no database answers where {variable} says: start it, or put the address right",
    "slow": "its query took longer than its timeout of {timeout_s:g} s: have it read less, or "
    "raise the ledger's timeout",
    "full": "the database takes no more connections: leave it one for the ledger",
}
_SQLSTATES: Final[dict[Mistake, str]] = {
    "table": "42P01 3F000",
    "column": "42703",
    "syntax": "42601",
    "writes": "25006",
    "rights": "42501",
    "login": "28P01 28000",
    "database": "3D000",
    "slow": "57014 55P03",
    "full": "53300",
}
_NUMBERS: Final[dict[Mistake, str]] = {
    "table": "1146",
    "column": "1054",
    "syntax": "1064",
    "writes": "1792 1836",
    "rights": "1142 1143 1227 1370",
    "login": "1045 1130 1251 1698",
    "database": "1044 1049",
    "silent": "2002 2003 2005",
    "slow": "1205 1317 1969 3024",
    "full": "1040 1203",
}
_MISTAKES: Final = {
    code: mistake
    for codes in (_SQLSTATES, _NUMBERS)
    for mistake, text in codes.items()
    for code in text.split()
}
_OF_WORDS: Final[tuple[tuple[str, Mistake], ...]] = (
    ("no such table", "table"),
    ("no such column", "column"),
    ("syntax error", "syntax"),
    ("incomplete input", "syntax"),
    ("readonly database", "writes"),
    ("interrupted", "slow"),
    ("database is locked", "slow"),
    ("unable to open database file", "database"),
    ("not a database", "database"),
    # A connection that does not come about has no SQLSTATE with psycopg.
    ("password authentication failed", "login"),
    ("no password supplied", "login"),
    ("connection refused", "silent"),
    ("connection timeout", "silent"),
    ("connection timed out", "silent"),
    ("failed to resolve host", "silent"),
    ("could not translate host", "silent"),
    ("no such file or directory", "silent"),
    ("too many clients", "full"),
    ("remaining connection slots", "full"),
)
_MISSING_DATABASE: Final = ("database ", " does not exist")
_SAYING: Final = frozenset({"writes", "slow"})
"""Mistakes of which the database's own words say no more."""
_SHORTEST: Final = 3
_LONGEST: Final = 300


def mistake_of(own: Any) -> Mistake | None:
    """Return which mistake an error of a driver is; None: one that is not known.

    Args:
        own: the driver's own error.
    """
    state = getattr(own, "sqlstate", None) or getattr(own, "pgcode", None)
    number = next(iter(getattr(own, "args", ())), None)
    for code in (state, number if isinstance(number, int) else None):
        if str(code) in _MISTAKES:
            return _MISTAKES[str(code)]
    said = " ".join(str(own).lower().split())
    begin, end = _MISSING_DATABASE
    if begin in said and said.rstrip(". ").endswith(end.strip()) and "relation" not in said:
        return "database"
    return next((mistake for words, mistake in _OF_WORDS if words in said), None)


def complaint(own: Any, variable: str, url: URL, dsn: str, timeout_s: float) -> str:
    """Return what is wrong and what to do, as the end of a sentence.

    Args:
        own: the driver's own error.
        variable: the environment variable that the URL is from.
        url, dsn: of the database; no part of either is shown.
    """
    mistake = mistake_of(own)
    said = f"the database says: {scrubbed(_own_words(own), url, dsn)}"
    if mistake is None:
        return said
    sentence = _SENTENCES[mistake].format(variable=variable, timeout_s=timeout_s)
    return sentence if mistake in _SAYING else f"{sentence} ({said})"


def scrubbed(text: str, url: URL, dsn: str) -> str:
    """Return what a driver said, in one line, without any part of the database's URL."""
    values = [url.username, url.password, url.host, url.database, dsn]
    for value in url.query.values():
        values += [value] if isinstance(value, str) else list(value)
    parts = {str(value) for value in values if value}
    parts |= {quoted(part) for part in tuple(parts) for quoted in (quote, quote_plus)}
    # What stands in the wrong place of it may be a secret as well.
    parts |= {part for part in dsn.replace("@", "/").replace(":", "/").split("/") if part}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST and part.lower() not in _WORDS:
            text = text.replace(part, "…")
    return visible_line(" ".join(text.split())[:_LONGEST]).rstrip(".")


def _own_words(own: Any) -> str:
    """Return what a driver says for people: without codes, and without the query once more."""
    told = getattr(own, "diag", None)
    first = getattr(told, "message_primary", None)
    if first:
        hint = getattr(told, "message_hint", None)
        return f"{first}. {hint}" if hint else str(first)
    match getattr(own, "args", ()):
        case (int(), str() as said, *_):
            return said
        case _:
            return str(own)


_WORDS: Final = frozenset(
    {
        *("postgresql", "postgres", "mysql", "mariadb", "sqlite", "oracle", "mssql", "localhost"),
        *("127.0.0.1", "postgresql+psycopg", "mysql+pymysql", "5432", "3306", "1521", "1433"),
    }
)
"""Words of a URL that are nobody's secret, and that sentences of drivers are made of."""
