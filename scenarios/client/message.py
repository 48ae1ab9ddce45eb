"""What a request is made of: its path and query, its body, and the lines of its head."""

import base64
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from json import JSONEncoder
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlencode

from dress_rehearsal.scenarios.client.origin import Origin, head_of, header_line
from dress_rehearsal.scenarios.client.route import step_name, written

Params = Mapping[str, Any] | Iterable[tuple[str, Any]] | str
Auth = tuple[str, str] | str
"""`("user", "password")` for Basic, `"token"` for Bearer."""

_JSON: Final = JSONEncoder(ensure_ascii=False, allow_nan=False)
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_PLAIN_PATH: Final = re.compile(r"/[\w/.~:@!$&'()*+,;=%?-]*", re.ASCII)
_KEPT_IN_PATH: Final = "/.~:@!$&'()*+,;=%?-"
_OURS: Final = frozenset(
    {
        *("content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"),
        *("traceparent", "x-request-start", "proxy-authorization", "proxy-connection"),
    }
)
"""Headers that say how a message is framed, or when it was sent: only the client knows."""
_NONE: Final[frozenset[str]] = frozenset()


def head_for(
    here: Origin,
    method: str,
    target: str,
    headers: Mapping[str, str | None] | None,
    kind: str,
    length: int | None,
    auth: bytes,
    cookie: str,
) -> bytes:
    """Return the head of a request, without the lines that are known only when it is sent.

    Args:
        target: path and query, as they are sent.
        headers: the scenario's own, beside or instead of those that are sent anyway.
        kind: the body's content type; empty: it has none.
        length: of the body; None: none is said.
        auth: the line `Authorization`, where the scenario gives no other; empty: there is none.
        cookie: the value of `Cookie`, likewise.

    Raises:
        ValueError: it would be no request, or a header is one that only the client knows.
    """
    given = _names_of(tuple(headers)) if headers else _NONE
    if auth and "authorization" in given:
        auth = b""
    if given.isdisjoint(here.usual) and not (auth and "authorization" in here.usual):
        begin, lines = here.begin(method, target), []
    else:
        left_out = given | {"authorization"} if auth else given
        usual = [line for name, line in here.usual.items() if name not in left_out]
        begin, lines = b"", [here.line(method, target), *usual]
    if kind and "content-type" not in given:
        lines.append(f"Content-Type: {kind}")
    if headers:
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    if cookie and "cookie" not in given:
        lines.append(f"Cookie: {cookie}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return begin + head_of(lines) + auth if lines else begin + auth


@lru_cache(maxsize=4096)
def named(method: str, name: str) -> str:
    """Return the step that a scenario names itself."""
    return written(name if name.startswith(f"{method} ") else f"{method} {name}")


@lru_cache(maxsize=4096)
def aimed(prefix: str, method: str, path: str, name: str | None) -> tuple[str, str]:
    """Return what a request of the target asks for, and the step that it is counted as.

    Args:
        prefix: the path of the target's URL.
    """
    step = step_name(method, path) if name is None else named(method, name)
    return prefix + encoded(path), step


def encoded(path: str) -> str:
    """Return a path, and its query, as it may be sent: what no URL holds is escaped."""
    path = path.partition("#")[0]
    return path if _PLAIN_PATH.fullmatch(path) else quote(path, safe=_KEPT_IN_PATH)


def target_of(parts: SplitResult) -> str:
    """Return the path and the query of a whole URL, as they are sent."""
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    return encoded(path + (f"?{parts.query}" if parts.query else ""))


def query_of(params: Params) -> str:
    """Return a query as it is sent."""
    query = params if isinstance(params, str) else urlencode(_pairs(params), doseq=True)
    return query.replace(" ", "%20")


def _pairs(params: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return names and values, without those whose value is None."""
    pairs = params.items() if isinstance(params, Mapping) else params
    return [(name, value) for name, value in pairs if value is not None]


def body_of(data: Params | bytes | None, json: Any) -> tuple[bytes | None, str]:
    """Return a body and its content type, empty where nothing says it.

    Raises:
        ValueError: there are two.
    """
    if json is not None:
        if data is not None:
            raise ValueError("a request has data or json, not both")
        if json == {}:
            return b"{}", "application/json"
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


def authorization(auth: Auth) -> str:
    if isinstance(auth, str):
        return f"Bearer {auth}"
    user, password = auth
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@lru_cache(maxsize=1024)
def _names_of(headers: tuple[str, ...]) -> frozenset[str]:
    """Return the names of headers in lower case.

    Raises:
        ValueError: no header can have such a name, or only the client knows what to say there.
    """
    names = frozenset(header_line(name, "").partition(":")[0].lower() for name in headers)
    if not names.isdisjoint(_OURS):
        raise ValueError(f"the client sets {', '.join(sorted(names & _OURS))} itself")
    return names
