"""Doubts: which numbers of a run are those of the planned rush on a quiet machine.

The verdict names its doubts as words (`Verdict.doubts`): what is wrong with the measurement, or
that the rush was not the planned one.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from dress_rehearsal.reports.schema import GateResult, Verdict
from dress_rehearsal.reports.trust import TrustFinding
from dress_rehearsal.reports.trust.doubt import UNCOUNTED
from dress_rehearsal.reports.words import TEST_MACHINE, UNTOLD

_CUT: Final = "cut_short"
"""The doubt because of which nothing of a run counts."""

_DISTURBED: Final = {
    "foreign_cpu": "other programs took the CPU",
    "cpu_limit": "a CPU limit of the rehearsal's own held it back",
    "steal": "the host gave the CPU to other machines",
    "ports": "local ports were short",
    "clock_step": "a clock was set",
    "clocks_apart": "the clocks of workers were apart",
    "damage": "part of the record is damaged",
    "undone_fault": "a fault of the plan was not done",
    "smaller_rush": "fewer students came than planned",
    "late_sends": "requests left late",
    UNCOUNTED: "nobody counted what other programs took of the CPU",
}
"""Doubts about a run because of which only what is nobody else's doing counts, in words; what to
mend comes before what may come of it."""


_OWN_DOING: Final = frozenset({"late_sends", "cpu_limit"})
"""Disturbances that a target may make which takes the CPU that the rehearsal needs."""

_NOBODY_ELSES: Final = frozenset({"audit", "census", "leaked", "lost", "killed"})
"""Words of failures that are nobody else's doing, whatever went on meanwhile."""
_APPS_SHARE: Final = "the app had "
"""Words of `app_or_machine` where the app's processes are of this machine."""
_EXCUSABLE: Final = frozenset({"gates", "overtaken", "unanswered", "unsold"})
"""Words of failures that are none where what is known to have gone on may be why. A rush that was
stopped, and a load of which nothing may fail, are failures all the same."""


def believed(doubts: Sequence[str], path: str) -> bool:
    """Return whether a number of a run with such doubts counts: nothing does where the rush was cut
    short, and where it was disturbed, only what nothing else can have done."""
    return not was_cut_short(doubts) and not (may_be_others_doing(path) and disturbances(doubts))


def was_cut_short(doubts: Sequence[str]) -> bool:
    """Return whether a run with such doubts was cut short."""
    return _CUT in doubts


def disturbances(doubts: Sequence[str]) -> tuple[str, ...]:
    """Return the doubts because of which most numbers of a run do not count."""
    return tuple(word for word in doubts if word == _CUT or word in _DISTURBED)


def may_be_its_own_doing(doubts: Sequence[str]) -> bool:
    """Return whether the target itself may be why a run was disturbed: the rehearsal was late, or
    held back by its CPU limit, and nobody else is known to have made it so."""
    found = set(disturbances(doubts))
    return bool(found & _OWN_DOING) and found <= _OWN_DOING | {UNCOUNTED}


def disturbance_words(doubts: Sequence[str]) -> str:
    """Return in words what is first to be mended of what disturbed a run; "" where nothing did."""
    if was_cut_short(doubts):
        return "it was cut short"
    return next((words for word, words in _DISTURBED.items() if word in doubts), "")


def may_be_others_doing(path: str) -> bool:
    """Return whether a number suffers from what else goes on on the machine.

    A wrong or a leak is nobody else's, and the measurement's own numbers are about the machine.
    """
    table, _, field = path.rpartition(".")
    return field == "settle_ms" or (table not in ("audit", "generator") and field != "leaked")


def failure_stands(
    failures: Collection[str], gates: Iterable[GateResult], trust: TrustFinding
) -> bool:
    """Return whether a run fails by something that what is wrong with its measurement has not done.

    Of what nobody counted nothing is known, so it excuses nothing: whether it is why is open.

    Args:
        failures: the words of what it fails by.
    """
    if not _NOBODY_ELSES.isdisjoint(failures):
        return True
    if UNCOUNTED in trust.findings and trust.untimely is None:
        broken = (gate.metric for gate in gates if gate.status == "fail")
        return not all(map(may_be_others_doing, broken))
    return not _EXCUSABLE.isdisjoint(failures)


def where_it_fails(verdict: Verdict) -> str:
    """Return on which machine a run fails, with a space before it, where that decides what the
    failure says: it fails by limits alone that a slow machine breaks too (times, and students who
    gave up), and the app's doing cannot be told from the test machine's, or it is the machine's.
    Empty where it passes, or fails by anything else."""
    if verdict.verdict != "fail" or not verdict.app_or_machine.startswith((UNTOLD, TEST_MACHINE)):
        return ""
    broken = [gate.metric for gate in verdict.gates if gate.status == "fail"]
    by_gates_alone = verdict.failures is not None and {*verdict.failures} == {"gates"}
    if not by_gates_alone or not all(map(may_be_others_doing, broken)):
        return ""
    shared = _APPS_SHARE in verdict.app_or_machine
    return " on this machine, shared with the test" if shared else " as tested from this machine"
