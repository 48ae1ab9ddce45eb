"""What a scenario asks the target with: requests as one writes them, cookies kept by themselves."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from json import JSONEncoder
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

from dress_rehearsal.scenarios.client.content_encoding import ACCEPTED
from dress_rehearsal.scenarios.client.cookies import Cookies
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.origin import Origin, head_of, header_line
from dress_rehearsal.scenarios.client.response import Response
from dress_rehearsal.scenarios.client.route import step_name

Params = Mapping[str, Any] | Iterable[tuple[str, Any]] | str
Auth = tuple[str, str] | str
"""`("user", "password")` for Basic, `"token"` for Bearer."""

_JSON: Final = JSONEncoder(ensure_ascii=False, allow_nan=False)
_UNNUMBERED: Final = -1
"""The step of a request whose name alone is known."""
_MOST_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AS_IT_WAS: Final = frozenset({307, 308})
"""Redirects that keep method and body; the others ask with GET, as browsers do."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_PLAIN_PATH: Final = re.compile(r"/[\w/.~:@!$&'()*+,;=%?-]*", re.ASCII)
_KEPT_IN_PATH: Final = "/.~:@!$&'()*+,;=%?-"
_DEFAULTS: Final = (
    ("accept", "Accept: */*"),
    ("accept-encoding", f"Accept-Encoding: {ACCEPTED}"),
)
_OURS: Final = frozenset(
    {
        *("content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"),
        *("traceparent", "x-request-start", "proxy-authorization", "proxy-connection"),
    }
)
"""Headers that say how a message is framed, or when it was sent: only the client knows."""
_HARMLESS: Final = frozenset({"accept", "accept-language", "content-type"})
"""Headers of a scenario that go to another origin too; all others may be secrets."""


class Client:
    """One student's client: keeps cookies, and records each request as a row of its step.

    A request never raises for what the target does: without an answer `.status` is 0.

    Args:
        origin: the target.
        perform: sends a request and records it as a row; its second argument is the step's name.
            Without an answer it returns an `Answer` whose status is 0.
    """

    __slots__ = ("_others", "_perform", "cookies", "origin")

    def __init__(self, origin: Origin, perform: Callable[[Request, str], Answer]) -> None:
        self.origin = origin
        self._perform = perform
        self.cookies = _cookies_of(origin)
        """Of the target."""
        self._others: dict[str, Cookies] = {}
        """Of other origins that the target sent the student to."""

    def get(self, path: str, **options: Any) -> Response:
        """Send a GET (see `request`)."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        """Send a POST (see `request`)."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Response:
        """Send a PUT (see `request`)."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Response:
        """Send a PATCH (see `request`)."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Response:
        """Send a DELETE (see `request`)."""
        return self.request("DELETE", path, **options)

    def head(self, path: str, **options: Any) -> Response:
        """Send a HEAD (see `request`)."""
        return self.request("HEAD", path, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        name: str | None = None,
        params: Params | None = None,
        data: Params | bytes | None = None,
        json: Any = None,
        headers: Mapping[str, str | None] | None = None,
        auth: Auth | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Send a request and return its answer.

        Args:
            path: after the target's URL, such as `/orders`; a whole URL of the target, or of a
                host that `target.allow` names, will do.
            name: the step that it is counted as, such as `GET /orders/{order}`; without one it is
                the method and the path, with ids as `{id}` and without the query.
            params: of the query, added to that of the path.
            data: a form's fields; or text or bytes, sent as they are.
            json: what is sent as JSON.
            headers: beside or instead of those that are sent anyway; None leaves one of those out.
            auth: `("user", "password")` for Basic, or `"token"` for Bearer.
            allow_redirects: whether redirects are followed, each as a row of its own; never to
                a host that is not allowed (`redirect_refused` in `error`, and status 0).

        Raises:
            ValueError: what is to be sent is no request, such as a header with a line break.
        """
        method = method.upper()
        body, kind = _body(data, json)
        here = self.origin
        step = _named(method, name) if name is not None else ""
        if path.startswith("/"):
            target = here.prefix + _encoded(path)
            step = step or step_name(method, path)
        else:
            parts = urlsplit(path)
            step = step or step_name(method, parts.path)
            found = self._place_of(parts)
            if found is None:
                return self._refused("host_refused", step, path)
            here, target = found, _target_of(parts)
        if params is not None:
            query = params if isinstance(params, str) else urlencode(_pairs(params), doseq=True)
            target += ("&" if "?" in target else "?") + query.replace(" ", "%20") if query else ""
        sent = dict(headers) if headers else {}
        if auth is not None:
            sent["Authorization"] = _authorization(auth)
        answer = self._send(here, method, target, body, kind, sent, step)
        if allow_redirects and answer.status in _REDIRECTS:
            return self._followed(answer, here, method, target, body, kind, sent, step)
        return Response(answer, here.url + target)

    def _send(
        self,
        here: Origin,
        method: str,
        target: str,
        body: bytes | None,
        kind: str,
        headers: Mapping[str, str | None],
        step: str,
    ) -> Answer:
        """Send one request, and keep the cookies of its answer.

        Args:
            target: path and query, as they are sent.
            kind: the body's content type; empty: it has none.
        """
        at_target = here is self.origin
        cookies = self.cookies if at_target else self._cookies_at(here)
        path = target.partition("?")[0]
        lines = [f"{method} {here.absolute}{target} HTTP/1.1"]
        held = cookies.header(path)
        if not headers:
            lines += (f"Host: {here.host}", *here.shared, *_DEFAULT_LINES)
            if kind:
                lines.append(f"Content-Type: {kind}")
        else:
            lines += _merged(here, kind, headers)
            if "cookie" in {name.lower() for name in headers}:
                held = ""
        if held:
            lines.append(f"Cookie: {held}")
        if body is not None or method in _WITH_BODY:
            lines.append(f"Content-Length: {len(body or b'')}")
        request = Request(_UNNUMBERED, head_of(lines), body or b"", None if at_target else here)
        answer = self._perform(request, step)
        if answer.headers:
            cookies.take_in(answer.headers, path)
        return answer

    def _followed(
        self,
        answer: Answer,
        here: Origin,
        method: str,
        target: str,
        body: bytes | None,
        kind: str,
        headers: Mapping[str, str | None],
        step: str,
    ) -> Response:
        """Follow redirects, one recorded request each."""
        for _ in range(_MOST_REDIRECTS):
            location = _location(answer)
            if location is None:
                return Response(answer, here.url + target)
            try:
                parts = urlsplit(urljoin(here.url + target, location))
            except ValueError:
                return self._refused("redirect_refused", step, "")
            there = self._place_of(parts)
            if there is None:
                return self._refused("redirect_refused", step, "")
            if answer.status not in _AS_IT_WAS and method not in ("GET", "HEAD"):
                method, body, kind = "GET", None, ""
            if there is not here:
                headers = _without_secrets(headers)
            here, target = there, _target_of(parts)
            step = step_name(method, parts.path.removeprefix(here.prefix) or "/")
            answer = self._send(here, method, target, body, kind, headers, step)
            if answer.status not in _REDIRECTS:
                return Response(answer, here.url + target)
        return self._refused("too_many_redirects", step, here.url + target)

    def _refused(self, word: str, step: str, url: str) -> Response:
        """Record that something was not sent, and why."""
        return Response(self._perform(Request(_UNNUMBERED, b"", refused=word), step), url)

    def _place_of(self, parts: SplitResult) -> Origin | None:
        """Return where a whole URL lies; None: nothing is sent there."""
        if "@" in parts.netloc or parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        return self.origin if self.origin.is_here(parts) else self.origin.other(parts)

    def _cookies_at(self, origin: Origin) -> Cookies:
        if origin.url not in self._others:
            self._others[origin.url] = _cookies_of(origin)
        return self._others[origin.url]


_DEFAULT_LINES: Final = tuple(line for _, line in _DEFAULTS)


def _cookies_of(origin: Origin) -> Cookies:
    return Cookies(urlsplit(origin.url).hostname or "", origin.scheme == "https")


def _named(method: str, name: str) -> str:
    return name if name.startswith(f"{method} ") else f"{method} {name}"


def _encoded(path: str) -> str:
    """Return a path, and its query, as it may be sent: what no URL holds is escaped."""
    path = path.partition("#")[0]
    return path if _PLAIN_PATH.fullmatch(path) else quote(path, safe=_KEPT_IN_PATH)


def _target_of(parts: SplitResult) -> str:
    """Return the path and the query of a whole URL, as they are sent."""
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    return _encoded(path + (f"?{parts.query}" if parts.query else ""))


def _pairs(params: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return names and values, without those whose value is None."""
    pairs = params.items() if isinstance(params, Mapping) else params
    return [(name, value) for name, value in pairs if value is not None]


def _body(data: Params | bytes | None, json: Any) -> tuple[bytes | None, str]:
    """Return a body and its content type, empty where nothing says it.

    Raises:
        ValueError: there are two.
    """
    if json is not None:
        if data is not None:
            raise ValueError("a request has data or json, not both")
        return _JSON.encode(json).encode("utf-8", "backslashreplace"), "application/json"
    match data:
        case None:
            return None, ""
        case bytes():
            return data, ""
        case str():
            return data.encode(), "text/plain; charset=utf-8"
    form = urlencode(_pairs(data), doseq=True)
    return form.encode(), "application/x-www-form-urlencoded"


def _authorization(auth: Auth) -> str:
    if isinstance(auth, str):
        return f"Bearer {auth}"
    user, password = auth
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _merged(here: Origin, kind: str, headers: Mapping[str, str | None]) -> list[str]:
    """Return the lines of a request's headers: the scenario's own, and the others beside them."""
    given = {name.lower() for name in headers}
    if given & _OURS:
        raise ValueError(f"the client sets {', '.join(sorted(given & _OURS))} itself")
    usual = [f"Host: {here.host}", *here.shared, *_DEFAULT_LINES]
    if kind:
        usual.append(f"Content-Type: {kind}")
    lines = [line for line in usual if line[: line.index(":")].lower() not in given]
    lines += [header_line(name, value) for name, value in headers.items() if value is not None]
    return lines


def _without_secrets(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS}


def _location(answer: Answer) -> str | None:
    for name, value in answer.headers:
        if name.lower() == b"location":
            return value.decode("utf-8", "replace").strip()
    return None
