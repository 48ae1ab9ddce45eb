"""App or test machine: whose the CPU was where that decides what a run says of the app.

Where all CPUs were busy, or requests were sent late, a slow app and a short machine look alike.
What each used tells how far they do; what nobody measured is not said.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from dress_rehearsal.plans.sections.generator import processes_of
from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.reports.cause.bottleneck import CauseFinding
from dress_rehearsal.reports.cause.cpu_use import OTHERS, REHEARSAL, CpuUse, Spans, cpu_use
from dress_rehearsal.reports.cause.resource import BUSY
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import Bottleneck
from dress_rehearsal.reports.trust import TrustFinding
from dress_rehearsal.reports.trust.busy import how_busy
from dress_rehearsal.reports.trust.generator import late_clicks
from dress_rehearsal.reports.words import TEST_MACHINE, THE_APP, UNTOLD, counted, percent

_APP: Final = "the app"
_LITTLE: Final = 0.1
"""Where all but the app and its services had less of the machine, it had what it would alone."""
_LEAST: Final = 0.05
"""Cores of which less is not worth a word."""
_MANY: Final = 256
"""Processors: with so many a plan's students are played by one process only where that is so with
any number."""
_ALL: Final = 0.95
"""From this share on all CPUs are called busy."""
_ELSEWHERE: Final = (
    "Repeat it on more cores, or with the app and the students on different machines "
    "(docs/distributed.md)."
)
_TAKEN: Final = {
    "foreign_cpu": (
        "other programs took CPU that it needed",
        "Stop them (`rehearse doctor` names them) and rehearse again.",
    ),
    "cpu_limit": (
        "the CPU limit of the rehearsal's own container held it back",
        "Give it more CPUs, or rehearse elsewhere.",
    ),
    "steal": (
        "the host gave CPU to other machines",
        "Repeat it on a machine whose CPUs are its own.",
    ),
}
"""What may have made the machine short, by the words of `reports.trust.FINDINGS`, and a remedy."""


def app_or_machine(evidence: Evidence, cause: CauseFinding, trust: TrustFinding) -> str:
    """Return whether what was slow was the app's doing or the test machine's, in a sentence or two.

    Returns:
        Empty where neither the CPU nor the sending is in question, where it was not measured, and
        where other machines sent, of whose CPUs nothing is known here.
    """
    late = trust.generator.limited
    sending = _while_sending_late(evidence) if late else None
    used = cause.cpu  # as the cause tells it, where that answers the question
    if used is None or used.share < BUSY:
        used = max(filter(None, (used, sending)), key=lambda each: each.share, default=None)
    if used is None or not used.share or evidence.plan.generator.workers:
        return ""
    found = cause.bottleneck
    asked = late or "foreign_cpu" in trust.findings
    asked = asked or (found is not None and found.resource == "cpu")
    if not asked:
        return "" if trust.problems else _not_the_machine(evidence, found, used)
    for word, (what, remedy) in _TAKEN.items():
        if word in trust.findings:
            return f"{UNTOLD}: {what} ({_shares(used)}). {remedy}"
    if used.share < BUSY:
        return "" if sending is None or not sending.share else _late(evidence, sending)
    return _busy(used, late=late)


def _while_sending_late(evidence: Evidence) -> CpuUse | None:
    """Return what was used while clicks around T-0 were due and had not left: not what the slowest
    met, who may have waited long after. None where none left late."""
    late = late_clicks(evidence)
    if evidence.t0_ns is None or late.empty:
        return None
    due_ns = evidence.t0_ns + late["intended_s"].to_numpy() * NS_PER_S
    left_ns = due_ns + late["generator_ms"].to_numpy() * NS_PER_MS
    return cpu_use(evidence, Spans(due_ns, left_ns, np.ones(len(late))))


def _busy(used: CpuUse, *, late: bool) -> str:
    """Return whose work kept all CPUs busy."""
    shares = _shares(used)
    if _APP not in used.cores:
        return (
            f"{UNTOLD}: {shares}; what the app used was not measured. Repeat it with the students "
            f"on a machine with more cores (docs/distributed.md)."
        )
    beside = used.share * (used.cpus or 0.0) - _served(used.cores)
    if used.cpus is not None and beside < _LITTLE * used.cpus and not late:
        return f"{THE_APP} {shares}; on more cores it may hold more."
    if used.cores.get(OTHERS, 0.0) > _rehearsal(used.cores):
        _, stop = _TAKEN["foreign_cpu"]
        return f"{UNTOLD}: {shares}; without other programs the app may hold more. {stop}"
    return f"{UNTOLD}: {shares}; on a machine of its own the app may hold more. {_ELSEWHERE}"


def _late(evidence: Evidence, used: CpuUse) -> str:
    """Return what a generator that was late with CPU to spare says of the app, and what mends it
    where it is one process because nobody asked for more: another does not shorten what the
    scenario's own code takes."""
    generator, url = evidence.plan.generator, evidence.plan.target.url or ""
    alone = generator.processes is None and processes_of(evidence.plan, url, _MANY) == 1
    more = "; `--set generator.processes=2` sends from two processes"
    remedy = more if alone and not how_busy(evidence).is_users_own else ""
    return (
        f"{UNTOLD}: the rehearsal sent late, though CPU was to spare ({_shares(used)}). What left "
        f"late is not the app's doing{remedy}."
    )


def _not_the_machine(evidence: Evidence, found: Bottleneck | None, used: CpuUse) -> str:
    """Return that the machine had time to spare, where something was slow all the same."""
    if found is None or used.share >= BUSY:
        return ""
    if found.resource == "generator":
        return f"{TEST_MACHINE} the slowest lost most of their time before they were sent."
    sent = "" if evidence.plan.load is not None else ", and requests left in time"
    return (
        f"Not the test machine's CPU: it was {percent(used.share)} busy while the slowest were "
        f"under way{sent}."
    )


def _shares(used: CpuUse) -> str:
    """Return how busy the CPUs were and by whom: the app, what serves it, and the rehearsal."""
    busy = "all busy" if used.share >= _ALL else f"{percent(used.share)} busy"
    whole = "the CPUs" if used.cpus is None else f"of {counted(int(used.cpus), 'core')}"
    had = [
        f"{who} {'had ' if not number else ''}{cores:.2f}"
        for number, (who, cores) in enumerate(_told(used.cores).items())
    ]
    if not had:
        return f"{whole}, {busy}"
    unit = " cores" if used.cpus is None else ""
    ends = f" and {had[-1]}" if len(had) > 1 else had[-1]
    return f"{whole}, {busy}, {', '.join(had[:-1])}{ends}{unit}"


def _told(cores: Mapping[str, float]) -> dict[str, float]:
    """Return the cores of the app, of its services, of other programs and of the rehearsal."""
    told = {
        _APP: cores.get(_APP, 0.0),
        "its services": _served(cores) - cores.get(_APP, 0.0),
        OTHERS: cores.get(OTHERS, 0.0),
        "the rehearsal itself": _rehearsal(cores),
    }
    return {who: number for who, number in told.items() if number >= _LEAST}


def _served(cores: Mapping[str, float]) -> float:
    """Return what the app and its services used together."""
    return sum(number for who, number in cores.items() if who not in (OTHERS, *REHEARSAL))


def _rehearsal(cores: Mapping[str, float]) -> float:
    return sum(cores.get(who, 0.0) for who in REHEARSAL)
