"""A crowd of a few lines, which asks a shop directly and not through a rehearsal.

It starts a shop as its plan says, has a hundred people click within half a second, some of them
twice and one before the sale, and reads the shop's own tables.
"""

import asyncio
import csv
import re
import shlex
import subprocess
import time
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psycopg

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PEOPLE = list(csv.DictReader((EXAMPLES / "roster.csv").read_text().splitlines()))[:100]
OUTSIDERS = sum(person["enrolled"] == "0" for person in PEOPLE)
TWICE = range(41, 60)
FIRST = 9
"""Who clicks early: somebody who may buy."""
OPENS_IN_S = 0.8
EARLY_S = 0.3
STARTS_S = 20.0

Answer = tuple[int, str]
Click = Callable[[], Awaitable[Answer]]
Login = Callable[[aiohttp.ClientSession, dict[str, str]], Awaitable[Click]]


@dataclass(frozen=True)
class Sale:
    """What people were told, and what the shop wrote."""

    early: int
    """Status of the click before the sale."""
    answers: list[Answer]
    seconds: list[float]
    rows: list[tuple[str, str]]
    metrics: str

    @property
    def granted(self) -> list[str]:
        return [ticket for status, ticket in self.answers if status == 201]

    @property
    def lost(self) -> set[str]:
        return {*self.granted} - {ticket for ticket, _ in self.rows}

    @property
    def second_tickets(self) -> int:
        return len(self.rows) - len({owner for _, owner in self.rows})


def sale(shop: str, fault: str, environment: dict[str, str]) -> Sale:
    """Start a shop, have the crowd buy, and stop it."""
    plan = tomllib.loads((EXAMPLES / shop / "plan.toml").read_text())
    with _serving(shop, plan["target"], environment | {"SHOP_FAULT": fault}):
        early, answers, seconds, metrics = asyncio.run(_rush(shop, plan, environment))
    (ledger,) = plan["ledgers"]
    with psycopg.connect(environment["SHOP_DSN"]) as connection:
        rows = [(row[0], row[1]) for row in connection.execute(ledger["query"])]
    return Sale(early, answers, seconds, rows, metrics)


@contextmanager
def _serving(shop: str, target: dict[str, Any], environment: dict[str, str]) -> Iterator[None]:
    folder = EXAMPLES / shop
    if "command" in target["reset"]:
        words = shlex.split(target["reset"]["command"])
        subprocess.run(words, cwd=folder, env=environment, check=True, timeout=30)
    words = shlex.split(target["command"])
    with subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(15)


async def _rush(
    shop: str, plan: dict[str, Any], environment: dict[str, str]
) -> tuple[int, list[Answer], list[float], str]:
    target = plan["target"]
    connector = aiohttp.TCPConnector(limit=0)
    people = [
        aiohttp.ClientSession(
            target["url"],
            connector=connector,
            connector_owner=False,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
        )
        for _ in PEOPLE
    ]
    async with connector:
        operator = people[0]
        await _until_ready(operator, target["ready"])
        if "request" in target["reset"]:
            await _ask(operator, target["reset"], 0, environment)
        clicks = await asyncio.gather(*map(LOGINS[shop], people, PEOPLE))
        t0 = time.time() + OPENS_IN_S
        await _ask(operator, target["opening"], t0, environment)
        early = asyncio.create_task(_click(clicks[FIRST], t0 - EARLY_S))
        due = [(click, t0 + 0.02 + 0.004 * place) for place, click in enumerate(clicks)]
        due += [(clicks[place], t0 + 0.1 + 0.004 * place) for place in TWICE]
        found = await asyncio.gather(*(_click(click, at) for click, at in due))
        (status, _), _ = await early
        async with operator.get(plan["metrics"][0]["url"]) as answer:
            metrics = await answer.text()
        for person in people:
            await person.close()
    return status, [answer for answer, _ in found], [seconds for _, seconds in found], metrics


async def _until_ready(session: aiohttp.ClientSession, path: str) -> None:
    deadline = time.monotonic() + STARTS_S
    while True:
        try:
            async with session.get(path) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            pass
        assert time.monotonic() < deadline, "the shop does not start"
        await asyncio.sleep(0.05)


async def _ask(
    session: aiohttp.ClientSession, asked: dict[str, Any], t0: float, environment: dict[str, str]
) -> None:
    """Send the plan's request that opens or resets the shop."""
    method, path = asked["request"].split()
    instants = {
        "{t0_ms}": round(t0 * 1000),
        "{t0_s}": t0,
        "{t0_iso}": datetime.fromtimestamp(t0, UTC).isoformat(),
    }
    body = {key: instants[value] for key, value in asked.get("json", {}).items()}
    headers = {"X-Admin-Key": environment["SHOP_ADMIN_KEY"]}
    async with session.request(method, path, json=body, headers=headers) as answer:
        assert answer.status == 204


async def _click(click: Click, at: float) -> tuple[Answer, float]:
    await asyncio.sleep(max(at - time.time(), 0))
    began = time.monotonic()
    return await click(), time.monotonic() - began


async def _flask(session: aiohttp.ClientSession, person: dict[str, str]) -> Click:
    async with session.get("/login") as page:
        found = re.search('csrf" value="(.+?)"', await page.text())
    assert found is not None
    form = {"csrf": found[1], "email": person["student"], "pin": person["pin"]}
    async with session.post("/login", data=form, allow_redirects=False) as answer:
        assert answer.status == 303

    async def click() -> Answer:
        async with session.post("/orders", data={"csrf": form["csrf"]}) as answer:
            return answer.status, await _ticket(answer, "reference")

    return click


async def _fastapi(session: aiohttp.ClientSession, person: dict[str, str]) -> Click:
    login = {"member": person["member"], "pin": person["pin"]}
    async with session.post("/token", json=login) as answer:
        token = (await answer.json())["access_token"]

    async def click() -> Answer:
        bearer = {"Authorization": f"Bearer {token}"}
        async with session.post("/tickets", headers=bearer) as answer:
            return answer.status, await _ticket(answer, "ticket")

    return click


async def _express(session: aiohttp.ClientSession, person: dict[str, str]) -> Click:
    login = {"email": person["student"], "pin": person["pin"]}
    async with session.post("/session", json=login) as answer:
        assert answer.status == 201

    async def click() -> Answer:
        async with session.post("/shows/winterfest/seats") as answer:
            return answer.status, await _ticket(answer, "seat", "code")

    return click


async def _ticket(answer: aiohttp.ClientResponse, *keys: str) -> str:
    if answer.status != 201:
        return ""
    found = await answer.json()
    for key in keys:
        found = found[key]
    return str(found)


LOGINS: dict[str, Login] = {"flask": _flask, "fastapi": _fastapi, "express": _express}
