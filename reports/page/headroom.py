"""The page's words on headroom, and the files of a run that they are made of: `headroom.json`, what
a search came to, and `search.json`, what one would take."""

import json
import re
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field, ValidationError

from dress_rehearsal.plans import Plan, as_typed, parse_limit
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.files import is_there, reason, regular
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.words import counted

FILE: Final = "headroom.json"
AHEAD: Final = "search.json"

_BY_LOAD: Final = frozenset({"gates"})
"""Failures that too many students may be why of."""
_AT_MOST: Final = ("<", "<=", "==")
"""Of numbers that grow with the load `==` is an upper limit as well: none may have failed."""
_GROWS_WITH_LOAD: Final = re.compile(
    r"latency_ms\[.*\]\.(p[0-9_]+|max|good_p99|system_p99|failed|given_up)"
    r"|pools\[.*\]\.(peak_used|peak_pending|wait_\w+|hold_mean_ms|timeouts)"
    r"|census\.(gave_up|failed|unknown|in_flight|no_good_end)"
)
"""Numbers that become larger the more students there are."""


class Searched(Part):
    """The whole of `headroom.json`: what the last search for the capacity of a run's plan on its
    machine came to, as sentences.

    Attributes:
        search: the search's folder; `page` is the address of its report from the run directory.
        builds: the builds of the target that the run and the search are of, where they differ.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    search: str
    page: str
    says: tuple[str, ...]
    builds: tuple[str, str] | None = None

    def text(self) -> str:
        """Return the bytes of `headroom.json`."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class Ahead(Part):
    """The whole of `search.json`: what a search for the capacity of a run's plan takes on its
    machine, reckoned when the run began as the search itself does.

    Attributes:
        takes: how many runs and how long at most, "at most 14 runs of about 75 s each …".
        ends: where the machine may end it before the app does, a sentence each.
        worth: what that makes its answer worth, a sentence each.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    takes: str
    ends: tuple[str, ...] = ()
    worth: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the bytes of `search.json`."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class Headroom:
    """What the first screen says of it, as a sentence or more; `href` leads to the search, and
    `more` is what only who searches needs to know: sentences that are opened with a click."""

    words: str
    href: str | None = None
    more: tuple[str, ...] = ()


def headroom(run: RunDirectory, plan: Plan, verdict: Verdict) -> Headroom:
    """Return how much larger a load would pass, as far as that is known."""
    path = run.path / FILE
    if not is_there(path):
        return _unknown(run, plan, _of_this_run(plan, verdict))
    try:
        searched = Searched.model_validate_json(regular(path).read_bytes())
    except OSError as error:
        return _unknown(run, plan, f"not known: {FILE} cannot be read ({reason(error)})")
    except ValidationError:
        return _unknown(run, plan, f"not known: {FILE} is damaged, or another version wrote it")
    said = list(searched.says)
    if searched.builds is not None:
        own, theirs = searched.builds
        said.append(f"The search was of another build of the target: {theirs}, this run is {own}.")
    return Headroom(" ".join(said), searched.page)


def _of_this_run(plan: Plan, verdict: Verdict) -> str:
    """Return what a run says of it without a search: that it is below what fails on this machine,
    where so many students may be why it does, and nothing else is known that would."""
    if plan.faults or verdict.verdict != "fail" or not _by_load(verdict):
        return "not searched"
    students = counted(verdict.census.students, "student")
    return (
        f"none here: this run fails with {students} (one run, on this machine); the largest load "
        f"that passes was not searched"
    )


def _by_load(verdict: Verdict) -> bool:
    """Return whether all that failed is what fewer students mend: times, waits and bad ends beyond
    their limits, while some came to a good end. Wrongs, leaks and what was sold are not."""
    failures, census = set(verdict.failures or ()), verdict.census
    if not failures or not failures <= _BY_LOAD:
        return False
    broken = [gate for gate in verdict.gates if gate.status == "fail"]
    served = census.ticket + census.sold_out > 0  # who may not buy is refused at any load
    return served and all(
        _GROWS_WITH_LOAD.fullmatch(gate.metric) and parse_limit(gate.limit).comparison in _AT_MOST
        for gate in broken
    )


def _unknown(run: RunDirectory, plan: Plan, why: str) -> Headroom:
    """Return how it can be known."""
    if not plan.target.ours and plan.target.reset is None:
        return Headroom(
            f"{why}. A search repeats the rehearsal, so it needs `[target.reset]` in the plan: "
            f"what makes the target as it was."
        )
    overrides = run.environment([]).get("overrides")
    named = as_typed(plan, map(str, overrides if isinstance(overrides, list) else []))
    of = "" if named else ", of your plan's file,"
    ahead = ahead_of(run)
    takes = "It tells first how long it takes." if ahead is None else f"It takes {ahead.takes}."
    return Headroom(
        " ".join(
            (
                f"{why}. `rehearse capacity {named or 'PLAN'}`{of} searches for the largest load "
                f"that passes.",
                *(() if ahead is None else ahead.worth),
            )
        ),
        more=(
            takes,
            *(() if ahead is None else ahead.ends),
            "Once its folder is next to this run's (`--out`), `rehearse report` tells here what "
            "it found.",
        ),
    )


def ahead_of(run: RunDirectory) -> Ahead | None:
    """Return what a search would take; None of a run that does not say it, or not so that it can be
    read: the search itself says it too."""
    path = run.path / AHEAD
    if not is_there(path):
        return None
    try:
        return Ahead.model_validate_json(regular(path).read_bytes())
    except (OSError, ValidationError):
        return None
