"""The service's settings: environment variables called `APP_…`, read once and checked together.

What a rehearsal's plan decides has neither a default nor a sensible range here: the plan writes it
down once, and whoever starts the service passes it on. Here is checked only what could not work.
"""

import hashlib
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dress_rehearsal.target_app.errors import SettingsError

Allocation = Literal[
    "naive",
    "row_lock",
    "optimistic",
    "atomic_update",
    "skip_locked",
    "redis_lock",
    "redis_script",
    "redis_writeback",
    "sqs_writeback",
    "kafka_writeback",
]
"""The strategies by name, one for each entry of `allocators.ALLOCATIONS`."""


class QueueNeed(NamedTuple):
    """What a strategy with a queue needs: variables, and a package, an extra of this one."""

    variables: tuple[str, ...]
    package: str
    extra: str


QUEUE_NEEDS: Final[dict[str, QueueNeed]] = {
    "sqs_writeback": QueueNeed(("APP_SQS_ENDPOINT", "AWS_DEFAULT_REGION"), "aiobotocore", "sqs"),
    "kafka_writeback": QueueNeed(("APP_KAFKA_BOOTSTRAP",), "aiokafka", "kafka"),
}
"""The strategies whose grants go through a queue, by name."""

SECRET_MIN_CHARACTERS = 8

_BROKER = re.compile(r"[A-Za-z0-9_.\[\]:-]+:[0-9]{1,5}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def _url(*prefixes: str) -> AfterValidator:
    """A check of how an address starts. Of a wrong one only the scheme is told: the rest may hold
    a password."""

    def check(text: str) -> str:
        if text.startswith(prefixes):
            return text
        scheme = _SCHEME.match(text)
        shown = f" (it starts with {scheme[0]!r})" if scheme else ""
        raise ValueError(f"must start with {' or '.join(prefixes)}{shown}")

    return AfterValidator(check)


def _switch(value: object) -> bool:
    if value not in ("on", "off"):
        raise ValueError("must be on or off")
    return value == "on"


def _brokers(text: str) -> str:
    if not all(_BROKER.fullmatch(broker) for broker in text.split(",")):
        raise ValueError("must be host:port, of several with commas between")
    return text


def _split(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Secret = Annotated[SecretStr, Field(min_length=SECRET_MIN_CHARACTERS)]
"""Never shown: neither in a repr nor in the sentence that says what is wrong with it."""

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_HttpUrl = Annotated[str | None, _url("http://", "https://"), Field(repr=False)]
_Brokers = Annotated[str | None, AfterValidator(_brokers), Field(repr=False)]
_Switch = Annotated[bool, BeforeValidator(_switch)]

_WANTED = {
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be one of {expected}",
    "too_short": "must have at least {min_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_pattern_mismatch": "may hold letters, digits, - and _ only, at most 64 of them",
    "value_error": "{error}",
}
"""What a variable must be, by what pydantic finds wrong with it."""


class EnvironmentSettings(BaseSettings):
    """Settings that come from environment variables and from nowhere else: `read` them."""

    model_config = SettingsConfigDict(
        frozen=True, hide_input_in_errors=True, validate_default=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (the signature is pydantic-settings')
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return what `read` hands over as the only source."""
        return (init_settings,)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings in `environment`.

        Raises `SettingsError` with one sentence for each thing that is missing or wrong.
        """
        problems = cls.missing_together(environment)
        try:
            settings = cls(**_Environment(cls, environment)())
        except ValidationError as error:  # not raised on: its own text may hold a secret
            found = error.errors(include_url=False)
            problems = [*(_sentence(cls, problem) for problem in found), *problems]
        if problems:
            raise SettingsError(problems)
        return settings

    @classmethod
    def missing_together(cls, environment: Mapping[str, str]) -> list[str]:  # noqa: ARG003
        """Return what is missing because of what else is set, a sentence each."""
        return []


class Settings(EnvironmentSettings):
    """Everything the service may be told from outside. Secrets and addresses never show in its
    repr."""

    model_config = SettingsConfigDict(env_prefix="APP_")

    host: str = "127.0.0.1"
    port: Port
    workers: Count
    backlog: Count
    database_dsn: Annotated[str, _url("postgresql://", "postgres://"), Field(repr=False)]
    redis_url: Annotated[str, _url("unix://", "redis://", "rediss://"), Field(repr=False)]
    allocation: Allocation
    postgres_pool: Count
    """PostgreSQL connections of one worker."""
    postgres_pool_timeout_s: Annotated[Seconds, Field(alias="APP_POSTGRES_POOL_TIMEOUT")]
    redis_pool: Count
    """Redis connections of one worker."""
    redis_pool_timeout_s: Annotated[Seconds, Field(alias="APP_REDIS_POOL_TIMEOUT")]
    event: _Name
    tickets: Annotated[int, Field(ge=0)]
    opens_at_ns: Annotated[int, Field(ge=1, lt=2**63)]
    """T-0, in Unix nanoseconds."""
    waiting_room: Literal["off", "poll", "sse"]
    admission_rate: Count
    """Students a second, of all workers together."""
    admission_cap: Count
    enrolment_url: _HttpUrl = None
    enrolment_limit: Count | None = None
    """Questions of one worker at once; set where `enrolment_url` is."""
    enrolment_timeout_s: Annotated[Seconds | None, Field(alias="APP_ENROLMENT_TIMEOUT")] = None
    """Set where `enrolment_url` is."""
    alert_url: _HttpUrl = None
    sqs_endpoint: _HttpUrl = None
    sqs_queue: _Name = "grants"
    kafka_bootstrap: _Brokers = None
    """Where Kafka's brokers are, some of them: `host:port`, commas between."""
    kafka_topic: _Name = "grants"
    slo_s: Annotated[
        tuple[Seconds, ...],
        NoDecode,
        BeforeValidator(_split),
        Field(alias="APP_SLO_SECONDS"),
    ] = ()
    """Limits that somebody set on response times and waits for pools: edges of histograms."""
    behind_proxy: _Switch = False
    """Nobody but a proxy gets here, which adds its client's address to `X-Forwarded-For`."""
    faults: _Switch = False
    roster_file: Path | None = None
    targets_dir: Path | None = None
    metrics_host: str = "127.0.0.1"
    """Where metrics are served; 0.0.0.0 in a container, which then announces its own address."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    jwt_secret: Secret
    qr_secret: Secret
    pin_secret: Secret
    admin_token: Secret
    gate_token: Secret

    @classmethod
    def missing_together(cls, environment: Mapping[str, str]) -> list[str]:
        """Return what enrolment and the queues need and do not have, a sentence each."""
        needs: dict[str, tuple[str, ...]] = {}
        if _is_set(environment, "APP_ENROLMENT_URL"):
            needs["APP_ENROLMENT_URL"] = ("APP_ENROLMENT_LIMIT", "APP_ENROLMENT_TIMEOUT")
        allocation = environment.get("APP_ALLOCATION", "").strip()
        queue = QUEUE_NEEDS.get(allocation)
        if queue is not None:
            needs[f"APP_ALLOCATION={allocation}"] = queue.variables
        problems = [
            f"{name} is not set; {needing} needs it."
            for needing, names in needs.items()
            for name in names
            if not _is_set(environment, name)
        ]
        if queue is not None and find_spec(queue.package) is None:
            problems.append(
                f"APP_ALLOCATION={allocation} needs {queue.package}; "
                f"run `pip install dress-rehearsal[{queue.extra}]`, or choose another allocation."
            )
        return problems

    def key(self, purpose: str) -> bytes:
        """Return a 32-byte key for `jwt`, `qr`, `pin` or `log`, derived from its secret."""
        secret = {"jwt": self.jwt_secret, "qr": self.qr_secret}.get(purpose, self.pin_secret)
        return hashlib.sha256(f"{purpose}:{secret.get_secret_value()}".encode()).digest()


class _Environment(EnvSettingsSource):
    """Reads the variables handed in, without the blanks around them; an empty one is not set."""

    def __init__(self, kind: type[EnvironmentSettings], environment: Mapping[str, str]) -> None:
        self._environment = environment
        super().__init__(kind)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        # By their names as they are documented alone: whoever strips those from an environment has
        # stripped them all.
        values = {
            name.lower(): value.strip()
            for name, value in self._environment.items()
            if name == name.upper()
        }
        return {name: value for name, value in values.items() if value}


def _is_set(environment: Mapping[str, str], name: str) -> bool:
    return bool(environment.get(name, "").strip())


def _sentence(kind: type[EnvironmentSettings], problem: Any) -> str:
    """What is wrong with one variable, and its value unless that is nobody's business."""
    where = str(problem["loc"][0])
    fields = kind.model_fields
    name = next((name for name, field in fields.items() if field.alias == where), where)
    field = fields[name]
    variable = field.alias or f"{kind.model_config['env_prefix']}{name.upper()}"
    if problem["type"] == "missing":
        return f"{variable} is not set; set it in the environment."
    wanted = _WANTED.get(problem["type"], "is wrong: {msg}")
    hidden = not field.repr or field.annotation is SecretStr
    shown = "" if hidden else f" (it is {problem['input']!r})"
    return f"{variable} {wanted.format(msg=problem['msg'], **problem.get('ctx', {}))}{shown}."
