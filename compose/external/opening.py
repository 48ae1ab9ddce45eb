"""How an external target is reset and opened: what a plan has sent to it at setup, and T-0."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from dress_rehearsal.compose.errors import StageUnusableError, TargetRefusedError
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.secrets import resolved, resolved_within
from dress_rehearsal.plans.sections.request import PlannedRequest, filled, shown_request
from dress_rehearsal.records import http
from dress_rehearsal.records.tables import NS_PER_S

_NS_PER_MS: Final = NS_PER_S // 1000


def t0_from(plan: Plan, earliest_ns: int) -> int:
    """Return T-0 of a rehearsal whose students could be ready for one at `earliest_ns` (Unix ns).

    Where the plan names the instant it is that one. Where a request tells the target, it is the
    next whole second, so that every way to write it says the same.

    Raises:
        StageUnusableError: the plan's instant is earlier.
    """
    opening = plan.target.opening
    if opening is None or opening.already:
        return earliest_ns
    if opening.at is None:
        return -(-earliest_ns // NS_PER_S) * NS_PER_S
    t0_ns = instant_ns(opening.at)
    if t0_ns < earliest_ns:
        late_s = (earliest_ns - t0_ns) / NS_PER_S
        raise StageUnusableError(
            f"The students were ready {late_s:.1f} s too late for {opening.at.isoformat()}, when "
            f"the target opens: setting up took longer than the time kept for it; start earlier."
        )
    return t0_ns


def instant_ns(moment: datetime) -> int:
    """Return a moment in nanoseconds since the Unix epoch, to the microsecond."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def placeholders_of(t0_ns: int) -> dict[str, int | str]:
    """Return what stands for T-0 in an opening request."""
    t0_s = t0_ns // NS_PER_S
    return {
        "t0_ms": t0_ns // _NS_PER_MS,
        "t0_s": t0_s,
        "t0_iso": datetime.fromtimestamp(t0_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def open_by_request(target: Target, planned: PlannedRequest, t0_ns: int) -> None:
    """Tell the target when it opens, and see it agree.

    Raises:
        TargetRefusedError: it answered no success, or nothing, or only after the first arrivals.
        PlanError: a variable that the plan names is not set.
    """
    ask_success(target, planned, "opened", placeholders_of(t0_ns))


def ask_success(
    target: Target, planned: PlannedRequest, what: str, values: Mapping[str, int | str]
) -> None:
    """Send a plan's request and see it succeed.

    Args:
        what: the participle of what it is for, such as `opened`.
        values: of its placeholders; none: what stands in braces stays.

    Raises:
        TargetRefusedError: the answer was no success (2xx), or there was none.
        PlanError: a variable that the plan names is not set.
    """
    written = planned.request or ""

    def fill(text: str) -> str:
        return str(filled(text, values)) if values else text

    # What the variables hold is filled in last: braces in a secret mean nothing.
    method, _, path = fill(written).partition(" ")
    headers = {name: resolved(fill(value)) for name, value in planned.headers.items()}
    document = filled(planned.document, values) if values else planned.document
    sentence = f"The sale at {target.url} cannot be {what}: {shown_request(written)}"
    try:
        answer = target.send(method, path, resolved_within(document), headers)
    except http.NoAnswerError as error:
        raise TargetRefusedError(f"{sentence} got no answer: {error}.") from error
    if not 200 <= answer.status < 300:
        hint = " (a redirect, which is not followed)" if 300 <= answer.status < 400 else ""
        raise TargetRefusedError(
            f"{sentence} was answered {answer.status}{hint}; it must be a success (2xx)."
        )
