"""Lost views: page views that were answered, held against the event's own counter."""

from dress_rehearsal.records.steps import PAGE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.reconciliation import TALLIED, began_ns, tally
from dress_rehearsal.reports.words import counted, written

VIEWS = "event_views_total"

LATEST_S = 1
"""What `tally` allows for: an answer may be newer than what the reading at its time shows."""


def lost_views(evidence: Evidence) -> tuple[int, str] | None:
    """Count page views answered against the page's own counter, to the view.

    A view is counted before it is answered, so a counter that was read once everything was over
    has every one. Was it not (Redis did not answer at the end), it need not have those of the last
    second before its last reading, for a reading is stamped when it ends.

    Views beyond those recorded were invented only if the server was not asked for them: a
    recorder that lost rows is no wrong of the target. Of a record that is cut nobody knows.
    """
    rows = evidence.samples.series(VIEWS, "redis", event=evidence.plan.event.id)
    if not rows:
        return None
    grown = evidence.samples.increases(rows, began_ns(evidence.requests)).iloc[0]
    asked = (evidence.requests["role"] == PAGE).to_numpy(dtype=bool)
    pages = evidence.requests.loc[asked, list(TALLIED)]
    views = tally(pages, int(grown["increase"]), int(grown["last_ns"]), answers="ok")
    due, when = views.least, f" at least {LATEST_S} s before the counter was last read"
    done_ns = evidence.timeline.phases.get("performed")  # every student was done by then
    if done_ns is not None and done_ns <= grown["last_ns"]:
        due, when = views.recorded, ""
    if views.counted <= due:
        return (
            due - views.counted,
            f"Lost views: {counted(due, 'page view was', 'page views were')} answered{when}, the "
            f"counter grew by {written(views.counted)}.",
        )
    most = views.recorded + views.uncertain
    if views.counted > most:
        pages = evidence.steps.of_role(PAGE)
        server = evidence.server_counts.tallies.get(pages[0]) if pages else None
        if server is None or evidence.requests.empty or evidence.timeline.record_cut:
            return None
        most += max(server.difference, 0)
    return (
        max(views.counted - most, 0),
        f"Invented views: at most {counted(most, 'page view was', 'page views were')} asked for, "
        f"the counter grew by {written(views.counted)}.",
    )
