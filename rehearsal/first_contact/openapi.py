"""OpenAPI: which routes of a described service look like a page, a login and a purchase.

A guess and no more: words of paths, operation ids and summaries are weighed. The document comes
from outside: only what is written in plain signs is taken from it, and references are followed a
few steps only.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlsplit

_MOST_PATHS: Final = 2_000
_MOST_REFERENCES: Final = 8
_MOST_FIELDS: Final = 6
_PATH: Final = re.compile(r"/[A-Za-z0-9/_.~{}-]{0,150}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}")
_PLACE: Final = re.compile(r"\{([A-Za-z0-9_-]+)\}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.@-]{1,40}")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

_LOGIN: Final = {
    "login": 6, "signin": 6, "authenticate": 5, "session": 4, "sessions": 4, "token": 3, "auth": 2,
}  # fmt: skip
_NO_LOGIN: Final = frozenset(
    {"logout", "signout", "register", "signup", "refresh", "reset", "revoke", "verify", "admin"}
)
_PURCHASE: Final = {
    "purchase": 6, "purchases": 6, "buy": 6, "order": 5, "orders": 5, "checkout": 5, "book": 4,
    "booking": 4, "bookings": 4, "reserve": 4, "reservation": 4, "reservations": 4, "ticket": 3,
    "tickets": 3, "claim": 2, "cart": 1,
}  # fmt: skip
_NO_PURCHASE: Final = frozenset(
    {"cancel", "refund", "admin", "webhook", "search", "validate", "verify", "check", "scan",
     "transfer", "reset", "login", "register"}
)  # fmt: skip
_STUDENT: Final = frozenset(
    {"username", "user", "email", "login", "student", "studentid", "account", "userid", "name"}
)
_PIN: Final = frozenset({"password", "passwd", "pin", "passcode", "secret"})
_TICKETS: Final = ("ticket", "ticket_id", "ticketId", "reference", "code", "order_id", "orderId",
                   "booking_id", "bookingId", "id", "uuid", "number")  # fmt: skip
_TOKENS: Final = ("access_token", "accessToken", "token", "jwt")
_ANYTHING: Final = "1"
"""What is sent where nothing says what would fit."""
_STATUS: Final = re.compile("[1-5][0-9]{2}")
_LAST_SEGMENT: Final = 3
"""How much more a word counts that ends the path."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route as it would be asked.

    Attributes:
        path: with `{names}` for what stands for something.
        filled: the same with something in their places.
        form: whether its body is a form rather than JSON.
        fields: of the body: its names, and the Python expression that is sent.
        told: the answer's field that tells the ticket or the token; "": not documented.
        statuses: that it is documented to answer with.
    """

    method: str
    path: str
    filled: str
    form: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    told: str = ""
    statuses: frozenset[int] = frozenset()

    @property
    def is_named(self) -> bool:
        """Whether its step needs a name of its own, since its path holds a value."""
        return self.path != self.filled


@dataclass(frozen=True, slots=True)
class Guesses:
    """What a document seems to describe; None where nothing fits."""

    title: str
    routes: int
    page: Route | None
    login: Route | None
    purchase: Route | None


def is_openapi(document: Mapping[str, Any] | None) -> bool:
    """Return whether a JSON object is an OpenAPI document, of whichever version."""
    return (
        document is not None
        and ("openapi" in document or "swagger" in document)
        and isinstance(document.get("paths"), dict)
    )


def guesses(document: Mapping[str, Any], below: str = "") -> Guesses:
    """Return which of its routes look like a page, a login and a purchase.

    Args:
        below: the path of the app's own URL, which stands before every route that is asked; where
            the document says it of its routes as well, it is not asked for twice.
    """
    operations = list(_operations(document, below.rstrip("/")))
    examples = _examples(operations)
    writing = [each for each in operations if each.method in ("POST", "PUT")]
    login = _best(writing, _LOGIN, _NO_LOGIN)
    purchase = _best([each for each in writing if each is not login], _PURCHASE, _NO_PURCHASE)
    page = _page([each for each in operations if each.method == "GET"], purchase)
    info = document.get("info")
    title = info.get("title") if isinstance(info, dict) else None
    return Guesses(
        title=title if isinstance(title, str) else "",
        routes=len(operations),
        page=None if page is None else page.route((), examples),
        login=None if login is None else login.route(_TOKENS, examples),
        purchase=None if purchase is None else purchase.route(_TICKETS, examples),
    )


@dataclass(frozen=True, slots=True)
class _Operation:
    document: Mapping[str, Any]
    prefix: str
    below: str
    method: str
    path: str
    said: Mapping[str, Any]
    shared: Sequence[Any]

    def weight(self, words: Mapping[str, int], never: frozenset[str]) -> int:
        segments = [part for part in self.path.split("/") if part and not part.startswith("{")]
        named = [_words(part) for part in segments]
        about = _words(" ".join(str(self.said.get(key, "")) for key in ("operationId", "summary")))
        every = {*about, *(word for each in named for word in each)}
        if every & never or not every & words.keys():
            return 0
        last = named[-1] if named else []
        return (
            max(words.get(word, 0) for word in every)
            + max((_LAST_SEGMENT for word in last if word in words), default=0)
            - len(segments) // 4
        )

    def route(self, told: Sequence[str], examples: Mapping[str, str]) -> Route:
        """Return it as it would be asked.

        Args:
            told: the fields that an answer may tell, the likeliest first.
            examples: what stands in the places of paths, by their names.
        """
        filled = _PLACE.sub(lambda place: examples.get(place[1], _ANYTHING), self.path)
        form, schema = self._body()
        statuses = (each for each in self._responses() if _STATUS.fullmatch(each))
        return Route(
            self.method,
            self._from_the_app(self.path),
            self._from_the_app(filled),
            form,
            _fields(schema, self.document),
            self._told(told),
            frozenset(map(int, statuses)),
        )

    def _from_the_app(self, path: str) -> str:
        whole = f"{self.prefix}{path}"
        if whole != self.below and not whole.startswith(f"{self.below}/"):
            return whole
        return whole.removeprefix(self.below) or "/"

    def parameters(self) -> list[Mapping[str, Any]]:
        """Return what it takes, the body of Swagger 2 included."""
        own = self.said.get("parameters")
        every = (*self.shared, *(own if isinstance(own, list) else ()))
        return [_resolved(each, self.document) for each in every]

    def _responses(self) -> Mapping[str, Any]:
        found = self.said.get("responses")
        return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}

    def _body(self) -> tuple[bool, Mapping[str, Any]]:
        """Return whether the body is a form, and its schema."""
        parameters = self.parameters()
        content = _mapping(_resolved(self.said.get("requestBody"), self.document), "content")
        for kind, form in (
            ("application/json", False),
            ("application/x-www-form-urlencoded", True),
        ):
            if kind in content:
                return form, _resolved(_mapping(content, kind).get("schema"), self.document)
        for each in parameters:  # as Swagger 2 says it
            if each.get("in") == "body":
                return False, _resolved(each.get("schema"), self.document)
        forms = {str(each.get("name")): each for each in parameters if each.get("in") == "formData"}
        return bool(forms), {"properties": forms}

    def _told(self, names: Sequence[str]) -> str:
        for status in ("201", "200", "202"):
            answer = _resolved(self._responses().get(status), self.document)
            schema = answer.get("schema") or _mapping(
                _mapping(answer, "content"), "application/json"
            ).get("schema")
            properties = _mapping(_resolved(schema, self.document), "properties")
            for name in names:
                if name in properties:
                    return name
        return ""


def _examples(operations: Sequence[_Operation]) -> dict[str, str]:
    """Return what may stand in the places of paths, wherever the document gives an example."""
    found: dict[str, str] = {}
    for operation in operations:
        for each in operation.parameters():
            value = _value(each, operation.document)
            if each.get("in") == "path" and value != _ANYTHING:
                found.setdefault(str(each.get("name")), value)
    return found


def _operations(document: Mapping[str, Any], below: str) -> Iterator[_Operation]:
    prefix = _prefix(document)
    for path, item in list(document["paths"].items())[:_MOST_PATHS]:
        if not isinstance(path, str) or not _PATH.fullmatch(path) or not isinstance(item, dict):
            continue
        shared = item.get("parameters")
        for method, said in item.items():
            if method in ("get", "post", "put") and isinstance(said, dict):
                yield _Operation(
                    document,
                    prefix,
                    below,
                    method.upper(),
                    path,
                    said,
                    shared if isinstance(shared, list) else (),
                )


def _prefix(document: Mapping[str, Any]) -> str:
    """Return the path that stands before every route, as the document's server names it."""
    found = document.get("basePath")
    servers = document.get("servers")
    if isinstance(servers, list) and servers and isinstance(servers[0], dict):
        try:
            found = urlsplit(str(servers[0].get("url", ""))).path
        except ValueError:
            found = None
    prefix = found.rstrip("/") if isinstance(found, str) else ""
    return prefix if _PATH.fullmatch(prefix) and "{" not in prefix else ""


def _best(
    operations: Sequence[_Operation], words: Mapping[str, int], never: frozenset[str]
) -> _Operation | None:
    best = max(operations, key=lambda each: each.weight(words, never), default=None)
    return best if best is not None and best.weight(words, never) > 0 else None


def _page(reading: Sequence[_Operation], purchase: _Operation | None) -> _Operation | None:
    """Return the page where one buys: the nearest above the purchase that can be read."""
    by_path = {each.path.rstrip("/") or "/": each for each in reading}  # Django's end with one
    path = purchase.path.rstrip("/") if purchase is not None else ""
    while path.count("/") > 1:
        path = path.rpartition("/")[0]
        if path in by_path:
            return by_path[path]
    return by_path.get("/")


def _fields(schema: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a body, those that have to be there, and what is sent as each."""
    properties = {
        name: _resolved(each, document)
        for name, each in _mapping(schema, "properties").items()
        if isinstance(name, str) and _NAME.fullmatch(name)
    }
    needed = schema.get("required")
    if isinstance(needed, list):
        properties = {name: each for name, each in properties.items() if name in needed}
    elif any(each.get("required") is True for each in properties.values()):  # Swagger 2's forms
        properties = {name: each for name, each in properties.items() if each.get("required")}
    return {
        name: _sent(name, each, document) for name, each in list(properties.items())[:_MOST_FIELDS]
    }


def _sent(name: str, schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    plain = re.sub("[_-]", "", name.lower())
    if plain in _STUDENT:
        return "self.person.student"
    if plain in _PIN:
        return "self.person.pin"
    kind = schema.get("type")
    value = _value(schema, document)
    if kind in ("integer", "number"):
        return value if value.isdecimal() and not (value[0] == "0" and value != "0") else "1"
    if kind == "boolean":
        return "True"
    if kind == "array":
        return "[]"
    return "{}" if kind == "object" else repr(value)


def _value(said: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Return something that fits a parameter or a field, from its examples; else `1`."""
    schema = _resolved(said.get("schema"), document)
    for each in (said, schema):
        many = each.get("enum")
        several = each.get("examples")
        for found in (
            each.get("example"),
            several[0] if isinstance(several, list) and several else None,
            each.get("default"),
            many[0] if isinstance(many, list) and many else None,
        ):
            if isinstance(found, (str, int)) and not isinstance(found, bool):
                text = str(found)
                if _PLAIN.fullmatch(text):
                    return text
    return _ANYTHING


def _resolved(found: Any, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object of the document, its reference followed; empty where there is none."""
    for _ in range(_MOST_REFERENCES):
        if not isinstance(found, dict):
            return {}
        reference = found.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return found
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = (
                found.get(part.replace("~1", "/").replace("~0", "~"))
                if isinstance(found, dict)
                else None
            )
    return {}


def _mapping(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def _words(text: str) -> list[str]:
    whole = re.sub("[^A-Za-z]", "", text).lower()
    parts = [word.lower() for word in _WORD.findall(text)]
    pairs = [first + second for first, second in pairwise(parts)]
    return [whole, *parts, *pairs]
