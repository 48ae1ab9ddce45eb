"""The service's settings: environment variables called `APP_…`, read once and checked together."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import TypeVar

from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.sqs.setup import missing_for_mail

WAITING_ROOMS = ("off", "poll", "sse")
LOG_LEVELS = ("debug", "info", "warning", "error")
SECRET_MIN_CHARACTERS = 8

_Value = TypeVar("_Value")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_EVENT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the service may be told from outside. Secrets never show in its repr."""

    host: str
    port: int
    workers: int
    backlog: int
    database_dsn: str
    redis_url: str
    allocation: str
    postgres_pool: int
    postgres_pool_timeout_s: float
    redis_pool: int
    redis_pool_timeout_s: float
    event: str
    tickets: int
    opens_at_ns: int
    waiting_room: str
    admission_rate: int
    admission_cap: int
    enrolment_url: str | None
    enrolment_limit: int
    enrolment_timeout_s: float
    alert_url: str | None
    sqs_endpoint: str | None
    sqs_queue: str
    slo_s: tuple[float, ...]
    faults: bool
    instrumentation: bool
    roster_file: Path | None
    targets_dir: Path | None
    log_level: str
    jwt_secret: str
    qr_secret: str
    pin_secret: str
    admin_token: str
    gate_token: str

    def __repr__(self) -> str:
        return f"Settings(event={self.event!r}, allocation={self.allocation!r}, port={self.port})"

    def key(self, purpose: str) -> bytes:
        """A 32-byte key for `jwt`, `qr`, `pin` or `log`, derived from the secret behind it."""
        secret = {"jwt": self.jwt_secret, "qr": self.qr_secret}.get(purpose, self.pin_secret)
        return hashlib.sha256(f"{purpose}:{secret}".encode()).digest()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from `environment`.

    Raises `SettingsError` with one sentence for each thing that is missing or wrong.
    """
    reader = _Reader(environment)
    settings = Settings(
        host=reader.value("APP_HOST", str, default="127.0.0.1"),
        port=reader.integer("APP_PORT", 1, 65535),
        workers=reader.integer("APP_WORKERS", 1, 256, default=2),
        backlog=reader.integer("APP_BACKLOG", 128, 65535, default=4096),
        database_dsn=reader.value(
            "APP_DATABASE_DSN", _prefixed("postgresql://", "postgres://"), url=True
        ),
        redis_url=reader.value(
            "APP_REDIS_URL", _prefixed("unix://", "redis://", "rediss://"), url=True
        ),
        allocation=reader.value(
            "APP_ALLOCATION", _one_of(tuple(ALLOCATIONS)), default="redis_writeback"
        ),
        postgres_pool=reader.integer("APP_POSTGRES_POOL", 1, 1000, default=10),
        postgres_pool_timeout_s=reader.value("APP_POSTGRES_POOL_TIMEOUT", _seconds, default=2.0),
        redis_pool=reader.integer("APP_REDIS_POOL", 1, 10_000, default=64),
        redis_pool_timeout_s=reader.value("APP_REDIS_POOL_TIMEOUT", _seconds, default=2.0),
        event=reader.value("APP_EVENT", _event_name, default="festival"),
        tickets=reader.integer("APP_TICKETS", 0, 10_000_000, default=5000),
        opens_at_ns=reader.integer("APP_OPENS_AT_NS", 1, 2**63 - 1),
        waiting_room=reader.value("APP_WAITING_ROOM", _one_of(WAITING_ROOMS), default="off"),
        admission_rate=reader.integer("APP_ADMISSION_RATE", 1, 1_000_000, default=1000),
        admission_cap=reader.integer("APP_ADMISSION_CAP", 1, 1_000_000, default=2000),
        enrolment_url=reader.value("APP_ENROLMENT_URL", _http, default=None, url=True),
        enrolment_limit=reader.integer("APP_ENROLMENT_LIMIT", 1, 10_000, default=50),
        enrolment_timeout_s=reader.value("APP_ENROLMENT_TIMEOUT", _seconds, default=1.0),
        alert_url=reader.value("APP_ALERT_URL", _http, default=None, url=True),
        sqs_endpoint=reader.value("APP_SQS_ENDPOINT", _http, default=None, url=True),
        sqs_queue=reader.value("APP_SQS_QUEUE", _event_name, default="grants"),
        slo_s=reader.value("APP_SLO_SECONDS", _list_of_seconds, default=()),
        faults=reader.value("APP_FAULTS", _switch, default=False),
        instrumentation=reader.value("APP_INSTRUMENTATION", _switch, default=True),
        roster_file=reader.value("APP_ROSTER_FILE", Path, default=None),
        targets_dir=reader.value("APP_TARGETS_DIR", Path, default=None),
        log_level=reader.value("APP_LOG_LEVEL", _one_of(LOG_LEVELS), default="info"),
        jwt_secret=reader.value("APP_JWT_SECRET", _secret, secret=True),
        qr_secret=reader.value("APP_QR_SECRET", _secret, secret=True),
        pin_secret=reader.value("APP_PIN_SECRET", _secret, secret=True),
        admin_token=reader.value("APP_ADMIN_TOKEN", _secret, secret=True),
        gate_token=reader.value("APP_GATE_TOKEN", _secret, secret=True),
    )
    reader.problems += missing_for_mail(settings.allocation, settings.sqs_endpoint, environment)
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


class _Reader:
    """Reads variables and collects what is wrong with them, so that all of it is told at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def value(
        self,
        name: str,
        parse: Callable[[str], _Value],
        *,
        default: _Value | EllipsisType | None = ...,
        secret: bool = False,
        url: bool = False,
    ) -> _Value:
        text = self._environment.get(name, "").strip()
        if not text:
            if default is ...:
                self.problems.append(f"{name} is not set; set it in the environment.")
            return default  # type: ignore[return-value]
        try:
            return parse(text)
        except ValueError as problem:
            shown = "" if secret else _shown_url(text) if url else f" (it is {text!r})"
            self.problems.append(f"{name} {problem}{shown}.")
            return default  # type: ignore[return-value]

    def integer(self, name: str, low: int, high: int, default: int | EllipsisType = ...) -> int:
        def parse(text: str) -> int:
            try:
                number = int(text)
            except ValueError:
                raise ValueError("must be a whole number") from None
            if not low <= number <= high:
                raise ValueError(f"must lie between {low} and {high}")
            return number

        return self.value(name, parse, default=default)


def _prefixed(*prefixes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not text.startswith(prefixes):
            raise ValueError(f"must start with {' or '.join(prefixes)}")
        return text

    return parse


def _shown_url(text: str) -> str:
    """What may be told of an address that is wrong: its scheme; the rest may hold a password."""
    scheme = _SCHEME.match(text)
    return f" (it starts with {scheme[0]!r})" if scheme else ""


_http = _prefixed("http://", "https://")


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("must be on or off")
    return text == "on"


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return text

    return parse


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("must be a number of seconds") from None
    if not 0 < seconds <= 600:
        raise ValueError("must be more than 0 and at most 600 seconds")
    return seconds


def _list_of_seconds(text: str) -> tuple[float, ...]:
    return tuple(_seconds(part) for part in text.split(",") if part)


def _event_name(text: str) -> str:
    if not _EVENT_NAME.fullmatch(text):
        raise ValueError("may hold letters, digits, - and _ only, at most 64 of them")
    return text


def _secret(text: str) -> str:
    if len(text) < SECRET_MIN_CHARACTERS:
        raise ValueError(f"must have at least {SECRET_MIN_CHARACTERS} characters")
    return text
