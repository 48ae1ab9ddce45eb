"""The verdict: will it hold, what breaks first, was anyone wronged, can this be trusted?

Decided in this order:

fail          the plan's `[abort]` had the rush stopped, an audit counter is above zero, students
              were overtaken by more than the plan lets pass (unless other programs took the CPU),
              connections were never given back, part of the target was lost or killed for its
              memory (unless the plan's own fault did it), every try to buy was answered with a
              server's error (unless other programs took the CPU), more than 1% of the students gave
              up though tickets were left, a gate is broken, or the census contradicts itself
inconclusive  the run was cut short or out of space, had no T-0 or no requests; part of its record
              is damaged; a fault of the plan could not be done; the generator was late, was lost
              or has no timestamps; other programs took the CPU, a source was silent or a clock was
              set (`reports.trust`); students never started; nobody's try to buy was answered; a
              store could not be read, or rows were still to come; the server's counts differ from
              the recorded ones; a gate could not be decided
pass          otherwise

Gates are the audit, the plan's limits and three that always hold (see `reports.gates`): at most 1%
of students failed, unknown or in flight. A limit that breaks in a run cut short decides nothing.
All reasons are given, those of a failure first, so the first sentence is the gravest. Of those that
make a run decide nothing, causes (other programs took the CPU) come before what may come of them
(requests left late).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from dress_rehearsal.plans.behaviour import behaviour_of
from dress_rehearsal.plans.notes import notes_on
from dress_rehearsal.reports.audit import (
    AuditFinding,
    audit_run,
    unchecked_words,
    unread_pages,
)
from dress_rehearsal.reports.audit.fairness import judge_fairness
from dress_rehearsal.reports.audit.promised import untold_notes
from dress_rehearsal.reports.audit.put_off import put_off_notes
from dress_rehearsal.reports.audit.sold_early import early_notes
from dress_rehearsal.reports.cause import app_or_machine, find_cause, stop_notes, worker_notes
from dress_rehearsal.reports.closed_load import judge_load, taken, what_held
from dress_rehearsal.reports.doubts import failure_stands
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.columns import give_back
from dress_rehearsal.reports.evidence.latency import (
    answers_by_step,
    at_least,
    latency_by_step,
    says_little,
)
from dress_rehearsal.reports.evidence.ledger_times import time_notes
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of
from dress_rehearsal.reports.evidence.timeline import was_planned
from dress_rehearsal.reports.footprint import footprint_notes
from dress_rehearsal.reports.gates import apply_gates, not_held
from dress_rehearsal.reports.gates.unsold import find_unsold
from dress_rehearsal.reports.incidents import (
    aborted,
    cut_short,
    losses,
    never_started,
    not_kept,
    recycled,
    unclean,
    undone_faults,
)
from dress_rehearsal.reports.memory import killed_for_memory, memory_notes
from dress_rehearsal.reports.part import Fairness, Habit
from dress_rehearsal.reports.pools import find_pools, foreign_notes, late_rows, leaks
from dress_rehearsal.reports.schema import NO_GOOD_ENDS, Census, Measured, Status, Verdict
from dress_rehearsal.reports.students.bad_ends import bad_end_notes, find_bad_ends
from dress_rehearsal.reports.students.bots import bot_notes
from dress_rehearsal.reports.students.census import take_census
from dress_rehearsal.reports.students.errors_met import count_errors, met_errors
from dress_rehearsal.reports.students.retried import retried_notes
from dress_rehearsal.reports.students.stalled_sale import stall_notes
from dress_rehearsal.reports.students.suffered import find_groups
from dress_rehearsal.reports.students.too_late import too_late_notes
from dress_rehearsal.reports.students.tries import count_tries, retry_notes
from dress_rehearsal.reports.students.unanswered import failed_for_all, unanswered_sale
from dress_rehearsal.reports.students.unseen import unseen_notes
from dress_rehearsal.reports.students.worse_off import group_notes
from dress_rehearsal.reports.throughput import measure_load, measure_sale
from dress_rehearsal.reports.trust import TrustFinding, judge_trust
from dress_rehearsal.reports.trust.belief import belief_words, stands_words
from dress_rehearsal.reports.what_ran import what_ran
from dress_rehearsal.reports.words import (
    agreeing,
    counted,
    given_up_words,
    milliseconds,
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
    unchecked = unchecked_words(evidence.requests, evidence.plan, evidence.steps)
    load = judge_load(evidence)
    give_back()
    measured = Measured(
        census=census.census,
        latency_ms=taken(
            evidence, latency_by_step(evidence.latency, evidence.plan.seed, evidence.steps)
        ),
        roles=dict(evidence.steps),
        answers=taken(evidence, answers_by_step(evidence.latency, evidence.steps)),
        tries=count_tries(evidence),
        sale=measure_sale(evidence),
        load=measure_load(evidence),
        audit=audit.audit,
        fairness=fairness.fairness,
        pools=tuple(finding.pool for finding in pools),
        bottleneck=cause.bottleneck,
        generator=trust.generator,
    )
    groups, met = find_groups(evidence), met_errors(evidence)
    bad_ends = find_bad_ends(evidence, met)
    gates = apply_gates(evidence, measured, census, audit, trust, cause_decided=cause.decided)
    unsold = find_unsold(evidence, measured, trust)

    lost = losses(evidence, target=True)
    unproven = [name for name in audit.wrongs if not trust.proves(name)]
    full = evidence.timeline.out_of_space
    failing = failed_for_all(evidence)
    killed = [*killed_for_memory(evidence, planned=False)]
    failed = {
        "aborted": aborted(evidence),
        "audit": [wrong for name, wrong in audit.wrongs.items() if name not in unproven],
        "overtaken": [] if trust.untimely else fairness.wrongs,
        "unanswered": [] if trust.untimely else failing,
        "unsold": unsold.failures,
        "leaked": leaks(pools),
        "lost": [] if full else lost,
        "killed": killed,
        "load": load.failures,
        "gates": gates.broken,
        "census": [] if trust.unproven else census.problems,
    }
    failures = [sentence for sentences in failed.values() for sentence in sentences]
    undone = undone_faults(evidence)
    senders, missing = losses(evidence, target=False), never_started(evidence, census.census)
    doubts = [
        *cut_short(evidence),
        *_excused(lost, trust.unproven if full else None),
        *senders,
        *undone,
        *trust.causes,
        *missing,
        *trust.symptoms,
        *_excused((*map(audit.wrongs.__getitem__, unproven), *census.problems), trust.unproven),
        *_excused(fairness.wrongs, trust.untimely),
        *_excused(failing, trust.untimely),
        *unanswered_sale(evidence),
        *unsold.doubts,
        *audit.problems,
        *fairness.problems,
        *_differences(evidence),
        *load.doubts,
        *gates.undecided,
    ]
    failed_by = tuple(word for word, sentences in failed.items() if sentences)
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
        bands=cause.bands,
        slowest=cause.slowest,
        ran=what_ran(evidence),
        belief=belief_words(
            evidence,
            trust.generator,
            trust.problems,
            stands_words(trust.findings, gates.results, measured.latency_ms)
            if failure_stands(failed_by, gates.results, trust)
            else "",
        ),
        app_or_machine=app_or_machine(evidence, cause, trust),
        behaviour=tuple(Habit(**asdict(row)) for row in behaviour_of(evidence.plan)),
        groups=groups,
        bad_ends=bad_ends,
        errors=count_errors(evidence, met),
        unchecked=unchecked,
        not_applicable=audit.not_applicable,
        gates=gates.results,
        regressions=gates.regressions,
        failures=failed_by,
        doubts=_doubts(evidence, trust, [*senders, *missing], undone),
        notes=_distinct(
            [
                *not_held(gates.regressions),
                *notes_on(evidence.plan),
                *stall_notes(evidence, trust.findings),
                *group_notes(evidence, met, measured.sale),
                *bad_end_notes(bad_ends, measured.census),
                *unseen_notes(evidence),
                *too_late_notes(evidence),
                *retried_notes(evidence),
                *retry_notes(measured.tries, measured.roles),
                *bot_notes(evidence),
                *load.notes,
                *fairness.notes,
                *evidence.stores.notes,
                *time_notes(evidence.ledger_times),
                *early_notes(evidence),
                *put_off_notes(evidence),
                *untold_notes(evidence),
                *trust.notes,
                *evidence.server_counts.notes,
                *worker_notes(evidence),
                *stop_notes(evidence),
                *late_rows(pools),
                *not_kept(evidence),
                *unclean(evidence),
                *killed_for_memory(evidence, planned=True),
                *memory_notes(evidence),
                *recycled(evidence),
                *footprint_notes(evidence),
                *foreign_notes(evidence),
            ]
        ),
    )


def _doubts(
    evidence: Evidence, trust: TrustFinding, smaller: Sequence[str], undone: Sequence[str]
) -> tuple[str, ...]:
    """Return why the numbers are not those of the planned rush on a quiet machine, as words."""
    cut = [] if evidence.timeline.as_planned else ["cut_short"]
    found = {*(["smaller_rush"] if smaller else []), *(["undone_fault"] if undone else [])}
    return (*cut, *sorted(trust.findings | found))


def _excused(wrongs: Iterable[str], excuse: str | None) -> list[str]:
    """Return wrongs that may not be the target's doing, and why; none where they are."""
    if excuse is None:
        return []
    return [f"{wrong.removesuffix('.')}, but {excuse}." for wrong in wrongs]


def _differences(evidence: Evidence) -> tuple[str, ...]:
    counts = evidence.server_counts
    gone = [e for e in evidence.events if e.kind == "process" and e.name == "app"]
    if gone and all(was_planned(event) for event in gone):
        return ()  # the plan itself took the worker, and its counters with it
    if counts.impossible and evidence.plan.target.ours:
        return (f"The requests could not be checked against the server: {counts.impossible}",)
    return counts.problems


def _let_pass(fairness: Fairness) -> str:
    """Return in words why students may have been overtaken by so much."""
    if (fairness.overtaken_max_s or 0.0) <= (fairness.within_s or 0.0):
        return "the plan lets pass"
    unknown = seconds(fairness.uncertainty_s)
    return f"the plan and what is unknown of a student's place, up to {unknown}, let pass"


def _what_held(
    measured: Measured, evidence: Evidence, audit: AuditFinding, unchecked: Mapping[str, int]
) -> str:
    """Return a pass in one sentence, with figures that add up to every student."""
    limits = sum(gate.limit is not None for gate in evidence.plan.gates)
    if evidence.plan.load is not None:
        return what_held(measured, _gates(limits) if limits else "")
    census = measured.census
    wronged = audit.nobody_wronged
    beyond = []
    if unchecked:
        answers = counted(sum(unchecked.values()), "answer says", "answers say")
        beyond.append(f"{answers} {', '.join(unchecked)}, which no check knows")
    if unread_pages(evidence.steps):
        beyond.append("whose ticket a page shows was not read")
    if beyond:
        wronged = f"{wronged} by what could be checked ({'; '.join(beyond)})"
    fairness = measured.fairness
    if (fairness.overtaken_max_s or 0.0) >= _WORTH_TELLING_S:
        wronged += (
            f" ({written(fairness.overtaken)} {agreeing(fairness.overtaken, 'was', 'were')} "
            f"overtaken, by up to "
            f"{seconds(fairness.overtaken_max_s)}, which {_let_pass(fairness)})"
        )
    parts = [
        f"It held: {_everybody(census.students)} accounted for ({', '.join(_endings(census))})",
        wronged,
        *_felt(measured),
    ]
    return f"{', '.join(parts)}{f' and {_gates(limits)}' if limits else ''}."


def _felt(measured: Measured) -> list[str]:
    """Return how long buying took, and how few that is of where it says little.

    Where buying is several requests (the order, and the page that it leads to), of which.
    """
    buying = purchase_step_of(measured)
    if buying is None or buying.latency.p99 is None:
        return []
    bought, what = buying.latency, buying.requests
    if at_least(bought, "p99"):
        told = given_up_words(bought.given_up / bought.count)
        return [f"p99 of {what} is at least {milliseconds(bought.p99)} ({told})"]
    few = f" (there were only {written(bought.count)})" if says_little(bought, "p99") else ""
    return [f"99% of {what} took at most {milliseconds(bought.p99)}{few}"]


def _everybody(students: int) -> str:
    return "the one student is" if students == 1 else f"all {counted(students, 'student')} are"


def _endings(census: Census) -> list[str]:
    """Return how many students came to which end, so that they add up to every student.

    Bad ends of several kinds are summed up after them: each alone may be too few to break a limit.
    """
    others = {word.replace("_", " "): getattr(census, word) for word in ("refused", *NO_GOOD_ENDS)}
    words = [f"{written(number)} {word}" for word, number in others.items() if number]
    if sum(getattr(census, word) > 0 for word in NO_GOOD_ENDS) > 1:
        words[-1] += f"; {written(census.no_good_end)} had no good end"
    return [counted(census.ticket, "ticket"), f"{written(census.sold_out)} sold out", *words]


def _gates(number: int) -> str:
    if number <= 2:
        return "the plan's one gate holds" if number == 1 else "both gates of the plan hold"
    return f"all {number} gates of the plan hold"


def _distinct(sentences: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentences))
