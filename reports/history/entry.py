"""An entry of the history: one run in a small file, with the numbers that are followed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.environment import SPEED
from dress_rehearsal.records.machine_speed import speed_ms
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.alike import plan_digest
from dress_rehearsal.reports.doubts import believed, disturbances
from dress_rehearsal.reports.lower_bounds import is_lower_bound
from dress_rehearsal.reports.numbers import significant
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.schema import Number, Status, Verdict

LABEL: Final = "label"
"""The fact of `environment.json` that says which build of the target was rehearsed."""

MACHINE_SPEED: Final = f"machine.{SPEED}"
"""The number that says how fast the machine itself was: how long a fixed calculation took."""

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = r"^[^/\\\x00]{1,200}$"
COMMIT_SHOWN: Final = 12

_LARGEST: Final = 1e100
"""Of a number in an entry: sums of squares of it are finite too."""
_LARGEST_WHOLE: Final = 2**63
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS: Final = range(1900, 3000)

Finite = (
    Annotated[int, Field(ge=-_LARGEST_WHOLE, le=_LARGEST_WHOLE)]
    | Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
)


def _in_utc(when: datetime) -> datetime:
    if when.year not in _YEARS or when < _FIRST:
        raise ValueError("expected an instant from 1970 on")
    return when.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Entry(Part):
    """The whole of `<run>.json` in a history folder; None stands for "not measured".

    `run` is its name, `plan` its plan's, `verdict` what was said of it. `when`: T-0 in UTC, or when
    the run began where it had none. `plan_digest` is equal of plans that rehearse the same,
    `fingerprint` of machines that may be compared. `target`: which build was rehearsed, by whoever
    ran it; `harness`, `commit`: which version of Dress Rehearsal did. `doubts`: why the numbers are
    not those of the planned rush on a quiet machine, as words. `numbers`: by the names of their
    gates and metrics; `at_least` names those that are lower bounds: percentiles among given-up
    requests.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    run: Annotated[str, Field(pattern=_NAME)]
    when: Instant
    plan: str
    plan_digest: str
    fingerprint: str | None
    target: str | None
    harness: str | None
    commit: str | None
    verdict: Status
    doubts: tuple[str, ...]
    numbers: dict[str, Finite | None]
    at_least: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `at_least` where it is empty: versions that do not know it refuse the entry."""
        document: dict[str, Any] = write(self)
        if not self.at_least:
            del document["at_least"]
        return document

    @property
    def build(self) -> str:
        """What the run was of, as people tell builds apart: the target's, else the harness' commit;
        "" where nothing says it."""
        return self.target or (self.commit or "")[:COMMIT_SHOWN]

    @property
    def disturbances(self) -> tuple[str, ...]:
        """Why its times do not count, as words; none where they do."""
        return disturbances(self.doubts)

    def counts(self, name: str) -> bool:
        """Return whether one of its numbers is that of the planned rush on a quiet machine."""
        return believed(self.doubts, metric_of(name))

    def text(self) -> str:
        """Return the bytes of its file."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def entry_of(
    verdict: Verdict,
    plan: Plan,
    environment: Mapping[str, Any],
    t0_ns: int | None,
    *,
    scenario: str | None = None,
    label: str | None = None,
) -> Entry:
    """Return the entry of a judged run.

    Args:
        environment: what `environment.json` says.
        t0_ns: when the sale opened, in nanoseconds since the Unix epoch.
        scenario: the digest of the user's own, where it had one.
        label: which build of the target it was; None: what was said when it was rehearsed.
    """
    numbers = {name: _finite(value) for name, value in _numbers(verdict)}
    if (speed := speed_ms(environment)) is not None:
        numbers[MACHINE_SPEED] = _finite(significant(speed))
    return Entry(
        run=verdict.run,
        when=_when(verdict.run, t0_ns),
        plan=verdict.plan,
        plan_digest=plan_digest(plan, scenario),
        fingerprint=_text(environment.get("fingerprint")),
        target=_text(label or environment.get(LABEL)),
        harness=harness_version(environment),
        commit=_text(environment.get("git_commit")),
        verdict=verdict.verdict,
        doubts=verdict.doubts or (),
        numbers=numbers,
        at_least=tuple(name for name in numbers if _is_lower_bound(verdict, name)),
    )


def metric_of(name: str) -> str:
    """Return the metric of a number's name, without the window it may have.

    A step's name, in brackets, may hold the same word: `latency_ms[log in page].p99`.
    """
    window = name.find(" in ", name.rfind("].") + 1)
    return name if window < 0 else name[:window]


def _numbers(verdict: Verdict) -> Iterator[tuple[str, Number | None]]:
    """Return every number that a gate is on, each step's p99, the sale, the census, the audit."""
    for gate in verdict.gates:
        yield gate.name, gate.value
    for regression in verdict.regressions:
        yield regression.name, regression.value
    for step, latency in verdict.latency_ms.items():
        if latency.count:
            yield f"latency_ms[{step}].p99", latency.p99
    if verdict.census.students:
        tables: dict[str, Part] = {
            "sale": verdict.sale,
            "census": verdict.census,
            "audit": verdict.audit,
        }
        for table, part in tables.items():
            for field in type(part).model_fields:
                if table != "audit" or field not in verdict.not_applicable:
                    yield f"{table}.{field}", getattr(part, field)
    yield "load.failed", verdict.load.failed


def _is_lower_bound(verdict: Verdict, name: str) -> bool:
    metric = metric_of(name)
    window = name.removeprefix(f"{metric} in ")
    return is_lower_bound(verdict, metric, None if window == name else window)


def _finite(value: Number | None) -> Number | None:
    """Return a number as an entry holds it; None, as if not measured, where it cannot."""
    most = _LARGEST_WHOLE if isinstance(value, int) else _LARGEST
    return value if value is not None and -most <= value <= most else None


def begun(run: str) -> datetime | None:
    """Return when a run began, in UTC, as its name says; None where it says nothing of the kind."""
    with suppress(ValueError):  # a folder that was renamed
        return _in_utc(datetime.strptime(run.partition("-")[0], _STAMP).replace(tzinfo=UTC))
    return None


def harness_version(environment: Mapping[str, Any]) -> str | None:
    """Return which version of Dress Rehearsal made a run, None where it does not say."""
    packages = environment.get("packages")
    return _text(packages.get("dress-rehearsal")) if isinstance(packages, Mapping) else None


def _when(run: str, t0_ns: int | None) -> datetime:
    with suppress(ValueError, OverflowError, OSError):  # a clock that was never set
        if t0_ns is not None:
            return _in_utc(datetime.fromtimestamp(t0_ns // NS_PER_S, UTC))
    return begun(run) or _FIRST


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
