"""What a scenario asks the target with: requests as one writes them, cookies kept by themselves."""

import base64
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from json import JSONEncoder
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

from dress_rehearsal.scenarios.client.cookies import Cookies
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.origin import Origin, head_of, header_line
from dress_rehearsal.scenarios.client.response import Events, Response
from dress_rehearsal.scenarios.client.route import step_name
from dress_rehearsal.scenarios.client.sse import EventStream

Params = Mapping[str, Any] | Iterable[tuple[str, Any]] | str
Auth = tuple[str, str] | str
"""`("user", "password")` for Basic, `"token"` for Bearer."""

_JSON: Final = JSONEncoder(ensure_ascii=False, allow_nan=False)
_MOST_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AS_IT_WAS: Final = frozenset({307, 308})
"""Redirects that keep method and body; the others ask with GET, as browsers do."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_PLAIN_PATH: Final = re.compile(r"/[\w/.~:@!$&'()*+,;=%?-]*", re.ASCII)
_KEPT_IN_PATH: Final = "/.~:@!$&'()*+,;=%?-"
_OURS: Final = frozenset(
    {
        *("content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"),
        *("traceparent", "x-request-start", "proxy-authorization", "proxy-connection"),
    }
)
"""Headers that say how a message is framed, or when it was sent: only the client knows."""
_HARMLESS: Final = frozenset({"accept", "accept-language", "content-type"})
"""Headers of a scenario that go to another origin too; all others may be secrets."""


_NONE: Final[frozenset[str]] = frozenset()


class Perform(Protocol):
    """Sends a request and records it as a row of a step; without an answer its status is 0."""

    def __call__(self, request: Request, step: str, stream: EventStream | None = None, /) -> Answer:
        """Send it; `stream` takes the answer in where it is one of server-sent events."""


class Client:
    """One student's client: keeps cookies, and records each request as a row of its step.

    A request never raises for what the target does: without an answer `.status` is 0.

    Args:
        origin: the target.
        perform: sends a request and records it.
    """

    __slots__ = ("_auth", "_others", "_perform", "cookies", "origin")

    def __init__(self, origin: Origin, perform: Perform) -> None:
        self.origin = origin
        self._perform = perform
        self.cookies = _cookies_of(origin)
        """Of the target."""
        self._others: dict[str, Cookies] = {}
        """Of other origins that the target sent the student to."""
        self._auth = b""

    def log_in_as(self, auth: Auth | None) -> None:
        """Have every request to the target carry an `Authorization`, or none any more.

        Args:
            auth: `("user", "password")` for Basic, `"token"` for Bearer; None: none.

        Raises:
            ValueError: it holds what no header may.
        """
        self._auth = b"" if auth is None else head_of([f"Authorization: {_authorization(auth)}"])

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
        here, target, step = self._aim(method, path, name, params)
        if here is None:
            return self._refused("host_refused", step, path)
        if auth is not None:
            headers = {**(headers or {}), "Authorization": _authorization(auth)}
        answer = self._send(here, method, target, body, kind, headers, step)
        if allow_redirects and answer.status in _REDIRECTS:
            return self._followed(answer, here, method, target, body, kind, headers or {}, step)
        return Response(answer, here.url, target)

    def events(
        self,
        path: str,
        *,
        until: Iterable[str],
        after: Events | None = None,
        name: str | None = None,
        params: Params | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Events:
        """Hold a stream of server-sent events until one comes that is waited for.

        It is one request and one row, however long it lasts.

        Args:
            until: the names of the events that are waited for; `message` for those without one.
            after: a stream that was cut: this one goes on where that ended (`Last-Event-ID`).
            name, params, headers: as of `request`.

        Raises:
            ValueError: what is to be sent is no request.
        """
        here, target, step = self._aim("GET", path, name, params)
        if here is None:
            stream = EventStream()
            refused = Request(b"", refused="host_refused")
            return Events(self._perform(refused, step, stream), path, "", stream)
        last = None if after is None else after.last_event_id
        stream = EventStream(until=frozenset(one.encode() for one in until), last_event_id=last)
        sent = {"Accept": "text/event-stream", **(headers or {})}
        if last is not None:
            sent["Last-Event-ID"] = last
        answer = self._send(here, "GET", target, None, "", sent, step, stream)
        return Events(answer, here.url, target, stream)

    def _aim(
        self, method: str, path: str, name: str | None, params: Params | None
    ) -> tuple[Origin | None, str, str]:
        """Return where a request goes, its path and query as they are sent, and its step.

        Returns:
            No origin where nothing may be sent to.
        """
        here: Origin | None = self.origin
        if path[:1] == "/":
            target = self.origin.prefix + _encoded(path)
            step = step_name(method, path) if name is None else _named(method, name)
        else:
            parts = urlsplit(path)
            step = step_name(method, parts.path) if name is None else _named(method, name)
            here, target = self._place_of(parts), _target_of(parts)
        if params is not None:
            query = params if isinstance(params, str) else urlencode(_pairs(params), doseq=True)
            target += ("&" if "?" in target else "?") + query.replace(" ", "%20") if query else ""
        return here, target, step

    def _send(
        self,
        here: Origin,
        method: str,
        target: str,
        body: bytes | None,
        kind: str,
        headers: Mapping[str, str | None] | None,
        step: str,
        stream: EventStream | None = None,
    ) -> Answer:
        """Send one request, and keep the cookies of its answer.

        Args:
            target: path and query, as they are sent.
            kind: the body's content type; empty: it has none.
        """
        at_target = here is self.origin
        cookies = self.cookies if at_target else self._cookies_at(here)
        given = frozenset(map(_lowered, headers)) if headers else _NONE
        auth = self._auth if at_target and "authorization" not in given else b""
        lines = []
        usual = here.usual
        if given.isdisjoint(usual) and not (auth and "authorization" in usual):
            begin = here.begin(method, target)
        else:
            begin = b""
            lines = [here.line(method, target)]
            lines += [line for name, line in usual.items() if name not in given]
            if auth:
                lines = [line for line in lines if line[:14].lower() != "authorization:"]
        if kind and "content-type" not in given:
            lines.append(f"Content-Type: {kind}")
        if headers:
            if not given.isdisjoint(_OURS):
                raise ValueError(f"the client sets {', '.join(sorted(given & _OURS))} itself")
            lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        if len(cookies) and "cookie" not in given:
            held = cookies.header(target.partition("?")[0])
            if held:
                lines.append(f"Cookie: {held}")
        if body is not None or method in _WITH_BODY:
            lines.append(f"Content-Length: {len(body or b'')}")
        head = begin + head_of(lines) + auth if lines else begin + auth
        request = Request(head, body or b"", None if at_target else here)
        if stream is None:
            answer = self._perform(request, step)
        else:
            answer = self._perform(request, step, stream)
        if answer.sets_cookies:
            cookies.take_in(answer.headers, target.partition("?")[0])
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
                return Response(answer, here.url, target)
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
                return Response(answer, here.url, target)
        return self._refused("too_many_redirects", step, here.url + target)

    def _refused(self, word: str, step: str, url: str) -> Response:
        """Record that something was not sent, and why."""
        return Response(self._perform(Request(b"", refused=word), step), url)

    def _place_of(self, parts: SplitResult) -> Origin | None:
        """Return where a whole URL lies; None: nothing is sent there."""
        if "@" in parts.netloc or parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        return self.origin if self.origin.is_here(parts) else self.origin.other(parts)

    def _cookies_at(self, origin: Origin) -> Cookies:
        if origin.url not in self._others:
            self._others[origin.url] = _cookies_of(origin)
        return self._others[origin.url]


def _cookies_of(origin: Origin) -> Cookies:
    return Cookies(urlsplit(origin.url).hostname or "", origin.scheme == "https")


def _named(method: str, name: str) -> str:
    return name if name.startswith(f"{method} ") else f"{method} {name}"


@lru_cache(maxsize=4096)
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


@lru_cache(maxsize=4096)
def _lowered(name: str) -> str:
    """Return a header's name in lower case.

    Raises:
        ValueError: no header can have that name.
    """
    return header_line(name, "").partition(":")[0].lower()


def _without_secrets(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS}


def _location(answer: Answer) -> str | None:
    for name, value in answer.headers:
        if name.lower() == b"location":
            return value.decode("utf-8", "replace").strip()
    return None
