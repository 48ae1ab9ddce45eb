"""The `[target]` table: what the students rush, and how it is started, opened and reset."""

from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.plans.sections.command import Command, Environment
from dress_rehearsal.plans.sections.opening import Opening, Reset
from dress_rehearsal.plans.sections.request import Headers
from dress_rehearsal.plans.types import PositiveDuration, Section

_READY_WITHIN_S: Final = 30.0
_OF_A_COMMAND: Final = ("folder", "environment", "ready", "ready_within")
_OF_AN_EXTERNAL: Final = ("ca_file", "proxy", "headers", "command", "opening", "reset")


def _path(path: str) -> str:
    if not path.startswith("/") or path.startswith("//") or "#" in path:
        raise ValueError("expected a path of the target itself, such as /health")
    return path


class Target(Section):
    """What the students rush."""

    stage: Literal["embedded", "docker", "external"] = "embedded"
    url: str | None = None
    """Where the target answers; only for an external stage."""
    allow: tuple[str, ...] = ()
    """Hosts other than loopback that load may be sent to."""
    ca_file: str | None = None
    """Certificates (PEM) that are trusted beside the system's, relative to the plan's folder."""
    proxy: str | None = None
    """The only proxy ever used, `http://host:port`; its login is in `REHEARSE_PROXY_LOGIN`."""
    headers: Headers = Field(default_factory=dict)
    """Sent with every request to the target; a value may be `env:NAME`, read when it is used."""
    command: Command | None = None
    """Starts the app of an external stage here, and its whole tree is stopped at the end."""
    folder: str | None = None
    """Where it is started, relative to the plan's own folder; that one where left out."""
    environment: Environment = Field(default_factory=dict)
    """Its variables, besides PATH and HOME: nothing else of the shell reaches it."""
    ready: Annotated[str, Field(pattern=r"^[!-~]{1,500}$"), AfterValidator(_path)] | None = None
    """Path that answers with a success (2xx) once the app is ready; without, its port is enough."""
    ready_within: PositiveDuration | None = None
    """How long that may take, and as much longer as it had no processor, up to four times that in
    all; 30 s where left out."""
    opening: Opening | None = None
    """What makes the sale open at T-0."""
    reset: Reset | None = None
    """What puts the target back to where a sale begins, before every performance."""

    @property
    def ours(self) -> bool:
        """Whether the stage is one of our own, where the reference app sells; else it is external,
        and the app somebody else's."""
        return self.stage != "external"

    def shares_the_machine(self, url: str | None = None) -> bool:
        """Return whether what answers runs on this machine.

        Args:
            url: where it answers; None: where the plan says.
        """
        if self.ours:
            return True
        try:
            host = urlsplit(url or self.url or "").hostname or ""
        except ValueError:
            return False
        return is_loopback(host)

    @property
    def ready_within_s(self) -> float:
        """How many seconds the app that is started here may take to be ready, where it has a
        processor."""
        return _READY_WITHIN_S if self.ready_within is None else self.ready_within

    @property
    def starts_something(self) -> bool:
        """Whether a command of the user's is started here."""
        return self.command is not None or (
            self.reset is not None and self.reset.command is not None
        )

    @model_validator(mode="after")
    def _external_needs_url(self) -> Self:
        if self.stage == "external" and self.url is None:
            raise ValueError('stage = "external" needs url')
        if self.ours and self.url is not None:
            raise ValueError('url is only for stage = "external"')
        return self

    @model_validator(mode="after")
    def _every_key_has_an_effect(self) -> Self:
        if self.ours:
            given = [key for key in _OF_AN_EXTERNAL if getattr(self, key)]
            if given:
                raise ValueError(f'{" and ".join(given)}: only for stage = "external"')
        starts = {"folder": self.starts_something, "environment": self.starts_something}
        for key in _OF_A_COMMAND:
            if getattr(self, key) and not starts.get(key, self.command is not None):
                raise ValueError(f"{key} without command has no effect")
        return self

    @model_validator(mode="after")
    def _what_is_started_here_answers_here(self) -> Self:
        if self.command is None:
            return self
        try:
            host = urlsplit(self.url or "").hostname or ""
        except ValueError:
            return self  # that it is no URL is told where hosts are checked
        if host and not is_loopback(host):
            raise ValueError(
                "command starts the app on this machine, so url must be one of this machine's, "
                "such as http://127.0.0.1:8000"
            )
        return self
