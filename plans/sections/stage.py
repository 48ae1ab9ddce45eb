"""The `[stage]` table: what the containers of a Docker stage may use, and how many there are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from dress_rehearsal.plans.types import PositiveDuration, Section, Size, Whole, format_size

_READY_WITHIN_S: Final = 180.0


@dataclass(frozen=True, slots=True)
class CloudSize:
    """A virtual machine as a cloud rents it.

    Attributes:
        cpus: what it may use for a while, in CPUs.
        earned: what it may use for good, once its CPU credits are spent; None: it has no credits,
            and uses `cpus` always.
        memory: in bytes.
    """

    cpus: float
    earned: float | None
    memory: int


_GIB: Final = 2**30
CLOUD_SIZES: Final = {
    # Amazon EC2: vCPUs, baseline of all of them together, memory
    "t2.micro": CloudSize(1, 0.1, _GIB),
    "t2.small": CloudSize(1, 0.2, 2 * _GIB),
    "t2.medium": CloudSize(2, 0.4, 4 * _GIB),
    "t3.micro": CloudSize(2, 0.2, _GIB),
    "t3.small": CloudSize(2, 0.4, 2 * _GIB),
    "t3.medium": CloudSize(2, 0.4, 4 * _GIB),
    "m5.large": CloudSize(2, None, 8 * _GIB),
    # Google Compute Engine: shared cores
    "e2-micro": CloudSize(2, 0.25, _GIB),
    "e2-small": CloudSize(2, 0.5, 2 * _GIB),
    "e2-medium": CloudSize(2, 1.0, 4 * _GIB),
}
"""Virtual machines that clouds rent, by the name they have there."""

OUT_OF_CREDITS: Final = " out of credits"
"""What follows a size's name where its CPU credits are spent."""


def _presets() -> dict[str, tuple[float, int]]:
    found = {}
    for name, size in CLOUD_SIZES.items():
        found[name] = (size.cpus, size.memory)
        if size.earned is not None:
            found[name + OUT_OF_CREDITS] = (size.earned, size.memory)
    return found


PRESETS: Final = _presets()
"""What can be written in place of limits: CPUs and bytes of memory by name."""


class Limits(Section):
    """What one container may use at most; a preset's name may stand for it."""

    cpus: Annotated[float, Field(ge=0.01, le=1024)] | None = None
    """CPU time a second; what is above it waits (throttling)."""
    memory: Size | None = None
    """Who needs more is killed by the kernel."""
    preset: str | None = Field(default=None, exclude=True)
    """The preset that was written, for people to read."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of what can be written: a preset's name, or the table."""
        table = handler(core_schema)
        return {"anyOf": [{"type": "string", "enum": list(PRESETS)}, table]}

    @model_validator(mode="wrap")
    @classmethod
    def _named(cls, written: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(written, str):
            if isinstance(written, dict) and "preset" in written:
                raise ValueError("preset is no key: write the preset's name in place of the table")
            return handler(written)
        if written not in PRESETS:
            raise ValueError(
                f"there is no size of that name; there are {', '.join(PRESETS)}, or write "
                f'{{ cpus = 1, memory = "1 GiB" }}'
            )
        cpus, memory = PRESETS[written]
        limits = handler({"cpus": cpus, "memory": format_size(memory)})
        return limits.model_copy(update={"preset": written})

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.cpus is None and self.memory is None:
            raise ValueError("limits without cpus and memory limit nothing")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: Any) -> Any:
        return self.preset if self.preset is not None else handler(self)


SERVICES: Final = ("app", "kafka", "neighbours", "nginx", "postgres", "redis", "sqs", "writeback")
"""The services that a stage may be made of, as faults and limits name them."""

if TYPE_CHECKING:
    Service = str  # type checkers cannot read a Literal off a tuple
else:
    Service = Literal[SERVICES]

_CALLED: Final = {
    "app": "the app",
    "kafka": "Kafka",
    "neighbours": "the enrolment API",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "sqs": "the queue (SQS)",
    "writeback": "the write-back worker",
}


def called(service: str) -> str:
    """Return a service of a stage as people call it: PostgreSQL; a container by its own name."""
    return _CALLED.get(service, service)


class StageSection(Section):
    """The Docker stage; nothing of it applies to another one."""

    app_containers: Annotated[Whole, Field(ge=1, le=64)] | None = None
    """How many containers share the app's workers; two where `app.workers` is even, else one."""
    ready_within: PositiveDuration | None = None
    """How long its containers may take to be ready, the stores and then the rest, and as much
    longer as they had no processor, up to four times that in all; 3 min where left out. Building
    and pulling images does not count."""
    limits: dict[Service, Limits] = Field(default_factory=dict)
    """What each container of a service may use at most; without, all the machine has."""

    def containers(self, workers: int) -> int:
        """Return how many containers the app gets, which has so many workers in all."""
        if self.app_containers is not None:
            return self.app_containers
        return 2 if workers % 2 == 0 else 1

    @property
    def ready_within_s(self) -> float:
        """How many seconds the stores, and then the rest, may take to be ready, where they have
        processors."""
        return _READY_WITHIN_S if self.ready_within is None else self.ready_within

    @property
    def is_set(self) -> bool:
        """Whether the plan says anything of it."""
        return self != StageSection()
