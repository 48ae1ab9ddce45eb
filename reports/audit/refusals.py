"""The wrongs of being sent away: each refusal held against the clock, the roster and what was said.

false_too_early      clicks that were sent after T-0 and told that it was too early
false_not_enrolled   students on the roster who were told that they are not
false_already_holds  students told to hold a ticket who had none: by no store was one granted by
                     then, and no click of theirs that failed or was never answered can have got it
false_not_admitted   students told to be let in, then that it is not their turn (nobody clicks
                     behind a waiting room who was not told so)
early_admissions     students let in before T-0
lost_places          students who had joined the queue and were told that they are not in it
lost_sessions        students who had logged in and were told to log in
refused_logins       students whose number and PIN are right and were refused
replays_refused      clicks sent again under the same idempotency key once the first had its ticket,
                     and answered otherwise
false_rejections     students whose well-formed request was turned away as malformed or unknown

Each counts students. A request that was never answered may have had its effect, so it excuses.
"""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import (
    COUNTDOWN,
    JOIN,
    LOGIN,
    NS_PER_MS,
    NS_PER_S,
    PAGE,
    PURCHASE,
    SCAN,
    STREAM,
)
from dress_rehearsal.reports.audit.claims import REJECTIONS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.reconciliation import may_have_arrived
from dress_rehearsal.reports.numbers import integers, least_of
from dress_rehearsal.reports.words import counted, seconds, written

OWN_CLOCK_NS = NS_PER_MS
"""How far two readings of one machine's clock may be apart."""
FOREIGN_CLOCK_NS = NS_PER_S
"""How far a foreign target's clock may be from the generator's."""

NEVER_NS = np.iinfo(np.int64).max
"""Stands for a moment that did not come."""

Wrong = tuple[int, str]


def clock_ns(evidence: Evidence) -> int:
    """Return by how many ns the target's clock and the generator's may differ."""
    return OWN_CLOCK_NS if evidence.plan.target.stage == "embedded" else FOREIGN_CLOCK_NS


class Told(NamedTuple):
    """Whole numbers that answers told; `known` says of which, the rest are 0."""

    value: Any
    known: Any


class Said:
    """The requests of a run as arrays, for the questions that the checks ask of them.

    Attributes:
        sent_ns, done_ns: -1 where unknown; done is when the answer was read where the kernel gave
            no time.
        word: the problem code, or the client's own; an empty text on success.
        reached: whether the target may have seen the request.
    """

    def __init__(self, evidence: Evidence) -> None:
        rows = evidence.requests
        self.evidence = evidence
        self.student = integers(rows["student"], missing=-1)
        self.sent_ns = integers(rows["sent_ns"], missing=-1)
        self.done_ns = integers(rows["done_ns"].fillna(rows["read_ns"]), missing=-1)
        self.device = integers(rows["device"])
        self.word = rows["error"].astype("object").fillna("").to_numpy()
        self.step = rows["step"].astype("object").to_numpy()
        self.outcome = rows["outcome"].astype("object").to_numpy()
        self.reached = may_have_arrived(rows).to_numpy(dtype=bool)
        self.answered = integers(rows["status"]) > 0
        self._at: dict[str, Any] = {}
        self._columns: dict[str, Any] = {}

    def at(self, *steps: str) -> Any:
        """Return which requests were one of these steps."""
        for step in steps:
            if step not in self._at:
                self._at[step] = np.asarray(self.step == step, dtype=bool)
        return np.logical_or.reduce([self._at[step] for step in steps])

    def which(self, *words: str, steps: tuple[str, ...] = ()) -> Any:
        """Return which answers said one of these words, at one of these steps if any are named."""
        chosen = np.isin(self.word, words) & self.answered
        return chosen & self.at(*steps) if steps else chosen

    def told(self, column: str) -> Told:
        """Return what answers told in a column of whole numbers of `records.tables.CLAIMS`."""
        if column not in self._columns:
            rows = self.evidence.requests[column]
            self._columns[column] = Told(integers(rows), rows.notna().to_numpy(dtype=bool))
        told: Told = self._columns[column]
        return told

    def told_words(self, column: str) -> Any:
        """Return what they told in one of words, an empty text where nothing."""
        if column not in self._columns:
            words = self.evidence.requests[column].astype("object").fillna("")
            self._columns[column] = words.to_numpy()
        return self._columns[column]

    def told_flags(self, column: str) -> Any:
        """Return which told that it is so, in one of yes and no."""
        return self.evidence.requests[column].fillna(False).to_numpy(dtype=bool)

    def students(self, which: Any) -> Any:
        """Return the different students of some requests."""
        return np.unique(self.student[which])

    def first_ns(self, which: Any, times_ns: Any) -> Any:
        """Return for each request the least of `times_ns` among its student's chosen requests.

        `NEVER_NS` where the student has none.
        """
        return least_of(self.student[which], times_ns[which], self.student, missing=NEVER_NS)

    def last_before_ns(self, which: Any) -> Any:
        """Return for each request when its student's last chosen one before it was done; 0: none.

        The requests must stand in the order of their times, as `Evidence` has them.
        """
        done = pd.Series(np.where(which, self.done_ns, 0))
        return done.groupby(self.student).cummax().to_numpy(dtype="int64")

    @cached_property
    def may_have_granted(self) -> Any:
        """Which clicks may have got their student a ticket: granted, failed or never answered."""
        return self.at(PURCHASE) & self.reached & (self.outcome != "refused")

    @cached_property
    def may_hold_by_then(self) -> Any:
        """Whether each request's student may have held a ticket when it was answered."""
        clicked_ns = self.first_ns(self.may_have_granted, self.sent_ns)
        holdings = self.evidence.stores.holdings.values()
        held_ns = least_of(
            np.concatenate([each["student"].to_numpy(dtype="int64") for each in holdings]),
            np.concatenate([integers(each["granted_ns"]) for each in holdings]),
            self.student,
            missing=NEVER_NS - FOREIGN_CLOCK_NS,
        )
        by_then_ns = self.done_ns + clock_ns(self.evidence)
        return (clicked_ns < self.done_ns) | (held_ns <= by_then_ns)


def refusal_wrongs(said: Said) -> dict[str, Wrong]:
    """Return the counters of this module; those that could not be decided are left out."""
    if said.evidence.requests.empty:
        return {}
    return {
        **_too_early(said),
        **_not_enrolled(said),
        **_already_holds(said),
        **_waiting_room(said),
        **_sessions(said),
        "replays_refused": _replays(said),
        "false_rejections": _rejections(said),
    }


def _too_early(said: Said) -> dict[str, Wrong]:
    t0_ns = said.evidence.t0_ns
    if t0_ns is None:
        return {}
    from_ns = t0_ns + clock_ns(said.evidence)
    wrong = said.which("too_early") & (said.sent_ns >= from_ns)
    who = said.students(wrong)
    latest_s = (int(said.sent_ns[wrong].max()) - t0_ns) / NS_PER_S if len(who) else 0.0
    ends = said.evidence.promises.students
    without = int((~ends.loc[ends["student"].isin(who), "acked"]).sum())
    return {
        "false_too_early": (
            len(who),
            f"Told too early: {counted(len(who), 'student')} clicked after T-0, up to "
            f"{seconds(latest_s)} after it, and {_were(who)} told that it was too early; "
            f"{written(without)} of them ended without a ticket.",
        )
    }


def _not_enrolled(said: Said) -> dict[str, Wrong]:
    told = said.evidence.promises.students
    if told.empty:
        return {}
    enrolled = told.loc[told["enrolled"], "student"].to_numpy()
    who = np.intersect1d(said.students(said.which("not_enrolled")), enrolled)
    return {
        "false_not_enrolled": (
            len(who),
            f"Told not to be enrolled: {counted(len(who), 'student is', 'students are')} on the "
            f"roster and {_were(who)} sent away as not enrolled.",
        )
    }


def _already_holds(said: Said) -> dict[str, Wrong]:
    """Count who was told to hold a ticket and had none by then."""
    claims = said.which("already_holds_ticket")
    if claims.any() and not said.evidence.stores.complete:
        return {}
    who = said.students(claims & ~said.may_hold_by_then if claims.any() else claims)
    return {
        "false_already_holds": (
            len(who),
            f"Told to hold a ticket: {counted(len(who), 'student')} {_were(who)} told to hold one "
            f"already, and no store and no answer knows of one by then.",
        )
    }


def _waiting_room(said: Said) -> dict[str, Wrong]:
    evidence, t0_ns = said.evidence, said.evidence.t0_ns
    refused = said.students(said.which("not_admitted"))
    found: dict[str, Wrong] = {}
    room = evidence.plan.app.waiting_room != "off"
    if room or len(refused):
        found["false_not_admitted"] = (
            len(refused),
            f"Not let in: {counted(len(refused), 'student')} {_were(refused)} told that it was "
            f"their turn and, on buying, that it was not."
            if room
            else f"Not let in: {counted(len(refused), 'student')} {_were(refused)} told that it "
            f"was not their turn though there is no waiting room.",
        )
    if not room:
        return found
    joined_ns = said.first_ns(said.at(JOIN) & (said.outcome == "ok"), said.done_ns)
    lost = said.students(said.which("not_in_queue") & (joined_ns < said.sent_ns))
    found["lost_places"] = (
        len(lost),
        f"Lost places: {counted(len(lost), 'student')} had joined the queue and {_were(lost)} told "
        f"not to be in it.",
    )
    if t0_ns is not None:
        before_ns = t0_ns - clock_ns(evidence)
        let_in = said.at(STREAM) & (said.outcome == "ok") | said.told_flags("told_admitted")
        let_in &= said.done_ns < before_ns
        clicked = said.at(PURCHASE) & said.reached & (said.sent_ns < before_ns)
        early = said.students(let_in | clicked)
        found["early_admissions"] = (
            len(early),
            f"Let in early: {counted(len(early), 'student')} {_were(early)} let in before T-0.",
        )
    return found


def _sessions(said: Said) -> dict[str, Wrong]:
    logged_in_ns = said.first_ns(said.at(LOGIN) & (said.outcome == "ok"), said.done_ns)
    anywhere = ~said.at(LOGIN, PAGE, COUNTDOWN, SCAN)
    lost = said.students(said.which("unauthenticated") & anywhere & (logged_in_ns < said.sent_ns))
    refused = said.students(said.which("bad_credentials", "too_many_attempts", steps=(LOGIN,)))
    return {
        "lost_sessions": (
            len(lost),
            f"Lost sessions: {counted(len(lost), 'student')} had logged in and {_were(lost)} told "
            f"to log in.",
        ),
        "refused_logins": (
            len(refused),
            f"Refused logins: {counted(len(refused), 'student')} {_were(refused)} refused with the "
            f"number and the PIN of the roster.",
        ),
    }


def _replays(said: Said) -> Wrong:
    """Count who repeated a click that had got a ticket and was not given the same answer.

    A device's own clicks share one key, and so does every other copy of a double click
    (`scenarios.device`); the other copies, and other devices, have keys of their own.
    """
    journey = said.evidence.requests["journey"].astype("object").to_numpy()
    shared = (journey == "double-clicker") & (said.device % 2 == 1)
    devices = int(said.device.max(initial=0)) + 1
    key = said.student * devices + np.where(shared, 0, said.device)
    clicks = said.at(PURCHASE)
    granted = clicks & (said.outcome == "ok")
    first_ns = least_of(key[granted], said.done_ns[granted], key, missing=NEVER_NS)
    again = clicks & (first_ns < said.sent_ns)
    who = said.students(again & (said.outcome == "refused"))
    return len(who), (
        f"Repeated clicks refused: {counted(len(who), 'student')} sent a click again that had got "
        f"a ticket, under the same idempotency key, and {_were(who)} refused."
    )


def _rejections(said: Said) -> Wrong:
    who = said.students(said.which(*REJECTIONS))
    return len(who), (
        f"Well-formed requests rejected: {counted(len(who), 'student')} {_were(who)} told that "
        f"what they asked for is malformed or unknown."
    )


def _were(who: Any) -> str:
    return "was" if len(who) == 1 else "were"
