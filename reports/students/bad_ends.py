"""Bad ends: who gave up, failed or never learnt the outcome, and what they had asked for last."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.part import BadEnd
from dress_rehearsal.reports.schema import Census
from dress_rehearsal.reports.students.census import ends_of
from dress_rehearsal.reports.students.errors_met import ErrorsMet
from dress_rehearsal.reports.words import counted, offset, span_words, written

MOST: Final = 20
"""So many ways to a bad end are listed."""
_SUCH_AS: Final = 3
"""So many students of each are named."""
_DID: Final = {
    "gave_up": "gave up",
    "failed": "failed",
    "unknown": "never learnt the outcome",
    "never_started": "never started",
    "in_flight": "were still under way when the run ended",
}
"""What students did who came to each bad end."""
_CAME_OF_IT: Final = {
    "ok": "was answered well",
    "refused": "was refused",
    "failed": "failed",
    "unknown": "got no answer",
}
"""What came of a request, by its outcome."""
_BAD: Final = ("failed", "unknown")
_WAY: Final = ["end", "step", "answer", "answer_error", "error", "error_step"]
"""What students have in common who came to a bad end in one way."""


def find_bad_ends(evidence: Evidence, met: ErrorsMet) -> tuple[BadEnd, ...]:
    """Return the ways in which students came to no good end, the most frequent first.

    Together they are all whom the census counts there, as long as there are at most `MOST` ways;
    of more, each bad end of the census has its most frequent one.

    Args:
        met: the requests that met an error.
    """
    if evidence.plan.load is not None:
        return ()
    ends = ends_of(evidence)
    who = np.flatnonzero(np.isin(ends, list(_DID)))
    if not len(who):
        return ()
    rows = pd.DataFrame({"end": ends[who]}, index=who)
    journeys = evidence.students.drop_duplicates("student").set_index("student")["journey"]
    rows["journey"] = journeys.astype("object").reindex(rows.index).to_numpy()
    rows = rows.join(_last_requests(evidence, who)).join(_last_errors(met, who))
    ways = list(rows.groupby(_WAY, dropna=False, sort=False))
    ways.sort(key=lambda each: (-len(each[1]), *each[1].index[:_SUCH_AS]))
    firsts = {way[0]: place for place, (way, _) in reversed([*enumerate(ways)])}
    first = sorted(firsts.values())
    others = (place for place in range(len(ways)) if place not in first)
    return tuple(_bad_end(*ways[place]) for place in sorted([*first, *others][:MOST]))


def failed_by_time_out(evidence: Evidence) -> int:
    """Return how many students failed whose last request got no answer in time: no error was said,
    and no connection was lost."""
    failed = np.flatnonzero(ends_of(evidence) == "failed")
    if not len(failed):
        return 0
    last = _last_requests(evidence, failed)
    return int(((last["answer"] == "unknown") & (last["answer_error"] == "timeout")).sum())


def bad_end_notes(bad_ends: Sequence[BadEnd], census: Census) -> Iterator[str]:
    """Yield a sentence for each bad end of the census: who came to it, and after what.

    Args:
        bad_ends: the most frequent way first; not every way is among them where there are many.
        census: how many came to each end in all.
    """
    for end, did in _DID.items():
        first = next((each for each in bad_ends if each.outcome == end), None)
        if first is None:
            continue
        number: int = getattr(census, end)
        verb = did.replace("were", "was", 1) if number == 1 else did
        yield f"{counted(number, 'student')} {verb}: {_last_words(first, number)}."


def _last_words(way: BadEnd, number: int) -> str:
    """Return what is on record of those who came to a bad end in the most frequent of its ways.

    Args:
        number: how many came to it in any way.
    """
    if way.students == 1:
        journey = "".join(f" ({name})" for name in way.journeys)
        who = f"student {written(way.such_as[0])}{journey}"
        who = who if number == 1 else f"one of them is {who}"
        last, none = f"{who}, whose last request was", f"{who}, of whom"
    else:
        *named, end = [written(student) for student in way.such_as]
        such = f"such as students {', '.join(named)} and {end}"
        who = f"of {'all' if way.students == number else written(way.students)} of them ({such})"
        last, none = f"{who} the last request was", who
    if way.step is None or way.answer is None:
        return f"{none} no request is on record"
    when = f" ({moments(way)})" if moments(way) else ""
    came = _CAME_OF_IT.get(way.answer, way.answer)
    said = f" ({way.answer_error})" if way.answer_error else ""
    if way.error is None:
        before = "; no error came before it" if way.students == 1 else "; they met no error"
    elif way.answer in _BAD:
        before = ""
    else:
        where = f" at {way.error_step}" if way.error_step else ""
        before = f"; the last error before was {way.error}{where}"
    return f"{last} {way.step}{when}, which {came}{said}{before}"


def moments(way: BadEnd) -> str:
    """Return when the last requests had ended: one moment, or from when to when."""
    if way.first_s is None or way.last_s is None or way.first_s == way.last_s:
        return "" if way.first_s is None else offset(way.first_s)
    return span_words(way.first_s, way.last_s, offset)


def _last_requests(evidence: Evidence, who: Any) -> pd.DataFrame:
    """Return of each of these students the last request that they wanted an answer to: columns
    step, answer, answer_error, at_s; the index has who sent any."""
    requests = evidence.requests
    own = requests["student"].isin(who).to_numpy(dtype=bool)
    own = own & (requests["error"] != ABANDONED).to_numpy(dtype=bool, na_value=True)
    rows = requests.loc[
        own, ["student", "step", "outcome", "error", "done_ns", "read_ns", "intended_ns"]
    ]
    known_ns = rows["done_ns"].fillna(rows["read_ns"]).fillna(rows["intended_ns"])
    last = pd.DataFrame(
        {
            "step": _lines(rows["step"]),
            "answer": rows["outcome"].astype("object").to_numpy(),
            "answer_error": _lines(rows["error"]),
            "at_s": evidence.timeline.seconds(known_ns),
        },
        index=integers(rows["student"]),
    )
    return _last_of_each(last)


def _last_errors(met: ErrorsMet, who: Any) -> pd.DataFrame:
    """Return of each of these students the last error: columns error, error_step."""
    own = np.isin(met.student, who)
    codes, steps = np.array(met.codes, dtype=object), np.array(met.steps, dtype=object)
    rows = pd.DataFrame(
        {"error": codes[met.code[own]], "error_step": steps[met.step[own]], "at_s": met.at_s[own]},
        index=met.student[own],
    )
    return _last_of_each(rows).drop(columns="at_s")


def _last_of_each(rows: pd.DataFrame) -> pd.DataFrame:
    ordered = rows.sort_values("at_s", kind="stable", na_position="first")
    return ordered[~ordered.index.duplicated(keep="last")]


def _lines(words: "pd.Series[Any]") -> Any:
    """Return words as they are shown, None where there is none."""
    kept = words.astype("object")
    return kept.where(kept.isna(), kept.map(lambda word: visible_line(str(word)))).to_numpy()


def _bad_end(way: Any, own: pd.DataFrame) -> BadEnd:
    words = [None if pd.isna(word) else str(word) for word in way]
    end, step, answer, answer_error, error, error_step = words
    counts = own["journey"].value_counts()
    times = own["at_s"].dropna()
    return BadEnd(
        outcome=str(end),
        students=len(own),
        journeys={str(name): int(number) for name, number in counts.items()},
        such_as=tuple(int(student) for student in own.index[:_SUCH_AS]),
        step=step,
        answer=answer,
        answer_error=answer_error,
        first_s=round(float(times.min()), 3) if len(times) else None,
        last_s=round(float(times.max()), 3) if len(times) else None,
        error=error,
        error_step=error_step,
    )
