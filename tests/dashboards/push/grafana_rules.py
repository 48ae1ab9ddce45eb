"""Grafana's documented HTTP routes, versions 9 to 13, as tests of pushing are held against them.

Only routes are answered that the HTTP API reference of Grafana 10 to 13 documents. Every request is
held against them: method, path, query, Authorization, content type, and a body with all the
required fields of the right type and no other. What breaks these rules is answered 400 or 404 and
kept in `violations`, which a test wants empty. Folders, data sources and dashboards are kept with
their versions as Grafana keeps them:

- before Grafana 11 titles are unique within a folder (409 for folders, 412 name-exists else);
- from Grafana 12 on, saving the same content makes no new version;
- a token that may not read everything is answered 403, not 404, for what is not there;
- saving over another version than the newest is a 412 version-mismatch.
"""

import copy
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

TOKEN = "glsa_0123456789abcdefABCDEF_feedc0de"
ADMIN = frozenset(
    {
        "folders:create",
        "folders:read",
        "folders:write",
        "datasources:create",
        "datasources:read",
        "dashboards:create",
        "dashboards:read",
        "dashboards:write",
    }
)
EDITOR = ADMIN - {"datasources:create", "datasources:read", "folders:read", "dashboards:read"}
"""May read what it made itself, as the creator of a folder is its administrator."""


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any


class RefusalError(Exception):
    """An error status with its JSON body."""

    def __init__(self, code: int, message: str, **more: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.body = {"message": message, **more}


@dataclass
class GrafanaRules:
    """What one Grafana holds, and how it answers.

    Attributes:
        permissions: what the token may do.
    """

    version: str = "11.6.0"
    permissions: Collection[str] = ADMIN
    token: str = TOKEN
    violations: list[str] = field(default_factory=list)
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasources: dict[str, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By uid: `dashboard` (with id and version), `folderUid`, `message`, `provisioned`."""
    unseen: Collection[str] = ()
    """What is there but is nothing of the token's: to be seen only with leave to read all."""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0]) if self.version else 13

    def handle(self, asked: Asked) -> Any:
        """Return the answer to a request.

        Raises:
            RefusalError: Grafana would answer with that error.
        """
        if (asked.method, asked.path) == ("GET", "/health"):
            return self._health(asked)
        self._authorise(asked)
        routes: tuple[tuple[str, str, Callable[..., Any]], ...] = (
            ("GET", "/folders/([^/]+)", lambda uid: self._read("folders", self.folders, uid)),
            ("POST", "/folders", lambda: self._make_folder(asked)),
            ("PUT", "/folders/([^/]+)", lambda uid: self._rename_folder(asked, uid)),
            (
                "GET",
                "/datasources/uid/([^/]+)",
                lambda uid: self._read("datasources", self.datasources, uid),
            ),
            ("POST", "/datasources", lambda: self._make_datasource(asked)),
            ("GET", "/dashboards/uid/([^/]+)", self._read_dashboard),
            ("POST", "/dashboards/db", lambda: self._save_dashboard(asked)),
        )
        for method, pattern, act in routes:
            match = re.fullmatch(pattern, asked.path)
            if method == asked.method and match is not None:
                return act(*match.groups())
        self.violations.append(f"{asked.method} {asked.path}: no such route")
        raise RefusalError(404, "Not found")

    def _health(self, asked: Asked) -> dict[str, Any]:
        if "Authorization" in asked.headers:
            self.violations.append("the token was shown to GET /health, which needs none")
        known = {"version": self.version} if self.version else {}
        return {"commit": "087143285", "database": "ok", **known}

    def _authorise(self, asked: Asked) -> None:
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            raise RefusalError(401, "Invalid API key" if self.major < 11 else "Unauthorized")

    def _need(self, permission: str) -> None:
        if permission not in self.permissions:
            raise RefusalError(
                403,
                f"You'll need additional permissions to perform this action. "
                f"Permissions needed: {permission}",
                accessErrorId="ACE0123456789",
                title="Access denied",
            )

    def _read(self, kind: str, held: Mapping[str, dict[str, Any]], uid: str) -> dict[str, Any]:
        if uid not in held or uid in self.unseen or kind == "datasources":
            self._need(f"{kind}:read")
        if uid not in held:
            names = {"folders": "folder not found", "datasources": "Data source not found"}
            raise RefusalError(404, names.get(kind, "Dashboard not found"), status="not-found")
        return held[uid]

    def _make_folder(self, asked: Asked) -> dict[str, Any]:
        body = self._body(asked, {"title": str}, {"uid": str, "parentUid": str})
        self._need("folders:create")
        uid = body.get("uid") or f"made-{len(self.folders)}"
        if uid in self.folders:
            words = "the folder has been changed by someone else"
            if self.major >= 12:
                raise RefusalError(412, words, status="version-mismatch")
            raise RefusalError(409, "a folder with the same uid already exists")
        if self.major < 11 and any(f["title"] == body["title"] for f in self.folders.values()):
            raise RefusalError(409, "a folder with the same name already exists")
        self.folders[uid] = {
            "id": len(self.folders) + 1,
            "uid": uid,
            "title": body["title"],
            "url": f"/dashboards/f/{uid}/",
            "version": 1,
        }
        return self.folders[uid]

    def _rename_folder(self, asked: Asked, uid: str) -> dict[str, Any]:
        body = self._body(asked, {"title": str}, {"version": int, "overwrite": bool})
        self._need("folders:write")
        folder = self._read("folders", self.folders, uid)
        if not body.get("overwrite") and body.get("version") != folder["version"]:
            words = "the folder has been changed by someone else"
            raise RefusalError(412, words, status="version-mismatch")
        folder.update(title=body["title"], version=folder["version"] + 1)
        return folder

    def _make_datasource(self, asked: Asked) -> dict[str, Any]:
        body = self._body(
            asked,
            {"name": str, "type": str, "access": str},
            {
                **dict.fromkeys(("uid", "url", "user", "database", "basicAuthUser"), str),
                **dict.fromkeys(("basicAuth", "withCredentials", "isDefault"), bool),
                **dict.fromkeys(("jsonData", "secureJsonData"), dict),
            },
        )
        self._need("datasources:create")
        uid = body.get("uid") or f"made-{len(self.datasources)}"
        known = self.datasources.values()
        if uid in self.datasources or any(each["name"] == body["name"] for each in known):
            words = "data source with the same name already exists"
            raise RefusalError(409, words, traceID="")
        number = len(self.datasources) + 1
        self.datasources[uid] = {**body, "id": number, "uid": uid, "orgId": 1, "readOnly": False}
        made = {"datasource": self.datasources[uid], "id": number, "name": body["name"]}
        return {**made, "message": "Datasource added"}

    def _read_dashboard(self, uid: str) -> dict[str, Any]:
        held = self._read("dashboards", self.dashboards, uid)
        meta = {
            "folderUid": held["folderUid"],
            "provisioned": held.get("provisioned", False),
            "url": f"/d/{uid}/",
        }
        return {"dashboard": held["dashboard"], "meta": meta}

    def _save_dashboard(self, asked: Asked) -> dict[str, Any]:
        body = self._body(
            asked,
            {"dashboard": dict},
            {"folderUid": str, "folderId": int, "message": str, "overwrite": bool},
        )
        model, overwrite = copy.deepcopy(body["dashboard"]), body.get("overwrite", False)
        self._fields(
            asked,
            {key: model[key] for key in model.keys() & {"id", "uid", "title", "version"}},
            {"title": str},
            {"id": (int, NoneType), "uid": (str, NoneType), "version": int},
        )
        uid = model.get("uid") or f"made-{len(self.dashboards)}"
        if len(uid) > 40:
            raise RefusalError(400, "uid too long, max 40 characters")
        held = self.dashboards.get(uid)
        self._need("dashboards:create" if held is None else "dashboards:write")
        if body.get("folderUid", "") and body["folderUid"] not in self.folders:
            raise RefusalError(400, "folder not found")
        if model.get("id") and (held is None or held["dashboard"]["id"] != model["id"]):
            raise RefusalError(404, "Dashboard not found", status="not-found")
        if held and held.get("provisioned"):
            raise RefusalError(400, "Cannot save provisioned dashboard")
        self._unique_title(model["title"], body.get("folderUid", ""), uid, overwrite=overwrite)
        before = held["dashboard"]["version"] if held else 0
        if held and not overwrite and model.get("version") != before:
            words = "The dashboard has been changed by someone else"
            raise RefusalError(412, words, status="version-mismatch")
        number = held["dashboard"]["id"] if held else len(self.dashboards) + 1
        saved = {**model, "id": number, "uid": uid, "version": before + 1}
        if held and self.major >= 12 and saved == {**held["dashboard"], "version": before + 1}:
            saved["version"] = before
        self.dashboards[uid] = {
            "dashboard": saved,
            "folderUid": body.get("folderUid", ""),
            "message": body.get("message", ""),
        }
        told = {"id": number, "uid": uid, "url": f"/d/{uid}/", "status": "success"}
        return {**told, "version": saved["version"], "slug": "a-slug"}

    def _unique_title(self, title: str, folder: str, uid: str, *, overwrite: bool) -> None:
        if self.major >= 11 or overwrite:
            return
        for other, held in self.dashboards.items():
            if (other, held["folderUid"]) != (uid, folder) and (
                held["dashboard"]["title"] == title and held["folderUid"] == folder
            ):
                words = "A dashboard with the same name in the folder already exists"
                raise RefusalError(412, words, status="name-exists")

    def _body(
        self, asked: Asked, required: Mapping[str, Any], optional: Mapping[str, Any]
    ) -> dict[str, Any]:
        kind = asked.headers.get("Content-Type", "").split(";")[0]
        if kind != "application/json":
            self._violate(asked, f"content type {kind!r}")
        if not isinstance(asked.body, dict):
            self._violate(asked, "the body is no object")
        self._fields(asked, asked.body, required, optional)
        return dict(asked.body)

    def _fields(
        self,
        asked: Asked,
        body: Mapping[str, Any],
        required: Mapping[str, Any],
        optional: Mapping[str, Any],
    ) -> None:
        known = {**required, **optional}
        for key in required.keys() - body.keys():
            self._violate(asked, f"{key} is missing")
        for key, value in body.items():
            if key not in known:
                self._violate(asked, f"unknown field {key}")
            if not isinstance(value, known[key]) or (
                isinstance(value, bool) and known[key] is not bool
            ):
                self._violate(asked, f"{key} is {value!r}")

    def _violate(self, asked: Asked, what: str) -> None:
        self.violations.append(f"{asked.method} {asked.path}: {what}")
        raise RefusalError(400, "bad request data")
