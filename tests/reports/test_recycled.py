"""A worker that the app replaces is no loss, unless somebody's request was lost with it."""

import dataclasses
from collections.abc import Callable

import pandas as pd
import pytest

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.findings import findings_of
from dress_rehearsal.reports.verdict import judge
from tests.reports.foreign import foreign

SMALL = {"students": 60, "tickets": 20}
WHAT = "A worker of the app (gunicorn, pid 7) ended"
Ended = Callable[..., Evidence]


@pytest.fixture
def ended(evidence_of: Callable[..., Evidence]) -> Ended:
    """Return a sound run in which a worker ended at T-0 + 1 s; and a request so long after it."""

    def with_end(*, replaced: bool, lost_after_s: float | None = None) -> Evidence:
        evidence = foreign(evidence_of(**SMALL, allocation="naive"), "everything")
        t_ns = (evidence.t0_ns or 0) + NS_PER_S
        detail = {"pid": 7, "exit": None, "what": f"{WHAT}.", "replaced": replaced}
        events = (*evidence.events, TimelineEvent(t_ns, "process", "app", detail))
        requests = evidence.requests
        if lost_after_s is not None:
            requests = requests.copy()
            requests["error"] = requests["error"].astype("object")
            last = requests.index[-1]
            requests.loc[last, ["error", "status"]] = ["connection_lost", 0]
            requests.loc[last, "done_ns"] = pd.NA
            requests.loc[last, "read_ns"] = t_ns + round(lost_after_s * NS_PER_S)
        return dataclasses.replace(evidence, events=events, requests=requests)

    return with_end


def _losses(evidence: Evidence) -> list[str]:
    return [reason for reason in judge(evidence).reasons if reason.startswith("Lost: ")]


@pytest.mark.slow
def test_a_recycled_worker_is_a_note(ended: Ended) -> None:
    evidence = ended(replaced=True)
    verdict = judge(evidence)
    assert verdict.verdict == "pass"
    assert any(
        note.startswith("1 worker of the app ended during the rush") for note in verdict.notes
    )
    assert "lost.app" not in findings_of(evidence, verdict)


def test_a_worker_that_nobody_replaced_is_lost(ended: Ended) -> None:
    assert _losses(ended(replaced=False)) == [f"Lost: {WHAT}."]


@pytest.mark.parametrize(("after_s", "lost"), [(0.1, 1), (-1.0, 1), (9.0, 0)])
def test_one_that_took_requests_with_it_is_lost_though_replaced(
    after_s: float, lost: int, ended: Ended
) -> None:
    assert len(_losses(ended(replaced=True, lost_after_s=after_s))) == lost


@pytest.mark.slow
def test_a_worker_that_ends_again_and_again_is_not_told_a_hundred_times(ended: Ended) -> None:
    evidence = ended(replaced=True, lost_after_s=0.1)
    (first,) = (event for event in evidence.events if event.kind == "process")
    more = [dataclasses.replace(first, t_ns=first.t_ns + n * NS_PER_S // 100) for n in range(100)]
    losses = _losses(dataclasses.replace(evidence, events=(*evidence.events, *more[1:])))
    assert losses[0] == f"Lost: {WHAT}."
    assert losses[-1] == "Lost: 97 more, the last at T-0 + 1.99 s."
    assert len(losses) <= 4
