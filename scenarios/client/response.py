"""What a scenario sees of an answer."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from dress_rehearsal.records.http import json_of
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.limits import KEPT_BODY
from dress_rehearsal.scenarios.client.sse import EventStream

_CHARSET: Final = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE)


class Headers(Mapping[str, str]):
    """An answer's headers, whatever the case of their names; several of a name are one."""

    __slots__ = ("_values",)

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in headers:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self._values[key] = f"{self._values[key]}, {text}" if key in self._values else text

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Response:
    """An answer; where none came its status is 0 and everything else is empty.

    Attributes:
        status: of HTTP; 0: no answer came, or nothing was sent.
        content: the body, unpacked; of one larger than 128 KiB only the beginning is kept.
    """

    __slots__ = ("_answer", "_origin", "_target", "content", "status")

    def __init__(self, answer: Answer, origin: str, target: str = "") -> None:
        self._answer = answer
        self._origin, self._target = origin, target
        self.status: int = answer.status
        self.content: bytes = answer.body

    def __repr__(self) -> str:
        return f"<Response {self.status}>"

    @property
    def url(self) -> str:
        """What was asked, the last one where redirects were followed."""
        return self._origin + self._target

    @property
    def is_whole(self) -> bool:
        """Whether `content` is all of the body."""
        return self._answer.whole_body

    @property
    def ok(self) -> bool:
        """Whether it is an answer of neither a client's nor a server's error."""
        return HTTPStatus.OK <= self.status < HTTPStatus.BAD_REQUEST

    @property
    def headers(self) -> Headers:
        """Its headers, whatever the case of their names."""
        return Headers(self._answer.headers)

    @property
    def text(self) -> str:
        """The body as text, by the charset that the answer names, or else UTF-8."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        try:
            return self.content.decode(found[1] if found else "utf-8", "replace")
        except (LookupError, UnicodeError):  # there is no such charset
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return what the body holds as JSON.

        Raises:
            ValueError: it is no JSON, was not kept whole, or no answer came.
        """
        if not self.status:
            raise ValueError("no answer came, so there is no JSON: look at .status first")
        if not self._answer.whole_body:
            raise ValueError(f"the answer is larger than {KEPT_BODY} bytes, and was not kept whole")
        try:
            return json_of(self.content)
        except ValueError as error:
            raise ValueError(f"the answer ({self.status}) is no JSON: {error}") from error


class Events(Response):
    """The end of a stream of server-sent events, or an answer that is none.

    Attributes:
        event: the name of the event that was waited for; None: none of those came.
        content: the data of that event; of an answer that is no stream the body.
    """

    __slots__ = ("event", "stream")

    def __init__(self, answer: Answer, origin: str, target: str, stream: EventStream) -> None:
        Response.__init__(self, answer, origin, target)
        self.stream = stream
        self.event = stream.decision
        if stream.is_stream:
            self.content = stream.decisive

    @property
    def is_stream(self) -> bool:
        """Whether it was answered with events, cut or not."""
        return self.stream.is_stream

    @property
    def last_event_id(self) -> str | None:
        """The id of the last whole event, from which a stream that was cut goes on."""
        return self.stream.last_event_id
