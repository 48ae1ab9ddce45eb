"""The verdict: will it hold, what breaks first, was anyone wronged, can this be trusted?

Decided in this order:

fail          the plan's `[abort]` had the rush stopped, an audit counter is above zero, students
              were overtaken by more than the plan lets pass (unless other programs took the CPU),
              connections were never given back, part of the target was lost (unless the plan's own
              fault took it), every try to buy was answered with a server's error (unless other
              programs took the CPU), a gate is broken, or the census contradicts itself
inconclusive  the run was cut short or out of space, had no T-0 or no requests; part of its record
              is damaged; a fault of the plan could not be done; the generator was late, was lost
              or has no timestamps; other programs took the CPU, a source was silent or a clock was
              set (`reports.trust`); students never started; nobody's try to buy was answered; a
              store could not be read, or rows were still to come; the server's counts differ from
              the recorded ones; a gate could not be decided
pass          otherwise

Gates are the audit, the plan's limits and three that always hold (see `reports.gates`): at most 1%
of students failed, unknown or in flight. A limit that breaks in a run cut short decides nothing.
All reasons are given, those of a failure first, so the first sentence is the gravest.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from dress_rehearsal.plans.notes import notes_on
from dress_rehearsal.records.tables import NOT_KEPT, NS_PER_S
from dress_rehearsal.records.timeline import ABORTED
from dress_rehearsal.reports.audit import AuditFinding, audit_run, unchecked_words
from dress_rehearsal.reports.audit.sold_early import early_notes
from dress_rehearsal.reports.cause import find_cause, stop_notes, worker_notes
from dress_rehearsal.reports.census import CensusFinding, take_census
from dress_rehearsal.reports.closed_load import judge_load, taken, what_acted, what_held
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import (
    answers_by_step,
    latency_by_step,
    says_little,
)
from dress_rehearsal.reports.evidence.ledger_times import time_notes
from dress_rehearsal.reports.evidence.timeline import (
    MEASURING,
    done_or_ended,
    was_planned,
    was_recycled,
)
from dress_rehearsal.reports.fairness import judge_fairness
from dress_rehearsal.reports.gates import apply_gates
from dress_rehearsal.reports.pools import PoolFinding, find_pools, foreign_notes
from dress_rehearsal.reports.schema import Census, Latency, Measured, Status, Verdict
from dress_rehearsal.reports.throughput import measure_load, measure_sale
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.unanswered import failed_for_all, unanswered_sale
from dress_rehearsal.reports.words import (
    counted,
    milliseconds,
    offset,
    pool_words,
    seconds,
    written,
)

_WORTH_TELLING_S = 0.1
"""Who is overtaken by less hardly knows; from here on a pass says so too."""


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on one run: the same evidence gives the same verdict.

    Raises:
        MetricUnknownError: a gate of the plan names a number that no verdict holds.
    """
    census = take_census(evidence)
    audit = audit_run(evidence)
    fairness = judge_fairness(evidence)
    trust = judge_trust(evidence)
    pools = find_pools(evidence)
    cause = find_cause(evidence, pools)
    unchecked = unchecked_words(evidence.requests, evidence.plan)
    load = judge_load(evidence)
    measured = Measured(
        census=census.census,
        latency_ms=taken(
            evidence, latency_by_step(evidence.latency, evidence.plan.seed, evidence.steps)
        ),
        roles=dict(evidence.steps),
        answers=taken(evidence, answers_by_step(evidence.latency, evidence.steps)),
        sale=measure_sale(evidence),
        load=measure_load(evidence),
        audit=audit.audit,
        fairness=fairness.fairness,
        pools=tuple(finding.pool for finding in pools),
        bottleneck=cause.bottleneck,
        generator=trust.generator,
    )
    gates = apply_gates(evidence, measured, census, audit, trust, cause_decided=cause.decided)

    losses = _lost(evidence, target=True)
    full = evidence.timeline.out_of_space
    failing = failed_for_all(evidence)
    failures = [
        *_aborted(evidence),
        *([] if trust.unproven else audit.wrongs.values()),
        *([] if trust.untimely else fairness.wrongs),
        *([] if trust.untimely else failing),
        *_leaks(pools),
        *([] if full else losses),
        *load.failures,
        *gates.broken,
        *([] if trust.unproven else census.problems),
    ]
    doubts = [
        *_cut_short(evidence),
        *_excused(losses, trust.unproven if full else None),
        *_lost(evidence, target=False),
        *_undone_faults(evidence),
        *trust.problems,
        *_excused((*audit.wrongs.values(), *census.problems), trust.unproven),
        *_excused(fairness.wrongs, trust.untimely),
        *_excused(failing, trust.untimely),
        *([] if evidence.students.empty else _missing_students(evidence, census)),
        *unanswered_sale(evidence),
        *audit.problems,
        *fairness.problems,
        *_differences(evidence),
        *load.doubts,
        *gates.undecided,
    ]
    word: Status = "fail" if failures else "inconclusive" if doubts else "pass"
    return Verdict(
        run=evidence.run,
        plan=evidence.plan.name,
        verdict=word,
        reasons=_distinct(
            [*failures, *doubts] or [_what_held(measured, evidence, audit, unchecked)]
        ),
        **dict(measured),
        cause=cause.cause,
        lost_ms=cause.lost_ms,
        estimated=cause.estimated,
        not_known=cause.not_known,
        ran=what_ran(evidence),
        unchecked=unchecked,
        not_applicable=audit.not_applicable,
        gates=gates.results,
        notes=_distinct(
            [
                *notes_on(evidence.plan),
                *load.notes,
                *fairness.notes,
                *evidence.stores.notes,
                *time_notes(evidence.ledger_times),
                *early_notes(evidence),
                *trust.notes,
                *evidence.server_counts.notes,
                *worker_notes(evidence),
                *stop_notes(evidence),
                *_late_rows(pools),
                *_not_kept(evidence),
                *_unclean(evidence),
                *_recycled(evidence),
                *foreign_notes(evidence),
            ]
        ),
    )


def _excused(wrongs: Iterable[str], excuse: str | None) -> list[str]:
    """Return wrongs that may not be the target's doing, and why; none where they are."""
    if excuse is None:
        return []
    return [f"{wrong.removesuffix('.')}, but {excuse}." for wrong in wrongs]


def _lost(evidence: Evidence, *, target: bool) -> list[str]:
    """Return which components were lost: those of the target, or those that measure."""
    return [
        f"Lost: {event.detail.get('what') or f'a {event.name} process ended unasked.'}"
        for event in evidence.events
        if event.kind == "process"
        and (event.name != MEASURING) == target
        and not was_planned(event)
        and not was_recycled(event, evidence.requests)
    ]


def _recycled(evidence: Evidence) -> Iterator[str]:
    """Yield in one sentence how many workers were replaced without anybody's feeling it."""
    events = [e for e in evidence.events if was_recycled(e, evidence.requests)]
    if events:
        workers = counted(len(events), "worker")
        yield (
            f"{workers} of the app ended during the rush, and others took their place at once; no "
            f"request was lost around then. Servers recycle workers after so many requests "
            f"(max_requests, say); if yours does not, see its log."
        )


def _undone_faults(evidence: Evidence) -> list[str]:
    """Return which faults of the plan did not happen: what they would have shown is not known."""
    return [
        f"The fault {event.name} could not be {done_or_ended(event.detail)}: "
        f"{event.detail['error']}"
        for event in evidence.events
        if event.kind == "fault" and event.detail.get("error")
    ]


def _cut_short(evidence: Evidence) -> list[str]:
    said = [
        f"The run was {event.name}: {event.detail.get('reason', 'no reason was recorded.')}"
        for event in evidence.events
        if event.kind == "abort" and event.name != ABORTED
    ]
    if "performed" not in evidence.timeline.phases and not said and not _aborted(evidence):
        said.append("The run ended before its students had finished, without saying why.")
    if evidence.t0_ns is None:
        said.append("There was no T-0: the sale never opened.")
    return said


def _aborted(evidence: Evidence) -> list[str]:
    """Return why the plan had the rush stopped; what follows was measured until then."""
    return [
        f"The rush was stopped {_moment(evidence, event.t_ns)}: "
        f"{event.detail.get('reason') or 'it did more harm than the plan allows.'} "
        f"What is reported was measured until then."
        for event in evidence.events
        if event.kind == "abort" and event.name == ABORTED
    ]


def _moment(evidence: Evidence, t_ns: int) -> str:
    if evidence.t0_ns is None:
        return "before there was a T-0"
    return f"at {offset((t_ns - evidence.t0_ns) / NS_PER_S)}"


def _missing_students(evidence: Evidence, census: CensusFinding) -> list[str]:
    missing = census.census.never_started
    if not missing or evidence.timeline.stopped_ns is not None:  # who was to come was not let
        return []
    return [
        f"{written(missing)} of {counted(census.census.students, 'student')} never started, so the "
        f"rush was smaller than planned."
    ]


def _differences(evidence: Evidence) -> tuple[str, ...]:
    counts = evidence.server_counts
    gone = [e for e in evidence.events if e.kind == "process" and e.name == "app"]
    if gone and all(was_planned(event) for event in gone):
        return ()  # the plan itself took the worker, and its counters with it
    if counts.impossible and evidence.plan.target.stage == "embedded":
        return (f"The requests could not be checked against the server: {counts.impossible}",)
    return counts.problems


def _leaks(pools: Iterable[PoolFinding]) -> list[str]:
    """Return which pools' connections were never given back."""
    return [
        f"Leak: {counted(leaked, 'connection')} of {written(finding.pool.max)} in the "
        f"{pool_words(finding.pool.name)} were never given back."
        for finding in pools
        if (leaked := finding.pool.leaked)
    ]


def _late_rows(pools: Iterable[PoolFinding]) -> list[str]:
    """Return a sentence where tickets were promised long before they were written.

    No purchase waits for the write-back, so it is never why one is slow.
    """
    return [
        f"Tickets were written late: {finding.evidence}. Until then they are only promised."
        for finding in pools
        if finding.pool.name == "write_back" and finding.pool.saturated_at_s is not None
    ]


def _unclean(evidence: Evidence) -> Iterator[str]:
    """Yield what was found when the stage was cleared: who had stood still, or ended badly."""
    for event in evidence.events:
        if event.kind == "phase" and event.name == "torn_down":
            unclean = event.detail.get("unclean")
            told = unclean if isinstance(unclean, list) else []
            yield from (f"When the stage was cleared: {what}" for what in told if what)


def _what_held(
    measured: Measured, evidence: Evidence, audit: AuditFinding, unchecked: Mapping[str, int]
) -> str:
    """Return a pass in one sentence, with figures that add up to every student."""
    limits = len(evidence.plan.gates)
    if evidence.plan.load is not None:
        return what_held(measured, _gates(limits) if limits else "")
    census, bought = measured.census, measured.purchase
    wronged = audit.nobody_wronged
    if unchecked:
        wronged = (
            f"{wronged} by what could be checked "
            f"({written(sum(unchecked.values()))} answers say {', '.join(unchecked)}, which no "
            f"check knows)"
        )
    fairness = measured.fairness
    if (fairness.overtaken_max_s or 0.0) >= _WORTH_TELLING_S:
        wronged += (
            f" ({written(fairness.overtaken)} were overtaken, by up to "
            f"{seconds(fairness.overtaken_max_s)}, which the plan lets pass)"
        )
    parts = [
        f"It held: {_everybody(census.students)} accounted for ({', '.join(_endings(census))})",
        wronged,
        *_felt(bought),
    ]
    return f"{', '.join(parts)}{f' and {_gates(limits)}' if limits else ''}."


def _felt(bought: Latency | None) -> list[str]:
    """Return how long buying took, and how few that is of where it says little."""
    if bought is None or bought.p99 is None:
        return []
    few = f" (there were only {written(bought.count)})" if says_little(bought, "p99") else ""
    return [f"99% of purchases took at most {milliseconds(bought.p99)}{few}"]


def _everybody(students: int) -> str:
    return "the one student is" if students == 1 else f"all {counted(students, 'student')} are"


def _endings(census: Census) -> list[str]:
    others = {
        "refused": census.refused,
        "gave up": census.gave_up,
        "failed": census.failed,
        "unknown": census.unknown,
        "never started": census.never_started,
        "in flight": census.in_flight,
    }
    return [
        counted(census.ticket, "ticket"),
        f"{written(census.sold_out)} sold out",
        *(f"{written(number)} {word}" for word, number in others.items() if number),
    ]


def what_ran(evidence: Evidence) -> str:
    """Return what was run in one line: the way tickets were handed out, pools, faults, changes."""
    plan, app = evidence.plan, evidence.plan.app
    faults = [fault.name for fault in plan.faults]
    changed = evidence.environment.get("overrides") or []
    if plan.target.stage == "external":
        what = [f"{plan.target.url}"]
    else:
        what = [
            app.allocation,
            counted(app.workers, "worker"),
            f"pools of {app.postgres_pool} (PostgreSQL) and {app.redis_pool} (Redis) each",
            *([] if app.waiting_room == "off" else [f"a waiting room ({app.waiting_room})"]),
            f"with {', '.join(faults)}" if faults else "no faults",
        ]
    what += [f"other than in the plan's file: {', '.join(map(str, changed))}"] if changed else []
    who = counted(plan.event.students, "student") if plan.load is None else what_acted(evidence)
    return f"{who}, {', '.join(what)}."


def _gates(number: int) -> str:
    if number <= 2:
        return "the plan's one gate holds" if number == 1 else "both gates of the plan hold"
    return f"all {number} gates of the plan hold"


def _distinct(sentences: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentences))


def _not_kept(evidence: Evidence) -> list[str]:
    """Return what the target said that could not be kept: it counts as not said."""
    counts: Counter[str] = Counter()
    for event in evidence.events:
        if event.kind == "phase" and event.name == NOT_KEPT:
            counts.update(event.detail.get("values", {}))
    if not counts:
        return []
    told = ", ".join(f"{counted(count, 'time')} `{name}`" for name, count in counts.items())
    return [f"The target said what could not be kept, and counts as not said: {told}."]
