"""Routes of sessions: `POST /login`, `POST /logout`."""

import logging
from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body

from target_app.answer import Answer, json_answer
from target_app.box_office import BoxOffice
from target_app.exchange import CURRENT
from target_app.openapi import STUDENT, responses
from target_app.problems import PROBLEMS
from target_app.sessions import TOKEN_LIFETIME_S, hash_student

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


def session_routes(office: BoxOffice) -> list[HTTPRouteHandler]:
    """The routes, bound to `office`."""
    log_key = office.settings.key("log")

    @post(
        "/login",
        status_code=200,
        responses=responses(
            (200, Token, "Logged in."), refusals=("bad_credentials", "invalid_request")
        ),
    )
    async def login(data: Annotated[Credentials, Body()]) -> Answer:
        token = await office.sessions.open(data.student, data.pin)
        if token is None:
            _LOG.info("login refused", extra={"student_hash": hash_student(log_key, data.student)})
            return PROBLEMS["bad_credentials"]
        return json_answer(200, Token(token, TOKEN_LIFETIME_S))

    @post(
        "/logout",
        status_code=204,
        security=STUDENT,
        responses=responses(refusals=("unauthenticated",)),
    )
    async def logout() -> Response[None]:
        exchange = CURRENT.get()
        bearer = office.sessions.read(exchange.authorization if exchange else None)
        if bearer is None or not await office.sessions.revoke(bearer):
            raise NotAuthorizedException
        _LOG.info("logged out", extra={"student_hash": hash_student(log_key, bearer.student)})
        return Response(None)

    return [login, logout]
