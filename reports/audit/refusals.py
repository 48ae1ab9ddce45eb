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
                     and answered otherwise; of a purchase in several requests it has it by the
                     answer to the last, and each of the second's may be the one refused
false_rejections     students whose well-formed request was turned away as malformed or unknown

Each counts students. A request that was never answered may have had its effect, so it excuses.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import COUNTDOWN, ENTRANCE, JOIN, LOGIN, PAGE, PURCHASE, STREAM
from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.reports.audit.claims import REJECTIONS
from dress_rehearsal.reports.audit.said import NEVER_NS, Said, ahead_ns, clock_ns, shares_clock
from dress_rehearsal.reports.numbers import distinct, least_of
from dress_rehearsal.reports.words import counted, seconds, written

Wrong = tuple[int, str]

_TIMELY_NS: Final = 400 * NS_PER_MS
"""So late somebody else's sale may open by a timer of its own, or a cached state, in a rush."""


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
        **({"replays_refused": _replays(said)} if said.evidence.steps.idempotent else {}),
        "false_rejections": _rejections(said),
    }


def _too_early(said: Said) -> dict[str, Wrong]:
    t0_ns = said.evidence.t0_ns
    if t0_ns is None:
        return {}
    from_ns = t0_ns + clock_ns(said.evidence)
    if not said.evidence.plan.target.ours and shares_clock(said.evidence):
        from_ns = t0_ns + _TIMELY_NS
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
    who = np.intersect1d(said.students(said.which("not_enrolled", "not_eligible")), enrolled)
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
    who = said.students(claims & ~said.may_hold_by_then(claims))
    return {
        "false_already_holds": (
            len(who),
            f"Told they have a ticket: {counted(len(who), 'student')} {_were(who)} told that they "
            f"have one already, and no store and no answer knows of one by then.",
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
    joined = said.at(JOIN) & (said.outcome == "ok")
    lost = said.students(said.after_first(said.which("not_in_queue"), joined, said.done_ns))
    found["lost_places"] = (
        len(lost),
        f"Lost places: {counted(len(lost), 'student')} had joined the queue and {_were(lost)} told "
        f"not to be in it.",
    )
    if t0_ns is not None:
        before_ns = t0_ns - ahead_ns(evidence)
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
    logged_in = said.at(LOGIN) & (said.outcome == "ok")
    told = said.which("unauthenticated") & ~said.at(LOGIN, PAGE, COUNTDOWN, ENTRANCE)
    lost = said.students(said.after_first(told, logged_in, said.done_ns))
    refused = said.students(said.which("bad_credentials", "too_many_attempts", roles=(LOGIN,)))
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
    (`scenarios.students.device`); the other copies, and other devices, have keys of their own.
    """
    clicks = np.flatnonzero(said.at(PURCHASE))
    journey = pd.Categorical(said.evidence.requests["journey"].iloc[clicks])
    device, student, outcome = said.device[clicks], said.student[clicks], said.outcome[clicks]
    shared = (journey == "double-clicker") & (device % 2 == 1)
    key = student.astype(np.int64) * (int(device.max(initial=0)) + 1) + np.where(shared, 0, device)
    granted = said.granting[clicks]
    first_ns = least_of(key[granted], said.done_ns[clicks][granted], key, missing=NEVER_NS)
    who = distinct(student[(first_ns < said.sent_ns[clicks]) & (outcome == "refused")])
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
