"""Fairness: was first come first served, by the order in which the students' clicks were sent?

`reports.places` says where each student stood in the line, and how well that is known. Whoever was
overtaken by more than is unknown is counted, and by how much; whoever was overtaken by more than
the plan's `event.order_within` besides is wronged, where the plan promises first come, first
served.

Our own app's waiting room also tells everybody's place in the queue at once: who was placed behind
somebody who joined later was overtaken there already, by how much later that was, or by so much
waiting if that is less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import JOIN
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.audit.said import NEVER_NS, Said
from dress_rehearsal.reports.audit.sold_out import TELLING
from dress_rehearsal.reports.audit.taken import given_back
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import DURABLE
from dress_rehearsal.reports.numbers import (
    integers,
    least_of,
    percentile,
    rank_correlation,
    rounded,
)
from dress_rehearsal.reports.part import Fairness
from dress_rehearsal.reports.places import (
    first_sent,
    is_ordered,
    places_in_line,
    trip_s,
    uncertainty_s,
)
from dress_rehearsal.reports.words import counted, seconds, written

_OVERTAKEN: Final = "fairness.inversions"


@dataclass(frozen=True, slots=True)
class FairnessFinding:
    """The numbers, and sentences.

    Attributes:
        wrongs: where somebody was wronged.
        problems: why that is not known.
        notes: why it was hardly asked.
    """

    fairness: Fairness
    wrongs: tuple[str, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge_fairness(evidence: Evidence) -> FairnessFinding:
    """Return how the order of the line compares with the order of the tickets' numbers.

    overtaken: students who came before somebody who got a ticket with an earlier number, or who got
    one while they were sent away sold out, by more than is unknown; overtaken_max_s, _p99_s: by how
    much. inversions: those overtaken by more than the plan's `event.order_within` besides.
    kendall_tau: rank correlation (tau-b) of holders' places and numbers.
    multi_device_advantage: the share of students with several devices who got a ticket, less that
    of the other eager ones; None too when nobody at all did.

    Each is None where it was not measured, or where the plan promises no order; all but the last
    need the durable store's numbers (see `_grants` for somebody else's), and a clock that was not
    set meanwhile.
    """
    event = evidence.plan.event
    compares = event.order == "first_come" and not evidence.clock_steps
    line = places_in_line(evidence) if compares else None
    advantage = _advantage(evidence)
    if line is None:
        nothing = dict.fromkeys(Fairness.model_fields)
        fairness = Fairness(**nothing | {"multi_device_advantage": advantage})
        return FairnessFinding(fairness, (), _unnumbered(evidence) if compares else ())
    unknown_s = uncertainty_s(evidence)
    ways = [(_overtaken_by_s(line, _given_back(evidence, line)), unknown_s)]
    placed = _placed_behind_s(evidence, line)
    if len(placed):
        unknown_s = trip_s(evidence)
        ways.append((placed, unknown_s))
    overtaken_s = _longest([late_s[late_s > least_s] for late_s, least_s in ways])
    wronged_s = _longest(
        [late_s[late_s > event.order_within + least_s] for late_s, least_s in ways]
    )
    held = line[line["number"].notna()]
    tau = rank_correlation(integers(held["place_ns"]), integers(held["number"]))
    fairness = Fairness(
        inversions=len(wronged_s),
        overtaken=len(overtaken_s),
        overtaken_max_s=rounded(float(overtaken_s.max())) if len(overtaken_s) else 0.0,
        overtaken_p99_s=rounded(percentile(overtaken_s, 99)) if len(overtaken_s) else 0.0,
        uncertainty_s=rounded(unknown_s),
        within_s=event.order_within,
        kendall_tau=None if tau is None else rounded(tau),
        multi_device_advantage=advantage,
    )
    hardly_asked = () if fairness.inversions else _hardly_asked(evidence)
    notes = (*_how_judged(evidence), *hardly_asked)
    wrongs = _wrongs(fairness, len(line), _not_by(evidence))
    return FairnessFinding(fairness, wrongs, notes=notes)


def _unnumbered(evidence: Evidence) -> tuple[str, ...]:
    """Return why the order of the tickets is not known, if there are tickets."""
    durable = evidence.stores.holdings.get(DURABLE)
    if (
        not evidence.plan.target.ours
        or durable is None
        or durable.empty
        or durable["number"].notna().any()
    ):
        return ()
    return (
        f"Whether first come was first served is not known: no ticket in {DURABLE} has a number.",
    )


def _not_by(evidence: Evidence) -> str:
    """Return words on limits of the plan's own, which excuse no such wrong; empty without some."""
    gates = evidence.plan.gates
    limits = [gate.limit for gate in gates if gate.path == _OVERTAKEN and gate.limit]
    others = ", ".join(limit for limit in limits if limit != "== 0")
    return others and f" (event.order_within decides, not the plan's gate {_OVERTAKEN} {others})"


def _wrongs(fairness: Fairness, line: int, not_by: str) -> tuple[str, ...]:
    if not fairness.inversions:
        return ()
    were = "was" if fairness.inversions == 1 else "were"
    return (
        f"Not first come, first served: {written(fairness.inversions)} of the "
        f"{counted(line, 'student')} whose place in line is known {were} overtaken by more than "
        f"{seconds(fairness.within_s)}, by up to {seconds(fairness.overtaken_max_s)}{not_by}.",
    )


def _hardly_asked(evidence: Evidence) -> tuple[str, ...]:
    """Return a sentence where nobody can have been overtaken by more than the plan lets pass."""
    sale, within_s = evidence.sale, evidence.plan.event.order_within
    if not sale.granted:
        return ()
    lasted_s = float(sale.granted_s[min(sale.granted, max(sale.capacity, 1)) - 1])
    if lasted_s > within_s:
        return ()
    return (
        f"The last ticket went {seconds(rounded(max(lasted_s, 0.0)))} after T-0 and "
        f"event.order_within lets {seconds(within_s)} pass: this run hardly tests the order (first "
        f"come, first served). Set event.order_within well below what the sale lasts.",
    )


def _how_judged(evidence: Evidence) -> tuple[str, ...]:
    """Return how the order was judged where it was not by the tickets' own numbers."""
    durable = evidence.stores.holdings.get(evidence.stores.durable)
    if evidence.plan.target.ours:
        return ()
    if not is_ordered(evidence):
        return (
            "First come, first served is judged by when clicks were sent, and by who got a ticket "
            "and who was sent away: no ledger says who was served when, so nothing is known of the "
            "order among those who got one.",
        )
    if durable is not None and durable["number"].isna().all():
        return (
            f"First come, first served is judged by when clicks were sent and by the times in the "
            f"ledger {evidence.stores.durable}, for it does not number its tickets.",
        )
    return ()


def _given_back(evidence: Evidence, line: pd.DataFrame) -> Any:
    """Return for each student of the line how many places may have come back that were taken then.

    Then: from the click until the last word that all is sold; 0 for holders. Of our own app none
    come back: what a click takes it keeps, or it fails at once.
    """
    away = line.index[line["number"].isna()]
    if evidence.plan.target.ours or away.empty:
        return np.zeros(len(line), dtype=np.int64)
    said = Said(evidence)
    told = said.which("sold_out", roles=TELLING)
    who = integers(away)
    asked_ns = least_of(said.student[told], said.sent_ns[told], who, missing=NEVER_NS)
    heard_ns = -least_of(said.student[told], -said.done_ns[told], who, missing=0)
    since_ns = np.minimum(asked_ns, integers(line.loc[away, "place_ns"]))
    back = pd.Series(given_back(said, since_ns, np.maximum(heard_ns, since_ns)), away)
    return back.reindex(line.index, fill_value=0).to_numpy(dtype=np.int64)


def _overtaken_by_s(line: pd.DataFrame, back: Any) -> "pd.Series[float]":
    """Return for each student of the line how much later somebody came who was served before.

    In seconds; at most 0 where nobody overtook. Who was sent away was served after all holders but
    as many of the latest as places may have come back meanwhile: those were not to be had then.

    Args:
        back: how many these are, for each student of the line.
    """
    place = integers(line["place_ns"])
    sold_out = line["number"].isna().to_numpy(dtype=bool)
    number = integers(line["number"], missing=np.iinfo(np.int32).max)
    order = np.argsort(number, kind="stable")
    place, number, sold_out, back = place[order], number[order], sold_out[order], back[order]
    latest: Any = np.maximum.accumulate(np.where(sold_out, 0, place))
    earlier = np.searchsorted(number, number, side="left")  # how many have a smaller number
    before = np.where(earlier > 0, latest[np.maximum(earlier - 1, 0)], place)
    got = np.sort(place[~sold_out])
    rank = len(got) - 1 - back[sold_out]
    before[sold_out] = np.where(rank >= 0, got[np.maximum(rank, 0)], place[sold_out])
    return pd.Series((before - place) / NS_PER_S, line.index[order])


def _placed_behind_s(evidence: Evidence, line: pd.DataFrame) -> "pd.Series[float]":
    """Return how much later somebody joined who was told of a place before, for those of the line.

    In seconds of joining or of waiting, whichever is less: a place lost in a crowd long before T-0
    costs next to nothing, and who came next to each other cannot have been overtaken by much. At
    most 0 where nobody did; empty where nobody was told a place, or of a target that is not ours.
    """
    if evidence.plan.app.waiting_room == "off" or not evidence.plan.target.ours:
        return pd.Series(dtype="float64")
    joined = (evidence.requests["role"] == JOIN).to_numpy(dtype=bool)
    joins = evidence.requests.loc[joined, ["student", "sent_ns", "outcome", "told_position"]]
    told = joins[(joins["outcome"] == "ok").astype(bool) & joins["told_position"].notna()]
    places = told["told_position"].astype("int64").groupby(integers(told["student"])).min()
    columns = {
        "place": places,
        "came": first_sent(told),
        # A place may be that of an earlier try which was never answered: it had come by then.
        "earliest": first_sent(joins),
        "turn": line["place_ns"],
    }
    placed = pd.DataFrame(columns).dropna().sort_values("place", kind="stable")
    joined_ns = _latest_before(placed["earliest"]) - integers(placed["came"])
    waited_ns = _latest_before(placed["turn"]) - integers(placed["turn"])
    return pd.Series(np.minimum(joined_ns, waited_ns) / NS_PER_S, placed.index)


def _latest_before(times: "pd.Series[Any]") -> Any:
    """Return for each row the latest time of the rows before it; 0 for the first."""
    return np.maximum.accumulate(np.concatenate([[0], integers(times)]))[:-1]


def _longest(parts: Sequence["pd.Series[float]"]) -> "pd.Series[float]":
    """Return the longest of several spans, by student."""
    spans = pd.concat(parts)
    return spans.groupby(level=0).max()


def _advantage(evidence: Evidence) -> float | None:
    """Return how much larger a share of those with several devices got a ticket; -1 to 1.

    They are drawn from the eager, so they are compared with these alone: the late come later and
    outsiders may not buy, whatever the number of their devices.
    """
    told = evidence.promises.students
    journey = evidence.students.drop_duplicates("student").set_index("student")["journey"]
    got = pd.Series(told["acked"].to_numpy(dtype=bool), told["student"])
    kind = journey.reindex(got.index).astype("object").to_numpy()
    several, one = got[kind == "multi-device"], got[kind == "eager"]
    if several.empty or one.empty or not got.any():
        return None
    return rounded(float(several.mean()) - float(one.mean()))
