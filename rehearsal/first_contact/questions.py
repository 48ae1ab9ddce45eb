"""Questions: the few harmless ones that a target is asked at first contact.

All of them are GETs, twenty at most, one after the other; each answer is bounded in time and size,
and no redirect is followed, so nothing is asked of any other host.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records import http
from dress_rehearsal.records.http.reach import Reach
from dress_rehearsal.rehearsal.first_contact.document import document_of

MOST: Final = 20
"""How many questions a target is asked at most."""
PAGE: Final = "/"
DOCUMENTS: Final = (
    "/openapi.json",  # FastAPI, Starlette, Fastify
    "/openapi.yaml",
    "/v3/api-docs",  # springdoc
    "/api-json",  # NestJS
    "/swagger.json",
    "/swagger.yaml",
    "/v2/api-docs",  # Springfox
    "/swagger/v1/swagger.json",  # ASP.NET Core
    "/swagger/doc.json",  # swag, of Go
    "/api/schema/",  # drf-spectacular, of Django; in YAML
    "/schema/openapi.json",  # Litestar
    "/q/openapi",  # Quarkus; in YAML
    "/apispec_1.json",  # Flasgger
    "/api-docs",
)
"""Where frameworks keep their OpenAPI or Swagger document, in JSON or YAML."""
METRICS: Final = ("/metrics", "/actuator/prometheus")
HEALTH: Final = ("/health", "/healthz", "/actuator/health")
_ANSWER_S: Final = 3.0
_LIMIT_BYTES: Final = 4 * http.MIB
_FIRST: Final = 60


@dataclass(frozen=True, slots=True)
class Heard:
    """What a target said to one question.

    Attributes:
        path: what was asked, without the URL's own path in front.
        status: of the answer; 0: there is none.
        why: why there is none, as the end of a sentence.
        untrusted: whether it is there, but no TLS came about.
    """

    path: str
    status: int
    kind: str = ""
    body: bytes = b""
    why: str = ""
    leads_to: str = ""
    untrusted: bool = False

    @property
    def ok(self) -> bool:
        """Whether it answered with what was asked for."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The body where it is an object in JSON, or a service's description in YAML."""
        return document_of(self.body)

    @property
    def is_exposition(self) -> bool:
        """Whether it looks like metrics as Prometheus reads them."""
        return self.ok and (b"# TYPE " in self.body or b"# HELP " in self.body)

    @property
    def words(self) -> str:
        """What was heard, in a few words."""
        if not self.status:
            return self.why
        if self.leads_to:
            return f"{self.status}, leads to {self.leads_to}; not followed"
        kind = self.kind.partition(";")[0].strip()
        return f"{self.status}{f', {visible_line(kind)[:_FIRST]}' if kind and self.ok else ''}"


class Interview:
    """A target being asked; it answers what is asked in the order of asking.

    Args:
        url: where it is, with or without a path; checked by the caller.
        reach: what is trusted there.
    """

    def __init__(self, url: str, reach: Reach) -> None:
        self._url = url.rstrip("/")
        self._reach = reach
        self.heard: list[Heard] = []

    def ask(self, path: str) -> Heard:
        """GET one path below the URL.

        Raises:
            RuntimeError: that would be one question too many.
        """
        if len(self.heard) >= MOST:
            raise RuntimeError(f"a target is asked {MOST} questions at most")
        url = f"{self._url}{path}"
        try:
            answer = http.ask(
                "GET", url, deadline_s=_ANSWER_S, limit_bytes=_LIMIT_BYTES, reach=self._reach
            )
        except http.NoAnswerError as error:
            heard = Heard(path, 0, why=str(error), untrusted=error.failure == "tls")
        else:
            heard = Heard(
                path,
                answer.status,
                answer.headers.get("content-type", ""),
                answer.body,
                leads_to=_destination(answer),
            )
        self.heard.append(heard)
        return heard

    def first(self, paths: Sequence[str], fits: Callable[[Heard], bool]) -> Heard | None:
        """Ask one path after the other until an answer fits; return that one.

        Where there is no answer at all to one of them, the others are not asked.
        """
        for path in paths:
            heard = self.ask(path)
            if fits(heard):
                return heard
            if not heard.status:
                break
        return None


def _destination(answer: http.Answer) -> str:
    """Return where a redirect leads, without host, query and whatever else may be a secret."""
    if not 300 <= answer.status < 400 or "location" not in answer.headers:
        return ""
    try:
        parts = urlsplit(answer.headers["location"])
    except ValueError:
        return "somewhere"
    if parts.netloc:
        return "another place"
    return visible_line(parts.path)[:_FIRST] or "somewhere"
