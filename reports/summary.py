"""The summary: the verdict in at most fifteen lines of Markdown, for a pull request."""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.plans.visible import visible
from dress_rehearsal.reports.doubts import where_it_fails
from dress_rehearsal.reports.gates import IMPLICIT, OVERTAKEN
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.metrics import gate_words
from dress_rehearsal.reports.schema import GateResult, Verdict
from dress_rehearsal.reports.words import APP_OR_MACHINE, BELIEF, HEADLINES, SIGNS, counted, written

MOST_GATES: Final = 5
"""So many gates stand in the summary, and on the page's first screen."""
_GRAVEST_FIRST: Final = ("fail", "inconclusive", "pass")
_CORRECTNESS: Final = ("audit.", "census.students", OVERTAKEN)
_PAGE: Final = "report.html"


def write_summary(verdict: Verdict) -> str:
    """Return the whole of `summary.md`: verdict, cause, what was run, the gates, and the page.

    Whose doing it was, the app's or the test machine's, is told where it stays within its lines.
    """
    more = len(verdict.reasons) - 1
    also = f" (And {written(more)} more: see the page.)" if more > 0 else ""
    others, leading = other_gates_words(verdict.gates), leading_gates(verdict.gates)
    whose = verdict.app_or_machine and f"{APP_OR_MACHINE} {verdict.app_or_machine}"
    lines = [
        *(f"- {escaped(f'{reason}{also}')}" for reason in verdict.reasons[:1]),
        f"- {escaped(verdict.cause)}",
        f"- {escaped(f'Run: {verdict.ran}')}",
        f"- {escaped(f'{BELIEF} {verdict.belief}')}",
        *([f"- {escaped(whose)}"] if whose and len(leading) < MOST_GATES else []),
        f"- [The page]({_PAGE}) of `{verdict.run.replace('`', '')}`"
        f"{f'; {escaped(others)}' if others else ''}",
    ]
    rows = [
        (
            f"{SIGNS[gate.status]} {gate.name}",
            gate.limit,
            gate_words(gate, verdict),
            gate.status,
        )
        for gate in leading
    ]
    head = ("gate", "limit", "measured", "result")
    blocks = [
        f"# {SIGNS[verdict.verdict]} {headline(verdict)}: {escaped(verdict.plan)}",
        "\n".join(lines),
        *([markdown_table(head, rows, texts=(0, 3))] if rows else []),
    ]
    return visible("\n\n".join(blocks)) + "\n"


def headline(verdict: Verdict) -> str:
    """Return whether it will hold, in a few words, and where it does not, if that matters."""
    return f"{HEADLINES[verdict.verdict]}{where_it_fails(verdict)}"


def leading_gates(gates: Sequence[GateResult]) -> list[GateResult]:
    """Return the gates that matter most: broken ones, undecided ones, then the plan's own.

    Those on correctness come first where they are broken, last where they are undecided, and are
    left out where they hold: there are dozens.
    """
    wanted = [gate for gate in gates if gate.status != "pass" or not _is_correctness(gate)]
    implicit = {(gate.metric, gate.limit) for gate in IMPLICIT}

    def rank(gate: GateResult) -> tuple[int, bool, bool]:
        unasked = (gate.metric, gate.limit) in implicit
        later = _is_correctness(gate) == (gate.status != "fail")
        return _GRAVEST_FIRST.index(gate.status), later, unasked

    wanted.sort(key=rank)
    return wanted[:MOST_GATES]


def other_gates_words(gates: Sequence[GateResult]) -> str:
    """Return in a sentence what became of the gates that are not among the leading ones."""
    leading = leading_gates(gates)
    others = [gate for gate in gates if not any(gate is each for each in leading)]
    if not others:
        return ""
    held = sum(gate.status == "pass" for gate in others)
    all_hold = "it holds" if len(others) == 1 else "all of them hold"
    of_them = all_hold if held == len(others) else f"{written(held)} of them hold"
    correctness = sum(_is_correctness(gate) for gate in others)
    all_of_it = "all" if correctness == len(others) else f"{written(correctness)} of them"
    what = f", {all_of_it} on correctness" if correctness else ""
    return f"{counted(len(others), 'more gate')}{what}: {of_them}."


def _is_correctness(gate: GateResult) -> bool:
    return gate.metric.startswith(_CORRECTNESS)
