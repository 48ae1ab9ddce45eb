"""Puts the dashboards, and the folder and data source they need, into a Grafana.

Only routes that Grafana 10, 11, 12 and 13 all have, by uid; 13 calls them legacy and keeps them:
https://grafana.com/docs/grafana/v13.0/developer-resources/api-reference/http-api/api-legacy/
Pushed again, it changes only what differs.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.dashboards.errors import (
    PushError,
    PushInterruptedError,
    PushRefusedError,
    ServerFailedError,
    VersionTooOldError,
)
from dress_rehearsal.dashboards.push.client import TOKEN_VARIABLE, Grafana
from dress_rehearsal.dashboards.push.dashboard import named, push_dashboard
from dress_rehearsal.dashboards.push.folder import DATASOURCE, FOLDER, push_datasource, push_folder
from dress_rehearsal.dashboards.push.progress import Progress
from dress_rehearsal.dashboards.push.url import server_address
from dress_rehearsal.plans import files

_START_UID: Final = "rehearsal-open"
"""The dashboard to look at first."""

_OLDEST, _NEWEST = 10, 13

Dashboards = Mapping[str, Mapping[str, Any]]
"""Classic dashboard JSON by uid."""


def push(
    url: str,
    token: str | None,
    dashboards: Dashboards,
    *,
    datasource_url: str | None = None,
    allow_http: bool = False,
    ca_file: Path | None = None,
    timeout_s: float = 30.0,
) -> Progress:
    """Put data source, folder and dashboards in place; return what came of it.

    Args:
        url: where Grafana answers, path prefix included.
        token: of a service account; from the environment, see `TOKEN_VARIABLE`.
        datasource_url: where Grafana reaches Prometheus; makes the data source if it is missing.
        allow_http: send the token unencrypted to another machine.
        ca_file: certificates to trust besides the system's.

    Raises:
        PushError: it is not all there; the message says what was done and what was not.
    """
    address = server_address(url, allow_http=allow_http)
    secret = _checked_token(token)
    _check_options(datasource_url, ca_file)
    grafana = Grafana(address, secret, timeout_s=timeout_s, ca_file=ca_file)
    start = _START_UID if _START_UID in dashboards else next(iter(dashboards), "")
    planned = [DATASOURCE, FOLDER, *map(named, dashboards)]
    progress = Progress(planned, f"{address.url}/d/{start}")
    try:
        _check_version(grafana, progress)
        push_datasource(grafana, datasource_url, progress)
        push_folder(grafana, progress)
        for uid, dashboard in dashboards.items():
            push_dashboard(grafana, uid, dashboard, progress)
    except PushError as error:
        far = progress.in_words(undecided=error.undecided and grafana.writing)
        raise type(error)(f"{error}\n{far}") from error
    except KeyboardInterrupt:
        far = progress.in_words(undecided=grafana.writing)
        raise PushInterruptedError(f"The push was interrupted.\n{far}") from None
    return progress


def _checked_token(token: str | None) -> str:
    secret = (token or "").strip()
    if not secret:
        raise PushRefusedError(
            f"There is no token: put one of a Grafana service account into the environment "
            f"variable {TOKEN_VARIABLE}."
        )
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise PushRefusedError(
            f"What {TOKEN_VARIABLE} holds is no token: there are spaces or other characters in "
            f"it that no token has. Copy it again."
        )
    return secret


def _check_options(datasource_url: str | None, ca_file: Path | None) -> None:
    if datasource_url is not None:
        matched = re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", datasource_url)
        if matched is None:
            raise PushRefusedError(
                "--datasource-url is no plain http or https URL: write it like "
                "http://127.0.0.1:9090, without user name, password or query; it is stored in "
                "Grafana for everybody to read."
            )
    if ca_file is not None and not files.is_file(ca_file):
        raise PushRefusedError(
            f"--ca-file {files.named(ca_file)} is no file: give one with certificates (PEM)."
        )


def _check_version(grafana: Grafana, progress: Progress) -> None:
    """Refuse a Grafana that is too old or not well; before the token is shown."""
    answer = grafana.health()
    if not answer.ok or answer.table["database"] != "ok":
        raise ServerFailedError(
            f"Grafana at {grafana.url} is not well: it answers {answer.status} and says that its "
            f"database is not reachable. Its log says why."
        )
    version = str(answer.table.get("version", ""))
    match = re.match(r"v?(\d+)\.", version)
    if match is None:
        progress.notes.append(
            f"{grafana.url} does not tell its version; Grafana {_OLDEST} to {_NEWEST} is meant."
        )
    elif int(match[1]) < _OLDEST:
        raise VersionTooOldError(
            f"{grafana.url} is Grafana {version[:40]}; the dashboards and the routes to push them "
            f"need {_OLDEST} or newer. Update it, or build files with `rehearse dashboards build`."
        )
    elif int(match[1]) > _NEWEST:
        progress.notes.append(
            f"{grafana.url} is Grafana {version[:40]}, newer than the {_NEWEST} this was made "
            f"for; it was pushed in the same way."
        )
