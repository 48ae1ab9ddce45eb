"""What was rehearsed, subject by subject, and what was not."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from dress_rehearsal.plans import FAULTS, STRATEGIES, Plan
from dress_rehearsal.plans.behaviour import PARAMETERS, Behaviour, behaviour_of
from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.plans.shown import shown_setting
from dress_rehearsal.reports.checklist.rehearsed import Rehearsed
from dress_rehearsal.reports.words import counted, percent, written

_NOTHING: Final = "nothing of it"
_ALL: Final = "—"
_STAGES: Final = {
    "embedded": "processes of one machine",
    "docker": "containers",
    "external": "an app that runs by itself",
}
_NO_HABITS: Final = frozenset({"show_up", "last_poll"})
"""Parameters without which nobody does anything else than with them."""
_FEW: Final = 3
"""Repeats from which on the spread between runs is known at all."""
_MOST_NAMED: Final = 6


class Covered(NamedTuple):
    """A subject: what of it was rehearsed, what was not, and what of that speaks against going
    ahead, as a sentence; empty where nothing does."""

    subject: str
    rehearsed: str
    not_rehearsed: str
    against: str = ""


def coverage_of(runs: Sequence[Rehearsed], expected: int) -> Iterator[Covered]:
    """Yield what several rehearsals cover together.

    Args:
        runs: at least one.
        expected: how many people are expected to come.
    """
    students = [run for run in runs if run.plan.load is None]
    ours = [run for run in students if run.plan.target.ours]
    yield _population(runs, expected)
    yield _repeats(runs)
    yield _stages(runs)
    yield _steps(runs)
    if students:
        yield _journeys(students)
        yield _assumptions(students)
    if ours:
        yield _strategies(ours)
        yield _waiting_rooms(ours)
    yield _faults(runs)


def _population(runs: Sequence[Rehearsed], expected: int) -> Covered:
    decided = [run for run in runs if run.verdict.verdict != "inconclusive"]
    most = max((run.people for run in decided), default=0)
    who = "users" if all(run.plan.load is not None for run in runs) else "students"
    missing = expected - most
    return Covered(
        f"How many come ({written(expected)} expected)",
        f"up to {written(most)} {who} in a run that decides ({percent(most, expected)})"
        if most
        else "no run decides anything",
        f"{written(missing)} more {who} at once" if missing > 0 else _ALL,
        f"No run that decides had more than {written(most)} of the {written(expected)} who are "
        f"expected."
        if missing > 0
        else "",
    )


def _repeats(runs: Sequence[Rehearsed]) -> Covered:
    times: dict[str, int] = {}
    for run in runs:
        times[run.rehearses] = times.get(run.rehearses, 0) + 1
    most = max(times.values())
    few = most < _FEW
    return Covered(
        "How often the same plan was rehearsed",
        f"{counted(len(runs), 'run')} in all; of one plan {written(most)} at most",
        f"the spread between runs: it takes {_FEW} of one plan" if few else _ALL,
        f"No plan was rehearsed {_FEW} times, so how far runs differ is not known." if few else "",
    )


def _stages(runs: Sequence[Rehearsed]) -> Covered:
    done = {run.plan.target.stage for run in runs}
    urls = {run.plan.target.url or "" for run in runs if not run.plan.target.ours}
    hosts = sorted(shown_setting("target.url", url) for url in urls)
    where = f" ({', '.join(hosts)})" if hosts else ""
    said = [f"{_STAGES[stage]}{where if stage == 'external' else ''}" for stage in sorted(done)]
    away = _distinct(host for run in runs if (host := _elsewhere(run.plan)) is not None)
    if away:
        unknown = f"whether {_named(away, 'host')} is where it will run, the runs do not know"
        return Covered("Where", ", ".join(said), unknown)
    ours = "a stage of our own" if "external" not in done else "this machine"
    return Covered(
        "Where",
        ", ".join(said),
        "the app where it will run",
        f"All of it was on {ours}, none of it where the app will run.",
    )


def _elsewhere(plan: Plan) -> str | None:
    """Return the host of an app that runs by itself and elsewhere; None: the run was on a stage of
    our own, or of an app on this machine."""
    if plan.target.ours or plan.target.command is not None:
        return None
    host = urlsplit(plan.target.url or "").hostname or ""
    return None if is_loopback(host) else host


def _steps(runs: Sequence[Rehearsed]) -> Covered:
    asked = [step for run in runs for step, own in run.verdict.latency_ms.items() if own.count]
    known = [step for run in runs for step in run.verdict.roles if run.plan.load is None]
    missing = _distinct(known, asked)
    return Covered(
        "Steps",
        _named(_distinct(asked), "step"),
        _named(missing, "step") if missing else _ALL,
    )


def _journeys(runs: Sequence[Rehearsed]) -> Covered:
    said = {parameter.key: parameter.says for parameter in PARAMETERS}
    own = [key for key, _ in _habits(runs[0].plan)]
    on = {key for run in runs for key, is_on in _habits(run.plan) if is_on}
    off = [said[key] for key in own if key not in on]
    return Covered(
        "What students do besides",
        "; ".join(said[key] for key in own if key in on) or _NOTHING,
        "; ".join(off) if off else _ALL,
    )


def _habits(plan: Plan) -> list[tuple[str, bool]]:
    """Return what students may do or not, and whether they do in a plan."""
    alone = {each.key for each in PARAMETERS if not each.needs} - _NO_HABITS
    found = [(_key(each), each.is_on) for each in behaviour_of(plan) if _key(each) in alone]
    # What can be off at all: the others are how everybody is.
    optional = {_key(each) for each in behaviour_of(_NOBODY_SPECIAL) if not each.is_on}
    return [(key, is_on) for key, is_on in found if key in optional]


_NOBODY_SPECIAL: Final = Plan.model_validate(
    {
        "name": "nobody-special",
        "students": dict.fromkeys(
            ("late", "outsiders", "double_clickers", "multi_device", "screenshots"), "0%"
        ),
    }
)
"""A plan in which nobody does anything special, to see what can be left out."""


def _key(each: Behaviour) -> str:
    return each.key.removeprefix("students.")


def _assumptions(runs: Sequence[Rehearsed]) -> Covered:
    known: dict[str, str] = {}
    for run in runs:
        for each in behaviour_of(run.plan):
            if each.is_on and known.get(each.says) != "assumed":
                known[each.says] = each.basis
    assumed = [says for says, basis in known.items() if basis == "assumed"]
    measured = [says for says, basis in known.items() if basis == "measured"]
    return Covered(
        "What is known of how they do it",
        f"measured by somebody: {'; '.join(measured) if measured else _NOTHING}",
        f"{counted(len(assumed), 'value is', 'values are')} assumed; each report lists them",
        f"Of what students do, {counted(len(assumed), 'value is', 'values are')} assumed, and "
        f"measured by nobody."
        if assumed
        else "",
    )


def _strategies(runs: Sequence[Rehearsed]) -> Covered:
    done = _distinct(run.plan.app.allocation for run in runs)
    missing = [name for name in STRATEGIES if name not in done]
    return Covered(
        "How tickets are handed out",
        ", ".join(done),
        f"{_named(missing, 'strategy', 'strategies')}" if missing else _ALL,
    )


def _waiting_rooms(runs: Sequence[Rehearsed]) -> Covered:
    done = _distinct(run.plan.app.waiting_room for run in runs)
    missing = [kind for kind in ("off", "poll", "sse") if kind not in done]
    return Covered("Waiting room", ", ".join(done), ", ".join(missing) if missing else _ALL)


def _faults(runs: Sequence[Rehearsed]) -> Covered:
    flipped = _distinct(
        each.fault for run in runs for each in run.switches if "not flipped" not in each.says
    )
    if not any(run.plan.target.ours for run in runs):
        return Covered(
            "Faults and kill switches",
            _NOTHING,
            "any: a plan flips none of an app that runs by itself; flip yours by hand meanwhile, "
            "and write the result below",
            "No kill switch was flipped by a plan: what was flipped by hand, nobody recorded.",
        )
    names = {each.split()[0] for each in flipped}
    missing = len(FAULTS) - len(names & FAULTS.keys())
    return Covered(
        "Faults and kill switches",
        ", ".join(flipped) or _NOTHING,
        f"{written(missing)} of {written(len(FAULTS))} in the catalogue",
        "" if flipped else "No fault and no kill switch was flipped.",
    )


def _distinct(names: Iterable[str], without: Iterable[str] = ()) -> list[str]:
    leave = set(without)
    return [name for name in dict.fromkeys(names) if name not in leave]


def _named(names: Sequence[str], one: str, many: str | None = None) -> str:
    """Return names, or how many there are beyond the first few."""
    if len(names) <= _MOST_NAMED:
        return ", ".join(names) or _NOTHING
    more = counted(len(names) - _MOST_NAMED, f"more {one}", f"more {many or one + 's'}")
    return f"{', '.join(names[:_MOST_NAMED])} and {more}"
