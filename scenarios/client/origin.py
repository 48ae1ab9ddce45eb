"""Where requests go: the target, and the origins that it may send students on to."""

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from dress_rehearsal.plans import PlanError, refusal
from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.plans.secrets import resolved
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records.http.reach import Reach, UnreachableError, reach_of, trusting
from dress_rehearsal.scenarios.client.content_encoding import ACCEPTED
from dress_rehearsal.scenarios.client.http import Request
from dress_rehearsal.scenarios.client.tls import Secure
from dress_rehearsal.scenarios.errors import ScenarioError

_PORTS: Final = {"http": 80, "https": 443}
_CONNECT_S: Final = 2.0
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DEFAULTS: Final = ("Accept: */*", f"Accept-Encoding: {ACCEPTED}")
_FORBIDDEN: Final = re.compile("[\\0\\r\\n]|[^\\x00-\\xff]")
"""What no line of a head may hold; every other character is a byte of its own."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where requests go and the headers they all share."""

    host: str
    """As the `Host` header names it, with its port."""
    address: tuple[str, int]
    """What is connected to, it or its proxy: an IP address, found once for all students, and the
    port."""
    scheme: str = "http"
    prefix: str = ""
    """The path of the target's URL, which comes before that of each request."""
    absolute: str = ""
    """What comes before the path where a proxy has to be told the host, such as `http://host`."""
    shared: tuple[str, ...] = field(default=(), repr=False)
    """Lines of headers that all its requests carry."""
    secure: Secure | None = field(default=None, repr=False)
    """What stands between a connection and it; None: it speaks plain HTTP."""
    allow: tuple[str, ...] = ()
    """Hosts that requests may be sent on to."""
    reach: Reach = field(default_factory=Reach, repr=False, compare=False)
    url: str = field(init=False, repr=False, compare=False)
    """Scheme, host and port, without a path."""
    usual: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """Lines of headers by their names in lower case: those shared, and others sent anyway."""
    bare: dict[tuple[str, str, str | None], tuple[Request, str, str]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Requests that hold nothing of a student's, with their targets and steps, as whoever sends
    them keeps them: at most `MOST_KEPT`."""
    _begun: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False, compare=False)
    _others: dict[str, "Origin | None"] = field(default_factory=dict, repr=False, compare=False)
    """Origins that students were sent on to, by scheme and host; None: they may not go there."""

    def __post_init__(self) -> None:
        usual: dict[str, str] = {}
        for line in (f"Host: {self.host}", *self.shared, *_DEFAULTS):
            usual.setdefault(line.partition(":")[0].lower(), line)
        object.__setattr__(self, "usual", usual)
        object.__setattr__(self, "url", f"{self.scheme}://{self.host}")

    @classmethod
    def of(cls, url: str, target: Target | None = None, run: str = "") -> Self:
        """Take a target's URL apart and find where it answers, once for all students.

        Of several addresses it is the first that takes a connection, as it is for everybody else
        who connects by name: `localhost` may be `::1` first while a server listens on 127.0.0.1.

        Args:
            target: says by what it is reached and which headers all requests carry.
            run: the run's id, which requests name.

        Raises:
            ScenarioError: it is not `http://host[:port][/path]`, or https; there is no such host;
                its certificates, its proxy or a secret of its headers cannot be had.
        """
        try:
            parts = urlsplit(url)
            known = parts.scheme in _PORTS and bool(parts.hostname) and "@" not in parts.netloc
            known = known and not parts.query and not parts.fragment and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise ScenarioError(
                f"The target {url} cannot be rushed: give it as http://host:port or "
                f"https://host:port, with a path if it has one, and no ? or #."
            )
        shared = [f"User-Agent: {user_agent(run)}"]
        allow: tuple[str, ...] = ()
        try:
            if target is not None:
                allow = target.allow
                shared += _headers(target)
                reach = reach_of(target.ca_file, target.proxy)
            else:
                reach = Reach()
            return cls._found(parts, tuple(shared), allow, reach)
        except (PlanError, UnreachableError, ValueError) as error:
            raise ScenarioError(f"The target {url} cannot be rushed: {error}") from error

    @classmethod
    def _found(
        cls, parts: SplitResult, shared: tuple[str, ...], allow: tuple[str, ...], reach: Reach
    ) -> Self:
        """Find where a host answers, or the proxy before it."""
        name, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        proxy = reach.proxy
        address = _address_of(proxy.host, proxy.port) if proxy else _address_of(name, port)
        absolute, secure = "", None
        login = (
            "" if proxy is None or proxy.login is None else f"Proxy-Authorization: {proxy.login}"
        )
        if parts.scheme == "https":
            authority = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
            lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}", *shared[:1]]
            tunnel = head_of([*lines, login] if login else lines) + b"\r\n" if proxy else b""
            context = reach.tls or trusting()
            secure = Secure(context, name.rstrip("."), tunnel)
        elif proxy is not None:
            absolute = f"http://{parts.netloc}"
            shared = (*shared, login) if login else shared
        prefix = parts.path.rstrip("/")
        return cls(
            parts.netloc, address, parts.scheme, prefix, absolute, shared, secure, allow, reach
        )

    def is_here(self, parts: SplitResult) -> bool:
        """Return whether a URL, taken apart, is of this origin."""
        own = urlsplit(self.url)
        here = (own.scheme, own.hostname, own.port or _PORTS[own.scheme])
        try:
            return here == (parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme))
        except ValueError:
            return False

    def other(self, parts: SplitResult) -> "Origin | None":
        """Return another origin that students are sent on to; None: nothing is sent there.

        It gets none of the target's own headers. This machine is only sent to from itself.
        """
        key = f"{parts.scheme}://{parts.netloc}"
        if key not in self._others and len(self._others) < _MOST_ORIGINS:
            self._others[key] = self._allowed(parts, key)
        return self._others.get(key)

    def _allowed(self, parts: SplitResult, url: str) -> "Origin | None":
        if refusal(url, self.allow) is not None:
            return None
        here, there = urlsplit(self.url).hostname or "", parts.hostname or ""
        if is_loopback(there) and not is_loopback(here) and there not in self.allow:
            return None
        with suppress(ScenarioError, UnreachableError):
            return self._found(urlsplit(url), self.shared[:1], self.allow, self.reach)
        return None

    def begin(self, method: str, target: str) -> bytes:
        """Return how a request begins: its line, and the headers that all of them carry.

        Args:
            target: path and query, as they are sent.

        Raises:
            ValueError: it holds what no line of a head may.
        """
        begin = self._begun.get((method, target))
        if begin is None:
            begin = head_of([self.line(method, target), *self.usual.values()])
            if len(self._begun) >= MOST_KEPT:
                self._begun.clear()
            self._begun[method, target] = begin
        return begin

    def line(self, method: str, target: str) -> str:
        """Return a request's first line.

        Raises:
            ValueError: no request has such a method.
        """
        if not _NAME.fullmatch(method):
            raise ValueError("a method is one word, such as GET")
        return f"{method} {self.absolute}{target} HTTP/1.1"


MOST_KEPT: Final = 4096
"""How many requests, or beginnings of them, are kept: those of a rush are few but for names of
tickets."""
_MOST_ORIGINS: Final = 64
"""How many other origins are looked up for a target that sends students about."""


def head_of(lines: list[str]) -> bytes:
    """Return the lines of a head as bytes.

    Raises:
        ValueError: one holds what no line may (RFC 9110, section 5.5), such as a line break.
    """
    text = "".join(lines)
    usual = text.isascii() and text.isprintable()  # much faster to find out, and nearly always so
    if not usual and any(_FORBIDDEN.search(line) for line in lines):
        raise ValueError("a header value holds a line break, or what is none of its characters")
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


def header_line(name: str, value: str) -> str:
    """Return a header as a line; its value is looked at by `head_of`.

    Raises:
        ValueError: no header can have that name.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a header's name holds what no name may")
    return f"{name}: {value}"


def user_agent(run: str) -> str:
    """Return who we say we are, to be found in the target's logs."""
    try:
        ours = f"dress-rehearsal/{version('dress-rehearsal')}"
    except PackageNotFoundError:
        ours = "dress-rehearsal"
    return f"{ours} ({run})" if run else ours


def _headers(target: Target) -> list[str]:
    """Return the lines of the plan's headers, what they name in the environment read."""
    return [header_line(name, resolved(value)) for name, value in target.headers.items()]


def _address_of(name: str, port: int) -> tuple[str, int]:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or "its name is not one"
        raise UnreachableError(f"its host is not found ({words}).") from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    return _answering(addresses, port), port


def _answering(addresses: list[str], port: int) -> str:
    """Return the first address that takes a connection; the first at all where none does."""
    for address in addresses if len(addresses) > 1 else ():
        with suppress(OSError), socket.create_connection((address, port), _CONNECT_S):
            return address
    return addresses[0]
