"""What dashboards need in a Grafana: a folder to be in, and a data source to ask."""

from typing import Final

from dress_rehearsal.dashboards.errors import ConflictError, MissingError, PermissionMissingError
from dress_rehearsal.dashboards.push.client import Grafana
from dress_rehearsal.dashboards.push.progress import Progress

FOLDER_UID: Final = "dress-rehearsal"
FOLDER_TITLE: Final = "Dress Rehearsal"
DATASOURCE_UID: Final = "rehearsal-prometheus"
DATASOURCE_NAME: Final = "Dress Rehearsal Prometheus"
DATASOURCE: Final = f"data source {DATASOURCE_UID}"
FOLDER: Final = f"folder {FOLDER_UID}"

_ATTEMPTS: Final = 3


def push_datasource(grafana: Grafana, wanted_url: str | None, progress: Progress) -> None:
    """Look for the data source by uid, and make it if its URL was given.

    `GET /api/datasources/uid/:uid`, `POST /api/datasources`:
    https://grafana.com/docs/grafana/v10.0/developers/http_api/data_source/
    https://grafana.com/docs/grafana/v13.0/developer-resources/api-reference/http-api/api-legacy/data_source/
    """
    needs = f"datasources:read on datasources:uid:{DATASOURCE_UID}"
    handled = {404} if wanted_url else {403, 404}
    found = grafana.call("GET", f"/datasources/uid/{DATASOURCE_UID}", needs=needs, handled=handled)
    if found.ok:
        kind, there = found.table.get("type"), found.table.get("url")
        if kind != "prometheus":
            raise ConflictError(
                f"The data source {DATASOURCE_UID} of {grafana.url} is of type {kind!r}, not "
                f"prometheus: give that one another uid."
            )
        if wanted_url and str(there).rstrip("/") != wanted_url.rstrip("/"):
            progress.notes.append(
                f"The data source {DATASOURCE_UID} reads from another URL than "
                f"--datasource-url and was left as it is; change it in Grafana if that is wrong."
            )
        progress.outcomes[DATASOURCE] = "there already"
    elif found.status == 403:
        # Grafana lets only administrators read data sources; pushing takes no more than an editor.
        progress.notes.append(
            f"The token may not look for the data source {DATASOURCE_UID} (it lacks {needs}): see "
            f"in Grafana that there is one, or the dashboards stay empty."
        )
        progress.outcomes[DATASOURCE] = "not looked for"
    elif wanted_url is None:
        raise MissingError(
            f"{grafana.url} has no data source with the uid {DATASOURCE_UID}, so the dashboards "
            f"would stay empty. Push with --datasource-url URL, where URL is how Grafana itself "
            f"reaches Prometheus, or give a Prometheus data source that is there this uid."
        )
    else:
        made = grafana.call(
            "POST",
            "/datasources",
            needs="datasources:create",
            handled={409},
            body={
                "name": DATASOURCE_NAME,
                "uid": DATASOURCE_UID,
                "type": "prometheus",
                "access": "proxy",
                "url": wanted_url,
                "basicAuth": False,
                "isDefault": False,
                "jsonData": {"httpMethod": "POST", "timeInterval": "1s"},
            },
        )
        if not made.ok:
            raise ConflictError(
                f"{grafana.url} has a data source named {DATASOURCE_NAME!r} with another uid: "
                f"rename it, or give it the uid {DATASOURCE_UID}."
            )
        progress.outcomes[DATASOURCE] = "created"


def push_folder(grafana: Grafana, progress: Progress) -> None:
    """Make the folder, or give it its title.

    `GET` and `PUT /api/folders/:uid`, `POST /api/folders`:
    https://grafana.com/docs/grafana/v10.0/developers/http_api/folder/
    https://grafana.com/docs/grafana/v13.0/developer-resources/api-reference/http-api/api-legacy/folder/

    To an editor's token a folder that is not there answers 403 instead of 404, because nothing
    says that it may be read (https://github.com/block/proto-fleet/pull/830); so a 403 means to
    try and make it.
    """
    read = f"folders:read on folders:uid:{FOLDER_UID}"
    path = f"/folders/{FOLDER_UID}"
    for _ in range(_ATTEMPTS):
        found = grafana.call("GET", path, needs=read, handled={403, 404})
        if not found.ok:
            body = {"uid": FOLDER_UID, "title": FOLDER_TITLE}
            made = grafana.call(
                "POST", "/folders", needs="folders:create", body=body, handled={409, 412}
            )
            if made.ok:
                progress.outcomes[FOLDER] = "created"
                return
            if found.status == 403:
                raise PermissionMissingError(
                    f"{grafana.url} has a folder {FOLDER_UID} or one titled {FOLDER_TITLE!r} "
                    f"already, and the token may not see it: its service account needs the "
                    f"permission {read}.{made.said}"
                )
            continue  # somebody made it meanwhile; or another folder has its title
        if found.table.get("title") == FOLDER_TITLE:
            progress.outcomes[FOLDER] = "unchanged"
            return
        version = found.table.get("version")
        changed = grafana.call(
            "PUT",
            path,
            needs=f"folders:write on folders:uid:{FOLDER_UID}",
            body={
                "title": FOLDER_TITLE,
                **({"overwrite": True} if version is None else {"version": version}),
            },
            handled={412},
        )
        if changed.ok:
            progress.outcomes[FOLDER] = "renamed"
            return
    raise ConflictError(
        f"The folder {FOLDER_UID} of {grafana.url} can be neither made nor renamed: another "
        f"folder is titled {FOLDER_TITLE!r}, or somebody keeps changing it. Rename the other one "
        f"and push again."
    )
