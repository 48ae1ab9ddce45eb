"""The OpenAPI description served at `/schema`: what cannot be read off the routes themselves."""

from collections.abc import Iterable
from dataclasses import dataclass

from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Schema,
)
from litestar.openapi.spec import SecurityScheme as Scheme

from dress_rehearsal.target_app.http.problems import KINDS, MEDIA_TYPE, Problem

STUDENT: list[dict[str, list[str]]] = [{"student": []}]
ADMIN: list[dict[str, list[str]]] = [{"admin": []}]
SCANNER: list[dict[str, list[str]]] = [{"gate": []}]


@dataclass
class Purchase(Operation):
    """The purchase, with the header it cannot do without."""

    def __post_init__(self) -> None:
        key = Parameter(
            name="Idempotency-Key",
            param_in="header",
            required=True,
            description="The same key again gets the same answer; 1 to 255 characters.",
            schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=255),
        )
        self.parameters = [*(self.parameters or []), key]


@dataclass
class QrCode(Operation):
    """The QR code, which may be had as its text too."""

    def __post_init__(self) -> None:
        shown = (self.responses or {}).get("200")
        if isinstance(shown, OpenAPIResponse) and shown.content is not None:
            shown.content["text/plain"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


@dataclass
class Stream(Operation):
    """The event stream, with the header of browsers that come back."""

    def __post_init__(self) -> None:
        last = Parameter(
            name="Last-Event-ID",
            param_in="header",
            required=False,
            description="The `id` of the last event heard; what was heard is not repeated.",
            schema=Schema(type=OpenAPIType.STRING, max_length=64),
        )
        self.parameters = [*(self.parameters or []), last]


def responses(
    *successes: tuple[int, type | None, str], refusals: Iterable[str] = ()
) -> dict[int, ResponseSpec]:
    """Return the answers of a route: its successes, and its problem codes grouped by status."""
    found = {
        status: ResponseSpec(data_container=content, description=text, generate_examples=False)
        for status, content, text in successes
    }
    codes: dict[int, list[str]] = {}
    for code in (*refusals, "invalid_request", "overloaded", "dependency_unavailable"):
        names = codes.setdefault(KINDS[code].status, [])
        if code not in names:
            names.append(code)
    for status, names in codes.items():
        found[status] = ResponseSpec(
            data_container=Problem,
            description=" · ".join(f"`{name}`" for name in names),
            media_type=MEDIA_TYPE.decode(),
            generate_examples=False,
        )
    return found


def other_body(media_type: str, text: str) -> ResponseSpec:
    """Return what tells of an answer that is not JSON: a picture, a stream of events."""
    return ResponseSpec(
        data_container=str, description=text, media_type=media_type, generate_examples=False
    )


def openapi_config() -> OpenAPIConfig:
    """Return what serves the description as JSON at `/schema` and `/schema/openapi.json`."""
    return OpenAPIConfig(
        title="Festival tickets",
        version="1",
        description="First come, first served; one ticket a student.",
        path="/schema",
        render_plugins=[JsonRenderPlugin(path=["/openapi.json", "/"])],
        components=Components(
            security_schemes={
                "student": Scheme(type="http", scheme="bearer", bearer_format="JWT"),
                "admin": Scheme(type="http", scheme="bearer"),
                "gate": Scheme(type="http", scheme="bearer"),
            }
        ),
    )
