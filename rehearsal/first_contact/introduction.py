"""The introduction: asks a target, tells what was found, and writes the plan and the scenario."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dress_rehearsal.plans import PlanError, refusal
from dress_rehearsal.plans.files import check_folder, kind_of, named, reason_of
from dress_rehearsal.plans.hosts import is_host, is_loopback
from dress_rehearsal.records.http.client import NO_TLS
from dress_rehearsal.records.http.reach import UnreachableError, reach_of
from dress_rehearsal.rehearsal.errors import SilentTargetError
from dress_rehearsal.rehearsal.first_contact.draft import (
    Exposition,
    module_of,
    name_of,
    plan_text,
    scenario_text,
)
from dress_rehearsal.rehearsal.first_contact.openapi import Guesses, guesses, is_openapi
from dress_rehearsal.rehearsal.first_contact.questions import (
    DOCUMENTS,
    HEALTH,
    METRICS,
    MOST,
    PAGE,
    Heard,
    Interview,
)
from dress_rehearsal.rehearsal.first_contact.series import candidates_in, presets_in
from dress_rehearsal.reports.words import counted

_OPTION: Final = "--allow"
_CA_OPTION: Final = "--ca-file"


def introduce(
    url: str, folder: Path, allow: Sequence[str], ca_file: Path | None = None
) -> Iterator[str]:
    """Ask a target, and write a plan and a scenario; yield what there is to say, line by line.

    Args:
        folder: gets the two files; neither may be there yet.
        allow: hosts beside this machine that may be asked.
        ca_file: certificates that are trusted beside the system's.

    Raises:
        PlanError: it may not be asked, or there is no place for the files; nothing was written.
        SilentTargetError: nothing answers there; nothing was written.
    """
    if not all(is_host(host) for host in allow):
        raise PlanError(f"{_OPTION}: give a host without http:// and port: staging.example, say.")
    reason = refusal(url, allow)
    if reason is not None:
        raise PlanError(
            reason.replace("the plan's target.allow", _OPTION)
            .replace("target.url", "URL")
            .replace(" there if that", f" with {_OPTION} if that")
        )
    check_folder(folder, "--out")
    trusted = None if ca_file is None else str(ca_file.absolute())
    try:
        reach = reach_of(trusted, None)
    except UnreachableError as error:
        raise PlanError(str(error).replace("target.ca_file", _CA_OPTION)) from error
    yield f"Asking {url}: GET only, {MOST} times at most, without any login."
    interview = Interview(url, reach)
    page = interview.ask(PAGE)
    yield f"GET {page.path}: {page.words}"
    if page.why == NO_TLS:
        raise SilentTargetError(f"There is no https at the URL: {page.why}.")
    if page.untrusted:
        raise SilentTargetError(
            f"What answers at the URL is not trusted: {page.why}. Where its certificate is of an "
            f"authority of your own, give that one's certificates with {_CA_OPTION}."
        )
    if not page.status:
        raise SilentTargetError(
            f"Nothing answers at the URL: {page.why}. Start the app first, and give the address "
            f"that it listens on."
        )
    document = interview.first(DOCUMENTS, lambda heard: heard.ok and is_openapi(heard.document))
    metrics = interview.first(METRICS, lambda heard: heard.is_exposition)
    healthy = interview.first(HEALTH, lambda heard: heard.ok)
    yield from _asked(interview.heard[1:])
    yield ""
    yield from _locked(interview.heard)
    found = None
    if document is not None and document.document:
        found = guesses(document.document, urlsplit(url).path)
    yield from _understood(found, document)
    exposition = None if metrics is None else _exposition(url, metrics)
    yield from _about_metrics(exposition)
    name = name_of(found.title if found is not None else "")
    module = module_of(name)
    host = urlsplit(url).hostname or ""
    texts = {
        folder / f"{name}.toml": plan_text(
            name,
            url,
            () if is_loopback(host) else [host],
            exposition,
            module,
            trusted,
        ),
        folder / module: scenario_text(found, _page_of(page, healthy)),
    }
    _write(texts)
    yield ""
    yield f"Written: {' and '.join(named(path) for path in texts)}."
    plan = named(folder / f"{name}.toml")
    yield "Next:"
    yield "  1. Read both files and put right what is marked GUESS."
    yield (
        "  2. Where not everybody may log in, name those who may in event.roster: a CSV file that "
        "begins with student,pin,enrolled."
    )
    yield f"  3. rehearse probe {plan}"


def _asked(heard: Sequence[Heard]) -> Iterator[str]:
    """Yield what was heard, those together that were answered alike one after the other."""
    for words, alike in groupby(heard, key=lambda each: each.words):
        first, *more = alike
        others = f" and {counted(len(more), 'other place', 'other places')}" if more else ""
        yield f"GET {first.path}{others}: {words}"


def _locked(heard: Sequence[Heard]) -> Iterator[str]:
    """Yield what to do where an app shows what it has to those only whom it knows."""
    if sum(each.status in (401, 403) for each in heard) > len(heard) / 2:
        yield (
            "Most of it is for those only who log in, which is not done here: see the app's own "
            "description of its routes, and give metrics their token with bearer_env."
        )


def _understood(found: Guesses | None, document: Heard | None) -> Iterator[str]:
    if found is None or document is None:
        yield (
            "There is no OpenAPI document at the usual places, so the scenario's routes are made "
            "up; every one is marked."
        )
        return
    yield f"{document.path} describes {found.routes} operations. Guessed from their names:"
    for what, route in (("page", found.page), ("login", found.login), ("purchase", found.purchase)):
        yield f"  {what}: {f'{route.method} {route.path}' if route else 'none that looks like one'}"


def _about_metrics(exposition: Exposition | None) -> Iterator[str]:
    if exposition is None:
        yield "There are no metrics at the usual places: no pool can be watched until there are."
        return
    if exposition.presets:
        yield f"There are metrics with the series of: {', '.join(exposition.presets)}."
    else:
        yield "There are metrics, but none of a pool that is known by name."
    if exposition.candidates:
        yield "Guessed from their names, and in the plan as comments, these may be a pool's:"
    for candidate in exposition.candidates:
        yield from (f"  {line}" for line in candidate.lines)


def _exposition(url: str, metrics: Heard) -> Exposition:
    presets = presets_in(metrics.text)
    found = candidates_in(metrics.text, presets)
    return Exposition(f"{url.rstrip('/')}{metrics.path}", presets, found)


def _page_of(page: Heard, healthy: Heard | None) -> str:
    """Return a path that is known to answer; the page itself where none is."""
    return page.path if page.status < 400 or healthy is None else healthy.path


def _write(texts: dict[Path, str]) -> None:
    """Write new files, all of them or none.

    Raises:
        PlanError: one is there already, or cannot be written.
    """
    there = [path for path in texts if kind_of(path) is not None or path.is_symlink()]
    if there:
        raise PlanError(
            f"{' and '.join(map(named, there))} would be overwritten; nothing is: take it away, or "
            f"give another folder with --out."
        )
    made: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                made.append(path)
                file.write(text)
    except (OSError, ValueError) as error:
        for path in made:
            with suppress(OSError):
                path.unlink()
        raise PlanError(f"{named(path)} cannot be written: {reason_of(error)}.") from error
