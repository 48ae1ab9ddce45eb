"""Saves a dashboard in a Grafana, unless it is there as it should be."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from dress_rehearsal.dashboards.errors import (
    ConflictError,
    PermissionMissingError,
    PushError,
    ServerFailedError,
)
from dress_rehearsal.dashboards.push.client import Answer, Grafana
from dress_rehearsal.dashboards.push.folder import FOLDER_TITLE, FOLDER_UID
from dress_rehearsal.dashboards.push.progress import Progress

_ATTEMPTS: Final = 3


def named(uid: str) -> str:
    """Return what a dashboard is called among the parts of a push."""
    return f"dashboard {uid}"


def push_dashboard(
    grafana: Grafana, uid: str, wanted: Mapping[str, Any], progress: Progress
) -> None:
    """Save a dashboard unless it is there as it should be.

    `GET /api/dashboards/uid/:uid`, `POST /api/dashboards/db`:
    https://grafana.com/docs/grafana/v10.0/developers/http_api/dashboard/
    https://grafana.com/docs/grafana/v13.0/developer-resources/api-reference/http-api/api-legacy/dashboard/

    It is saved over the version that was read, never with `overwrite`, which in Grafana 10 takes
    the place of another dashboard with the same title too. A dashboard that is not there may
    answer an editor's token 403, as folders do.
    """
    part = named(uid)
    read = f"dashboards:read on dashboards:uid:{uid}"
    for _ in range(_ATTEMPTS):
        found = grafana.call("GET", f"/dashboards/uid/{quote(uid)}", needs=read, handled={403, 404})
        stored, meta = _stored(found)
        if found.ok and meta.get("folderUid") == FOLDER_UID and _plain(stored) == _plain(wanted):
            progress.outcomes[part] = "unchanged"
            return
        if meta.get("provisioned"):
            raise ConflictError(
                f"The dashboard {uid} of {grafana.url} comes from Grafana's provisioning files, "
                f"which it does not let be changed: build them anew with `rehearse dashboards "
                f"build`, or take them away and push."
            )
        before = stored.get("version") if found.ok else None
        saved = grafana.call(
            "POST",
            "/dashboards/db",
            needs=f"dashboards:create and dashboards:write on folders:uid:{FOLDER_UID}",
            handled={412},
            body={
                "dashboard": {
                    **_plain(wanted),
                    "id": None,
                    "uid": uid,
                    **({} if before is None else {"version": before}),
                },
                "folderUid": FOLDER_UID,
                "message": "rehearse dashboards push",
                "overwrite": False,
            },
        )
        if saved.ok:
            now = saved.table.get("version")
            if before is None:
                progress.outcomes[part] = "created"
            elif now == before and meta.get("folderUid") == FOLDER_UID:
                # Grafana 12 and newer make no new version of the same content.
                progress.outcomes[part] = "unchanged"
            else:
                progress.outcomes[part] = "updated"
            return
        if saved.table.get("status") != "version-mismatch" or found.status == 403:
            raise _dashboard_conflict(grafana, uid, wanted, found, saved, read)
    raise ConflictError(
        f"The dashboard {uid} of {grafana.url} was changed by somebody else {_ATTEMPTS} times "
        f"while it was being pushed: push again when nobody edits it."
    )


def _dashboard_conflict(
    grafana: Grafana, uid: str, wanted: Mapping[str, Any], found: Answer, saved: Answer, read: str
) -> PushError:
    if found.status == 403:
        return PermissionMissingError(
            f"{grafana.url} has the dashboard {uid} already, and the token may not see it: its "
            f"service account needs the permission {read}.{saved.said}"
        )
    return ConflictError(
        f"The dashboard {uid} cannot be saved in {grafana.url}: the folder {FOLDER_TITLE!r} has "
        f"another one titled {wanted.get('title')!r}, or it belongs to a plugin. Rename or remove "
        f"the other.{saved.said}"
    )


def _stored(found: Answer) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if not found.ok:
        return {}, {}
    stored, meta = found.table.get("dashboard"), found.table.get("meta")
    if not isinstance(stored, dict) or not isinstance(meta, dict):
        raise ServerFailedError("Grafana answered GET /api/dashboards/uid with no dashboard in it.")
    return stored, meta


def _plain(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what each Grafana counts for itself."""
    return {key: value for key, value in dashboard.items() if key not in ("id", "version")}
