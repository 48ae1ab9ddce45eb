"""The page's views: those that were answered against the event's own counter."""

from reports.course import course_of
from reports.evidence import Evidence
from reports.reconciliation import Reconciliation, began_ns, tally
from reports.samples import Samples
from reports.steps import PAGE

VIEWS = "event_views_total"


def lost_views(
    evidence: Evidence, samples: Samples, counts: Reconciliation
) -> tuple[int, str] | None:
    """Page views answered against the page's own counter, to the view.

    Views beyond those recorded were invented only if the server was not asked for them: a
    recorder that lost rows is no wrong of the target. Of a record that is cut nobody knows.
    """
    rows = samples.named(VIEWS, "redis", event=evidence.plan.event.id)
    if rows.empty:
        return None
    grown = samples.increases(rows, began_ns(evidence)).iloc[0]
    pages = evidence.requests[(evidence.requests["step"] == PAGE).astype(bool)]
    views = tally(pages, int(grown["increase"]), int(grown["last_ns"]), answers="ok")
    difference = views.difference
    if difference > 0:
        server = counts.tallies.get(PAGE)
        if server is None or evidence.requests.empty or course_of(evidence).record_cut:
            return None
        difference = max(difference - max(server.difference, 0), 0)
    return (
        abs(difference),
        f"{'Lost' if views.difference < 0 else 'Invented'} views: {views.recorded:,} page "
        f"views were answered, the counter grew by {views.counted:,}.",
    )
