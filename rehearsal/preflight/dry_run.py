"""The dry run: what a rehearsal would start, send and read, in sentences; not a packet leaves.

What may be a secret is hidden: of `env:NAME` the name is shown, of other values what cannot be one.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from dress_rehearsal.compose.external.ramp import REQUESTS
from dress_rehearsal.plans import Person, Plan, format_duration, format_share
from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.plans.secrets import names_a_secret, variable_of
from dress_rehearsal.plans.sections.request import PlannedRequest, shown_request
from dress_rehearsal.plans.shown import HIDDEN, looks_secret, shown
from dress_rehearsal.rehearsal.preflight.external_target import first_needed_s, needs_admin_token
from dress_rehearsal.rehearsal.preflight.forecast import Moment, forecast, hedge
from dress_rehearsal.reports.words import (
    agreeing,
    counted,
    offset,
    written,
)

_PLACEHOLDERS: Final = re.compile(r"[\w .:-]{0,24}\{\w+\}[\w .:-]{0,24}")
_LONGEST_WORD: Final = 80
_LONGEST_KEY: Final = 24


def dry_run(plan: Plan, people: Sequence[Person]) -> list[str]:
    """Return what a rehearsal of a checked plan would do, a line each."""
    lines = [f"Dry run of {plan.name}: nothing is started, sent or read."]
    if plan.target.ours:
        lines.append(
            "Everything is sent to an app of our own, which is started here for it and listens on "
            "this machine only (127.0.0.1)."
        )
    else:
        lines += [*_whither(plan), "", "Before the first arrival:", *_indented(_setup(plan))]
    lines += ["", *_load(plan, people)]
    reading = [*_read(plan, "ledgers"), *_read(plan, "metrics")]
    if reading:
        lines += ["", "Read besides:", *_indented(reading)]
    lines += ["", *_stops(plan)]
    if plan.notify.slack_webhook_env is not None:
        lines.append(f"The verdict is posted to the webhook in {plan.notify.slack_webhook_env}.")
    return lines


def _whither(plan: Plan) -> Iterator[str]:
    target = plan.target
    yield f"Everything is sent to {target.url} ({_whose(target.url)})."
    others = sorted(set(target.allow) - {urlsplit(target.url or "").hostname or ""})
    if others:
        yield f"Besides, target.allow lets redirects, ledgers and metrics go to {_all(others)}."
    if target.proxy is not None:
        yield f"It goes through the proxy {target.proxy}."
    if target.headers:
        yield f"Every request carries {_all(_pairs(target.headers))}."


def _setup(plan: Plan) -> Iterator[str]:
    target, opening, reset = plan.target, plan.target.opening, plan.target.reset
    if reset is not None and reset.command is not None:
        yield f"reset: {_command(reset.command)} in {target.folder}"
    if target.command is not None:
        yield f"start: {_command(target.command)} in {target.folder}"
        if target.environment:
            yield f"  with {_all(_pairs(target.environment))}"
        ready = "its port takes connections" if target.ready is None else f"GET {target.ready}"
        yield f"  ready when: {ready}, within {format_duration(target.ready_within_s)}"
    if reset is not None and reset.request is not None:
        yield f"reset: {_request(reset)}"
    yield f"ramp check: {REQUESTS} requests: does it answer, and does its clock agree?"
    if opening is not None and opening.request is not None:
        yield f"open: {_request(opening)}"
    elif needs_admin_token(plan):
        yield "open: by the admin route of the bundled scenario, with REHEARSE_ADMIN_TOKEN"
    elif opening is not None and opening.at is not None:
        needed = format_duration(float(round(first_needed_s(plan))))
        yield f"open: nothing is sent; T-0 is {opening.at.isoformat()}: start {needed} before"
    else:
        yield "open: nothing is sent; the sale is taken to be open, and T-0 is when the rush begins"


def _load(plan: Plan, people: Sequence[Person]) -> Iterator[str]:
    load = getattr(plan, "load", None)
    if load is not None:
        yield (
            f"The load is the Locust file's own: {counted(load.users or 1, 'user')} at most, "
            f"{load.spawn_rate or 1:g} begun a second"
            f"{_for(load.run_time)}. How often each of them asks, the file alone knows."
        )
        return
    schedule = plan.schedule
    yield (
        f"{counted(plan.event.students, 'student')} from T-0 − {format_duration(schedule.lead)} to "
        f"T-0 + {format_duration(schedule.sale)}, with seed {plan.seed}; T-0 is when the sale "
        f"{'opens' if plan.opens_at_t0 else 'is taken to open'}. First tries:"
    )
    moments = forecast(plan, people)
    for moment in moments:
        yield f"  {_line(moment)}"
    hedged = hedge(plan)
    if hedged is not None:
        yield hedged
    yield (
        f"What is tried again comes on top (each buys up to "
        f"{counted(plan.students.attempts, 'time')}), as do ticket pages and the entrance; nobody "
        f"waits for an answer longer than {format_duration(plan.students.timeout)}."
    )


def _line(moment: Moment) -> str:
    times = agreeing(moment.count, "time")
    return (
        f"{moment.name:<9}{written(moment.count):>9} {times}, at most {written(moment.peak):>7} in "
        f"one second: that of {offset(moment.peak_s)}"
    )


def _read(plan: Plan, section: str) -> Iterator[str]:
    """Yield from where ledgers or metrics are read, whatever their kind."""
    for each in getattr(plan, section, ()):
        keys = each.model_dump(mode="json", exclude_none=True)
        where = [f"{words}{_place(key, keys[key])}" for key, words in _PLACES if keys.get(key)]
        yield f"{section} {keys.get('name', '')}: {', '.join(where)}"
        if keys.get("query"):
            yield f"  by the query of {len(keys['query'])} characters in the plan"


_PLACES: Final = (
    ("url", ""),
    ("urls", ""),
    ("csv", "the file "),
    ("dsn_env", "the database in "),
    ("bearer_env", "with the token in "),
)


def _place(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_place(key, each) for each in value)
    text = str(value)
    if key not in ("url", "urls"):
        return text
    parts = urlsplit(text)
    way = shown_request(f"GET {parts.path}{parts.query and '?…'}").removeprefix("GET ")
    return f"{parts.scheme}://{parts.netloc}{way} ({_whose(text)})"


def _stops(plan: Plan) -> Iterator[str]:
    abort = plan.abort
    if not abort.limited:
        if not plan.target.ours:
            yield "Nothing stops it early: [abort] has no limit."
        return
    limits = []
    if abort.errors is not None:
        limits.append(f"more than {format_share(abort.errors)} of the requests fail")
    if abort.latency is not None:
        limits.append(f"the slowest 1% wait longer than {format_duration(abort.latency)}")
    yield f"It is stopped early where {' or '.join(limits)} for {format_duration(abort.after_s)}."


def _request(planned: PlannedRequest) -> str:
    said = shown_request(planned.request or "")
    if planned.headers:
        said += f", with {_all(_pairs(planned.headers))}"
    if planned.document is not None:
        said += f", as JSON {_shown(planned.document)}"
    return said


def _pairs(named: dict[str, str]) -> list[str]:
    return [f"{name} = {_shown(value)}" for name, value in named.items()]


def _shown(value: Any) -> str:
    """Return a value of a plan as it can be shown: names of variables and placeholders, numbers."""
    if isinstance(value, dict):
        pairs = ((key if len(key) <= _LONGEST_KEY else HIDDEN, each) for key, each in value.items())
        return f"{{{', '.join(f'{key}: {_shown(each)}' for key, each in pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, str):
        name = variable_of(value)
        if name is not None:
            return value
        if _PLACEHOLDERS.fullmatch(value):
            return value
    return shown(value)


def _command(words: Sequence[str]) -> str:
    """Return a command as it can be shown: what an option is given that names a secret is not."""
    said: list[str] = []
    for word in words:
        option, equals, _ = word.partition("=")
        if looks_secret(word) or len(word) > _LONGEST_WORD:
            said.append(HIDDEN)
        else:
            said.append(f"{option}={HIDDEN}" if equals and names_a_secret(option) else word)
    return " ".join(said)


def _whose(url: str | None) -> str:
    return "this machine" if is_loopback(urlsplit(url or "").hostname or "") else "in target.allow"


def _for(seconds: float | None) -> str:
    return "" if seconds is None else f", for {format_duration(seconds)}"


def _all(words: Sequence[str]) -> str:
    return ", ".join(words)


def _indented(lines: Iterator[str] | list[str]) -> list[str]:
    return [f"  {line}" for line in lines]
