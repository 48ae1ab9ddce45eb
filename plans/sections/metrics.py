"""Metrics of somebody's own app: where its pools can be read, and by which names.

`[[metrics]]` names an address that gives Prometheus text, and in it the pools: by a preset, which
is a file of names (`records/pool_presets`), or by a map of the app's own names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from dress_rehearsal.plans.hosts import reading_refusal
from dress_rehearsal.plans.types import PositiveDuration, Section

Preset = Literal[
    "cadvisor",
    "django",
    "go_sql",
    "hikaricp",
    "lettuce",
    "micrometer_jdbc",
    "mysqld_exporter",
    "node_exporter",
    "nodejs",
    "npgsql",
    "opentelemetry",
    "pgbouncer",
    "postgres_exporter",
    "psycopg_pool",
    "redis_exporter",
    "sqlalchemy",
]
"""The families of names that are known; each is a file in `records/pool_presets`."""

RESERVED: Final = frozenset(
    (
        *("app", "writeback", "postgres", "redis", "kernel", "processes", "generator"),
        *(
            "collector",
            "targets",
            "machine",
            "prometheus",
            "neighbours",
            "sqs",
            "kafka",
            "conductor",
        ),
    )
)
"""Names of sources that the rehearsal reads itself."""

METRIC: Final = r"[A-Za-z_:][A-Za-z0-9_:.]*"
_LABELS: Final = r'\{ *(?:[A-Za-z_][A-Za-z0-9_.]* *!?= *"[^"\\]*" *,? *)+\}'
_PLAIN: Final = rf"{METRIC}(?:{_LABELS})?"
TERM: Final = rf"(?:{_PLAIN}|count\({_PLAIN}\))"
_SERIES: Final = rf"^{TERM}(?: [-+/] {TERM})*$"

_LONGEST: Final = 300


def _one_or_several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _names_series(text: str) -> str:
    if len(text) > _LONGEST or re.fullmatch(_SERIES, text) is None:
        raise ValueError(
            'expected a metric such as pool_in_use or connections{state="used"}, or several put '
            "together, such as pool_size - pool_idle"
        )
    return text


Series = Annotated[str, AfterValidator(_names_series)]
"""A metric, such as `pool_in_use` or `connections{state="used"}`, or what is put together of
several, such as `pool_size - pool_idle`; series that differ in other labels are added up, and
`count(…)` is how many there are."""

_TEXT_OR_TEXTS: Final = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}

AnyOf = Annotated[
    tuple[Series, ...], BeforeValidator(_one_or_several), WithJsonSchema(_TEXT_OR_TEXTS)
]
"""A metric, or the spellings of it, of which the first that is there is read."""

Label = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", max_length=100)]
Labels = Annotated[
    tuple[Label, ...], BeforeValidator(_one_or_several), WithJsonSchema(_TEXT_OR_TEXTS)
]


class PoolNames(Section):
    """The names under which an app shows the pools of one kind."""

    kind: Literal["client", "server", "cpu"] = "client"
    """An app's own pool, what a server has of connections, or processors."""
    used: AnyOf | None = None
    """How many are in use."""
    busy: AnyOf | None = None
    """In place of `used` the time that was used so far, such as of processors; its growth a second
    is how many are in use."""
    max: AnyOf | None = None
    """How many there may be."""
    pending: AnyOf | None = None
    """How many wait for one."""
    wait_sum: AnyOf | None = None
    """The time that all waited for one so far."""
    wait_count: AnyOf | None = None
    """How many got one so far, or waited for one."""
    wait_bucket: AnyOf | None = None
    """The histogram's `…_bucket` of the same waits."""
    hold_sum: AnyOf | None = None
    """The time for which all were held so far."""
    hold_count: AnyOf | None = None
    """How many were given back so far."""
    timeouts: AnyOf | None = None
    """How many waits ran out so far."""
    active: AnyOf | None = None
    """Of a server's connections, how many it works on."""
    zero_if_absent: tuple[str, ...] = ()
    """Which of these are zero where the others are there and they are not."""
    unit: Literal["s", "ms", "us", "ns"] | None = None
    """Of the times; left out it is what the names say (`…_ms`, `…_millis`), else seconds."""
    name_label: Labels = ()
    """The label that tells one pool from another, or several that do so together."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        levels = (self.used, self.busy, self.pending, self.wait_sum, self.wait_bucket)
        if not any(levels):
            raise ValueError(
                "a map of pools needs one of used, busy, pending, wait_sum and wait_bucket at least"
            )
        if (self.wait_sum is None) != (self.wait_count is None):
            raise ValueError("wait_sum and wait_count belong together: the mean wait is of both")
        if (self.hold_sum is None) != (self.hold_count is None):
            raise ValueError("hold_sum and hold_count belong together: the mean hold is of both")
        return self


def _kind(value: Any) -> str:
    return "names" if isinstance(value, (Mapping, PoolNames)) else "presets"


Pools = Annotated[
    Annotated[tuple[Preset, ...], Tag("presets")] | Annotated[PoolNames, Tag("names")],
    Discriminator(_kind),
    BeforeValidator(_one_or_several),
]


class Metrics(Section):
    """An address where an app, a server behind it or a machine shows its metrics."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    """What it is called in the report: lower-case letters, digits, `-` and `_`."""
    url: str | None = None
    """Where the Prometheus text is, with its path."""
    urls: tuple[str, ...] = ()
    """In place of `url` where a service has several instances."""
    pools: Pools
    """A preset's name, several, or a map of the app's own names."""
    interval: PositiveDuration = 1.0
    """How often it is asked; `collect.interval` where that is longer."""
    bearer_env: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]{0,63}$")] | None = None
    """The environment variable with the bearer token that is shown there."""
    ca_file: str | None = None
    """Certificates that are trusted there, in PEM; left out: those that the system trusts."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every instance's URL."""
        return self.urls or ((self.url,) if self.url is not None else ())

    @property
    def presets(self) -> tuple[Preset, ...]:
        """The presets that it names; none where it maps the names itself."""
        return () if isinstance(self.pools, PoolNames) else self.pools

    def source(self, position: int) -> str:
        """Return what the samples of one instance are from, such as `shop` or `shop:2`."""
        return self.name if len(self.addresses) == 1 else f"{self.name}:{position + 1}"

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.name in RESERVED:
            raise ValueError(
                "that name is taken by something that the rehearsal reads itself; take another, "
                "such as shop or shop-db"
            )
        if (self.url is None) == (not self.urls):
            raise ValueError("give url, or urls for several instances, and not both")
        if len(set(self.addresses)) < len(self.addresses):
            raise ValueError("the same address stands in urls twice")
        if not isinstance(self.pools, PoolNames) and not self.presets:
            raise ValueError("pools names no preset")
        return self


def refusals(metrics: Sequence[Metrics], allow: Sequence[str]) -> Iterator[str]:
    """Yield why addresses may not be asked, a sentence each; nothing but a host is shown of one.

    Args:
        allow: the plan's `target.allow`.
    """
    names = [each.name for each in metrics]
    for position, each in enumerate(metrics):
        if each.name in names[:position]:
            yield f"metrics.{position}.name is that of another [[metrics]]: each needs its own"
        for number, url in enumerate(each.addresses):
            key = f"metrics.{position}.{f'urls.{number}' if each.urls else 'url'}"
            wrong = reading_refusal(key, url, allow)
            if wrong is not None:
                yield wrong.removesuffix(".")
