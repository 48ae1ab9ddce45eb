"""What a scenario asks the target with: requests as one writes them, cookies kept by themselves."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

from dress_rehearsal.scenarios.client.cookies import Cookies
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.message import (
    WITH_BODY,
    Auth,
    Params,
    aimed,
    authorization,
    body_of,
    head_for,
    named,
    query_of,
    target_of,
)
from dress_rehearsal.scenarios.client.origin import MOST_KEPT, Origin, head_of
from dress_rehearsal.scenarios.client.response import Events, Response
from dress_rehearsal.scenarios.client.route import step_name
from dress_rehearsal.scenarios.client.sse import EventStream

_MOST_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AS_IT_WAS: Final = frozenset({307, 308})
"""Redirects that keep method and body; the others ask with GET, as browsers do."""
_HARMLESS: Final = frozenset({"accept", "accept-language", "content-type"})
"""Headers of a scenario that go to another origin too; all others may be secrets."""


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
        self._auth = b"" if auth is None else head_of([f"Authorization: {authorization(auth)}"])

    def get(self, path: str, **options: Any) -> Response:
        """Send a GET (see `request`)."""
        return self.request("GET", path, **options) if options else self.request("GET", path)

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
        here, body, kind = self.origin, None, ""
        is_bare = data is None and json is None and params is None and auth is None
        if is_bare and path[:1] == "/" and not (headers or self._auth or self.cookies.kept):
            made = here.bare.get((method, path, name)) or self._bare(method, path, name)
            request, target, step = made
        else:
            method = method.upper()
            body, kind = body_of(data, json)
            there, target, step = self._aim(method, path, name, params)
            if there is None:
                return self._refused("host_refused", step, path)
            if auth is not None:
                headers = {**(headers or {}), "Authorization": authorization(auth)}
            here, request = there, self._made(there, method, target, body, kind, headers)
        answer = self._perform(request, step)
        if answer.sets_cookies:
            self._keep_cookies(here, target, answer)
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
            target, step = aimed(self.origin.prefix, method, path, name)
        else:
            parts = urlsplit(path)
            step = step_name(method, parts.path) if name is None else named(method, name)
            here, target = self._place_of(parts), target_of(parts)
        if params is not None:
            query = query_of(params)
            target += ("&" if "?" in target else "?") + query if query else ""
        return here, target, step

    def _bare(self, method: str, path: str, name: str | None) -> tuple[Request, str, str]:
        """Return a request of the target that holds nothing of a student's, its path and query as
        they are sent, and its step: made once for all students."""
        here, upper = self.origin, method.upper()
        target, step = aimed(here.prefix, upper, path, name)
        bare = self._made(here, upper, target, None, "", None), target, step
        if len(here.bare) >= MOST_KEPT:
            here.bare.clear()
        here.bare[method, path, name] = bare
        return bare

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
        """Send one request (see `_made`), and keep the cookies of its answer."""
        request = self._made(here, method, target, body, kind, headers)
        if stream is None:
            answer = self._perform(request, step)
        else:
            answer = self._perform(request, step, stream)
        if answer.sets_cookies:
            self._keep_cookies(here, target, answer)
        return answer

    def _made(
        self,
        here: Origin,
        method: str,
        target: str,
        body: bytes | None,
        kind: str,
        headers: Mapping[str, str | None] | None,
    ) -> Request:
        """Return a request, with what the student holds for where it goes.

        Args:
            target: path and query, as they are sent.
            kind: the body's content type; empty: it has none.
        """
        at_target = here is self.origin
        cookies = self.cookies if at_target else self._cookies_at(here)
        held = cookies.header(target.partition("?")[0]) if cookies.kept else ""
        length = None if body is None and method not in WITH_BODY else len(body or b"")
        head = head_for(
            here, method, target, headers, kind, length, self._auth if at_target else b"", held
        )
        return Request(head, body or b"", None if at_target else here)

    def _keep_cookies(self, here: Origin, target: str, answer: Answer) -> None:
        cookies = self.cookies if here is self.origin else self._cookies_at(here)
        cookies.take_in(answer.headers, target.partition("?")[0])

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
        method = method.upper()
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
            here, target = there, target_of(parts)
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


def _without_secrets(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS}


def _location(answer: Answer) -> str | None:
    for name, value in answer.headers:
        if name.lower() == b"location":
            return value.decode("utf-8", "replace").strip()
    return None
