"""The draft: a plan and a scenario with what was found filled in, and what was guessed marked."""

import json
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.rehearsal.first_contact.candidates import Candidate
from dress_rehearsal.rehearsal.first_contact.openapi import Guesses, Route

_NOT_IN_NAMES: Final = re.compile("[^a-z0-9]+")
_LONGEST_NAME: Final = 40
_LONGEST_LINE: Final = 100
_INDENT: Final = " " * 12
_REFUSALS: Final = (
    (409, "sold_out"),
    (410, "sold_out"),
    (425, "too_early"),
    (403, "not_eligible"),
)
"""What a shop most often means by a status; only those that are documented are written."""
_USUAL: Final = frozenset({403, 409})
_NO_DOCUMENT: Final = Guesses("", 0, None, None, None)


@dataclass(frozen=True, slots=True)
class Exposition:
    """Metrics that were found.

    Attributes:
        presets: whose series are there, by name.
        candidates: series besides that may be a pool's, a guess.
    """

    url: str
    presets: Sequence[str]
    candidates: Sequence[Candidate] = ()


def name_of(title: str) -> str:
    """Return a plan's name made of a title from outside; `own-app` where it holds no letters."""
    name = _NOT_IN_NAMES.sub("-", title.lower()).strip("-")[:_LONGEST_NAME].rstrip("-")
    return name or "own-app"


def plan_text(
    name: str,
    url: str,
    allow: Sequence[str],
    exposition: Exposition | None,
    module: str,
    ca_file: str | None = None,
) -> str:
    """Return a plan of at most 20 lines of code, and comments that say what to do with them.

    Args:
        url: of the target; checked.
        allow: hosts beside loopback that it may be.
        module: the scenario's file name.
        ca_file: what is trusted beside the system's certificates.
    """
    lines = [
        "# A dress rehearsal of your own app. Written by `rehearse init`: read it, change it, then",
        f"# try it with one student: rehearse probe {name}.toml",
        f'name = "{name}"',
        "",
        "[scenario]",
        f'file = "{module}"  # what arriving, logging in and buying mean in your app',
        "",
        "[event]",
        "students = 100  # how many act",
        '# roster = "people.csv"  # who may log in: a line each, below student,pin,enrolled',
        "tickets = 50    # how many there are to sell",
        "per_student = 1 # 0: as many as they like",
        '# order_within = "500 ms"  # by how much one may be overtaken; well below the sale',
        "",
        "[target]",
        'stage = "external"',
        f"url = {json.dumps(url)}",
        '# command = "gunicorn shop:app"  # have the app started and stopped with every rehearsal',
    ]
    if allow:
        lines.append(f"allow = {json.dumps(list(allow))}")
    trust = [] if ca_file is None else [f"ca_file = {json.dumps(ca_file)}"]
    lines += trust
    lines += [
        "",
        "# When the sale opens. One of three: the app sells already, it opens by its own clock, or",
        "# a request opens it, in which {t0_ms} and {t0_iso} stand for the instant.",
        "[target.opening]",
        "already = true",
        '# at = "2026-12-01T10:00:00+09:00"',
        '# request = "POST /admin/open"',
        '# headers = { Authorization = "env:SHOP_ADMIN" }  # read from the environment, never kept',
        '# json = { opensAt = "{t0_iso}" }',
        "",
    ]
    lines += _metrics_lines(exposition, trust)
    lines += [
        "# Who holds a ticket, as your database has it: without it the audit knows answers only.",
        "# [[ledgers]]",
        '# name = "orders"',
        '# dsn_env = "SHOP_DSN"  # the environment variable with the SQLAlchemy URL',
        '# query = "SELECT id AS ticket, email AS student, created_at AS granted_at FROM orders"',
        "",
    ]
    return "\n".join(lines)


def _metrics_lines(found: Exposition | None, trust: Sequence[str]) -> list[str]:
    if found is None:
        return [
            "# No metrics were found. With them the report says which pool was waited for.",
            "# [[metrics]]",
            '# name = "shop"',
            '# url = "http://127.0.0.1:8000/metrics"',
            '# pools = "sqlalchemy"',
            "",
        ]
    guessed = _guessed_pools(found, trust)
    if not found.presets and guessed:
        return ["# There are metrics, but none of a pool that is known by name.", *guessed, ""]
    if not found.presets:
        return [
            "# There are metrics, but none of a pool that is known by name. Say which series",
            "# are which, and `rehearse probe` shows what they hold.",
            "# [[metrics]]",
            '# name = "shop"',
            f"# url = {json.dumps(found.url)}",
            *(f"# {line}" for line in trust),
            '# pools = { used = "…", max = "…", pending = "…" }',
            "",
        ]
    return [
        "# Pools whose series were found there.",
        "[[metrics]]",
        'name = "shop"',
        f"url = {json.dumps(found.url)}",
        *trust,
        f"pools = {json.dumps(list(found.presets))}",
        "",
        *([*guessed, ""] if guessed else []),
    ]


def _guessed_pools(found: Exposition, trust: Sequence[str]) -> list[str]:
    """Return what may be pools as comments."""
    if not found.candidates:
        return []
    lines = [
        "# GUESS, by their names alone: these series may be a pool's. Where they are, take away",
        "# the comment signs, and `rehearse probe` shows what they hold.",
    ]
    for number, candidate in enumerate(found.candidates, start=2 if found.presets else 1):
        lines += [
            "# [[metrics]]",
            f'# name = "shop{f"-{number}" if number > 1 else ""}"',
            f"# url = {json.dumps(found.url)}",
            *(f"# {line}" for line in trust),
            "# [metrics.pools]",
            *(f"# {line}" for line in candidate.lines),
        ]
    return lines


def scenario_text(guesses: Guesses | None, page: str) -> str:
    """Return a scenario of at most 20 lines of code.

    Args:
        guesses: from the OpenAPI document; None: there was none.
        page: a path that is known to answer.
    """
    found = guesses or _NO_DOCUMENT
    lines = [
        '"""One customer: what each moment of a ticket open means in this app.',
        "",
        "Written by `rehearse init`. What follows a GUESS is read from the app's OpenAPI document,",
        "or made up: put it right, then see what happens with `rehearse probe`.",
        '"""',
        "",
        "from dress_rehearsal.scenarios import Buyer, Granted, Refused",
        "",
        "",
        "class Customer(Buyer):",
        "    def arrive(self):",
        *_page_lines(found.page, page),
        "",
        *_login_lines(found.login),
        "",
        *_purchase_lines(found.purchase, found.login),
        "",
    ]
    return "\n".join(lines)


def _page_lines(route: Route | None, page: str) -> list[str]:
    if route is None:
        return [f'        self.client.get("{page}")']
    return ["        # GUESS: the page where one buys.", *_call(route, {})]


def _login_lines(route: Route | None) -> list[str]:
    if route is None:
        return [
            "    # GUESS: nobody logs in. If they do: self.person is their line of the roster, and",
            "    # cookies are kept by themselves.",
            "    # def log_in(self):",
            '    #     me = {"email": self.person.student, "password": self.person.pin}',
            '    #     self.client.post("/login", data=me)',
        ]
    call = _call(route, {}, "answer = " if route.told else "")
    return [
        f"    # GUESS: {route.method} {route.path} logs in. Cookies are kept by themselves.",
        "    def log_in(self):",
        *call,
        *([f'        self.token = answer.json()["{route.told}"]'] if route.told else ()),
    ]


def _purchase_lines(route: Route | None, login: Route | None) -> list[str]:
    if route is None:
        guess, route = "nothing told where one buys", Route("POST", "/orders", "/orders")
    else:
        guess = f"{route.method} {route.path} buys"
    headers = {}
    if login is not None and login.told:
        headers["Authorization"] = 'f"Bearer {self.token}"'
    documented = [each for each in _REFUSALS if each[0] in route.statuses]
    usual = [each for each in _REFUSALS if each[0] in _USUAL]
    return [
        f"    # GUESS: {guess}, and a status means what stands behind it.",
        "    def buy(self):",
        *_call(route, headers, "answer = "),
        "        match answer.status:",
        "            case 200 | 201:",
        "                # What you call the ticket, as the ledger has it too.",
        f'                return Granted(answer.json()["{route.told or "id"}"])',
        *(
            f'            case {status}: return Refused("{reason}")'
            for status, reason in documented or usual
        ),
    ]


def _call(route: Route, headers: dict[str, str], before: str = "") -> list[str]:
    """Return the call of the client that sends a route's request, on a line or several."""
    words = [f'"{route.filled}"']
    if route.is_named:
        words.append(f'name="{route.method} {route.path}"')
    if route.fields:
        words.append(f"{'data' if route.form else 'json'}={_dict(route.fields)}")
    if headers:
        words.append(f"headers={_dict(headers)}")
    call, arguments = f"{before}self.client.{route.method.lower()}", ", ".join(words)
    whole = f"        {call}({arguments})"
    if len(whole) <= _LONGEST_LINE:
        return [whole]
    lines = [f"        {call}("]
    line = _INDENT
    for word in words:
        if line != _INDENT and len(f"{line} {word},") > _LONGEST_LINE:
            lines.append(line)
            line = _INDENT
        line += f"{'' if line == _INDENT else ' '}{word},"
    return [*lines, f"{line.removesuffix(',')})"]


def _dict(values: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{name!r}: {value}' for name, value in values.items())}}}".replace(
        "'", '"'
    )


def module_of(name: str) -> str:
    """Return the file name of the scenario that belongs to a plan of that name."""
    module = name.replace("-", "_")
    if module[0].isdigit() or keyword.iskeyword(module):
        module = f"shop_{module}"
    return f"{module}.py"
