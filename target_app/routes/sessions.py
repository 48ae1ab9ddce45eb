"""Routes of sessions: `POST /login`, `POST /logout`."""

import logging
from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body
from litestar.types import Scope

from dress_rehearsal.target_app.http.openapi import STUDENT, responses
from dress_rehearsal.target_app.http.problems import PROBLEMS, make_problem
from dress_rehearsal.target_app.http.request import client_address
from dress_rehearsal.target_app.http.response import Answer, json_answer
from dress_rehearsal.target_app.request_context import shown_authorization
from dress_rehearsal.target_app.services import Services
from dress_rehearsal.target_app.sessions import TOKEN_LIFETIME_S, Throttled, hash_student
from dress_rehearsal.target_app.telemetry import logs

_LOG = logging.getLogger(__name__)
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Credentials(msgspec.Struct):
    """What a student logs in with."""

    student: _Text
    pin: _Text

    def __repr__(self) -> str:
        return "Credentials(…)"


class Token(msgspec.Struct):
    """A session's token and its lifetime in seconds."""

    token: str
    expires_in: int


def session_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes, bound to `services`."""
    log_key = services.settings.key("log")
    throttled = logs.Throttled(_LOG, logging.WARNING)
    behind_proxy = services.settings.behind_proxy

    @post(
        "/login",
        status_code=200,
        responses=responses(
            (200, Token, "Logged in."),
            refusals=("bad_credentials", "too_many_attempts", "request_too_large"),
        ),
    )
    async def login(scope: Scope, data: Annotated[Credentials, Body()]) -> Answer:
        address = client_address(scope, behind_proxy=behind_proxy)
        token = await services.sessions.open(data.student, data.pin, address)
        if token is None:
            _LOG.info("login refused", extra={"student_hash": hash_student(log_key, data.student)})
            return PROBLEMS["bad_credentials"]
        if isinstance(token, Throttled):
            throttled.log(
                "logins refused unseen", {"student_hash": hash_student(log_key, data.student)}
            )
            retry_after = (b"retry-after", str(token.retry_after_s).encode())
            return make_problem("too_many_attempts", None, retry_after)
        return json_answer(200, Token(token, TOKEN_LIFETIME_S))

    @post(
        "/logout",
        status_code=204,
        security=STUDENT,
        responses=responses((204, None, "The session is over."), refusals=("unauthenticated",)),
    )
    async def logout() -> Response[None]:
        bearer = services.sessions.read(shown_authorization())
        if bearer is None or not await services.sessions.revoke(bearer):
            raise NotAuthorizedException
        _LOG.info("logged out", extra={"student_hash": hash_student(log_key, bearer.student)})
        return Response(None)

    return [login, logout]
