"""Annotates dashboards of a Grafana with the marks of a run, each once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from dress_rehearsal.dashboards.errors import ServerFailedError
from dress_rehearsal.dashboards.marks import Mark
from dress_rehearsal.dashboards.push.client import Answer, Grafana
from dress_rehearsal.dashboards.push.progress import Course

TAG: Final = "dress-rehearsal"
INDEX_UID: Final = "rehearsal-index"
"""The list of runs: of a run it is told the verdict only."""

_MOST_ANNOTATIONS: Final = 5_000


def annotations_on(uid: str) -> str:
    """Name the part of a push that annotates a dashboard."""
    return f"annotations on {uid}"


def push_annotations(
    grafana: Grafana, uid: str, run: str, marks: Sequence[Mark], course: Course
) -> None:
    """Make the marks that a dashboard lacks and correct those that have changed since.

    `GET`, `POST` and `PATCH /api/annotations`:
    https://grafana.com/docs/grafana/v10.0/developers/http_api/annotations/
    https://grafana.com/docs/grafana/v13.0/developer-resources/api-reference/http-api/api-legacy/annotations/
    """
    part, scope = annotations_on(uid), f"dashboards:uid:{uid}"
    found = grafana.call(
        "GET",
        "/annotations?"
        + urlencode(
            [
                ("dashboardUID", uid),
                ("tags", TAG),
                ("tags", f"run:{run}"),
                ("limit", _MOST_ANNOTATIONS),
            ]
        ),
        needs=f"annotations:read on {scope}",
    )
    there = _by_key(found, uid)
    made = corrected = 0
    for mark in marks:
        body = {
            "time": mark.at_ms,
            "timeEnd": mark.at_ms if mark.until_ms is None else mark.until_ms,
            "tags": [TAG, f"run:{run}", f"kind:{mark.kind}", f"mark:{mark.key}"],
            "text": mark.text,
        }
        known = there.get(mark.key)
        if known is None:
            grafana.call(
                "POST",
                "/annotations",
                needs=f"annotations:create on {scope}",
                body={"dashboardUID": uid, **body},
            )
            made += 1
        elif any(known.get(key) != body[key] for key in ("time", "timeEnd", "text")):
            grafana.call(
                "PATCH",
                f"/annotations/{known['id']}",
                needs=f"annotations:write on {scope}",
                body=body,
            )
            corrected += 1
        course.partly[part] = f"{made} of {len(marks)} made"
    course.partly.pop(part, None)
    counts = [f"{made} made"] if made else []
    counts += [f"{corrected} corrected"] if corrected else []
    course.outcomes[part] = ", ".join(counts) or "unchanged"


def shown_on(uid: str, marks: Iterable[Mark]) -> list[Mark]:
    return [mark for mark in marks if uid != INDEX_UID or mark.kind == "verdict"]


def _by_key(found: Answer, uid: str) -> dict[str, Mapping[str, Any]]:
    """Return the annotations of one dashboard by the key of their mark."""
    if not isinstance(found.document, list):
        raise ServerFailedError(
            "Grafana answered GET /api/annotations with something that is no list."
        )
    there: dict[str, Mapping[str, Any]] = {}
    for each in found.document:
        if not isinstance(each, dict) or "id" not in each:
            continue
        if each.get("dashboardUID") not in (None, "", uid):
            continue
        for tag in each.get("tags") or ():
            if str(tag).startswith("mark:"):
                there[str(tag).removeprefix("mark:")] = {"timeEnd": each.get("time"), **each}
    return there
