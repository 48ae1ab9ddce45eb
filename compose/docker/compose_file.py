"""Reads `docker-compose.yml`, the one description of the stage: of what Compose knows, the part
that the file uses. What else stands in it is an error, so that nothing is left out in silence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from dress_rehearsal.compose.docker.service_spec import Build, HealthCheck, Mount, ServiceSpec
from dress_rehearsal.compose.errors import StageUnusableError

COMPOSE_FILE: Final = Path(__file__).resolve().parents[1] / "docker-compose.yml"

_VARIABLE: Final = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?])(?P<other>[^}]*))?\})"
)
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_USUAL_INTERVAL_S: Final = 30.0
_USUAL_GRACE_S: Final = 10.0

_OF_THE_FILE: Final = {"services", "secrets", "volumes"}
_OF_A_SERVICE: Final = {
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "depends_on",
    "entrypoint",
    "environment",
    "healthcheck",
    "image",
    "init",
    "ports",
    "profiles",
    "read_only",
    "secrets",
    "security_opt",
    "stop_grace_period",
    "stop_signal",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
}


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """The services by name, and the files that hold the secrets."""

    services: Mapping[str, ServiceSpec]
    secrets: Mapping[str, Path]
    volumes: frozenset[str]

    def of_images(self, ids: Mapping[str, str]) -> "ComposeFile":
        """Return the same with images by their IDs, as far as these are known by their names."""
        services = {
            name: replace(service, image=ids.get(service.image, service.image))
            for name, service in self.services.items()
        }
        return replace(self, services=services)

    def wanted(self, profiles: frozenset[str]) -> list[ServiceSpec]:
        """Return the services of these profiles and those of none, each after what it needs.

        Raises:
            StageUnusableError: they need each other in a circle.
        """
        chosen = {
            name: service
            for name, service in self.services.items()
            if not service.profiles or service.profiles & profiles
        }
        ordered: list[ServiceSpec] = []
        while len(ordered) < len(chosen):
            placed = {service.name for service in ordered}
            ready = [
                service
                for name, service in chosen.items()
                if name not in placed and all(n in placed for n in service.needs if n in chosen)
            ]
            if not ready:
                circle = ", ".join(sorted(set(chosen) - placed))
                raise StageUnusableError(f"{COMPOSE_FILE}: {circle} need each other.")
            ordered += ready
        return ordered


def read_compose_file(variables: Mapping[str, str], path: Path = COMPOSE_FILE) -> ComposeFile:
    """Read the file, with these variables filled in.

    Raises:
        StageUnusableError: it cannot be read, lacks a variable it needs, or has something in it
            that is not understood here.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StageUnusableError(
            f"The stage is not set: {path} cannot be read: {error}."
        ) from error
    reader = _Reader(path, variables)
    return reader.file(document)


class _Reader:
    def __init__(self, path: Path, variables: Mapping[str, str]) -> None:
        self._path = path
        self._variables = variables

    def file(self, document: Any) -> ComposeFile:
        if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
            raise self._unlike("the file", "a table with services")
        known = {key: value for key, value in document.items() if not key.startswith("x-")}
        self._only("the file", known, _OF_THE_FILE)
        secrets = {
            name: self._folder / self._text(f"secrets.{name}", self._filled(one["file"]))
            for name, one in (known.get("secrets") or {}).items()
        }
        services = {
            name: self._service(name, self._filled(one)) for name, one in known["services"].items()
        }
        return ComposeFile(services, secrets, frozenset(known.get("volumes") or ()))

    @property
    def _folder(self) -> Path:
        return self._path.parent

    def _service(self, name: str, one: dict[str, Any]) -> ServiceSpec:
        self._only(name, one, _OF_A_SERVICE)
        as_it_stands: dict[str, Any] = {
            key: one[key]
            for key in ("cap_add", "cap_drop", "init", "read_only", "security_opt", "user")
            if key in one
        }
        if "working_dir" in one:
            as_it_stands["working_dir"] = one["working_dir"]
        if "tmpfs" in one:
            as_it_stands["tmpfs"] = dict(_tmpfs(line) for line in _listed(one["tmpfs"]))
        if "ulimits" in one:
            as_it_stands["ulimits"] = {
                kind: (most, most) if isinstance(most, int) else (most["soft"], most["hard"])
                for kind, most in one["ulimits"].items()
            }
        return ServiceSpec(
            name=name,
            image=self._text(name, one.get("image", f"dress-rehearsal-{name}")),
            build=self._build(name, one.get("build")),
            command=_words(one.get("command")),
            entrypoint=_words(one.get("entrypoint")),
            environment=self._environment(name, one.get("environment") or {}),
            mounts=tuple(self._mount(name, entry) for entry in one.get("volumes") or ()),
            secrets=tuple(
                self._text(name, secret if isinstance(secret, str) else secret["source"])
                for secret in one.get("secrets") or ()
            ),
            health=self._health(name, one.get("healthcheck")),
            needs=_needs(one.get("depends_on") or {}),
            profiles=frozenset(one.get("profiles") or ()),
            stop_signal=one.get("stop_signal"),
            grace_s=self._seconds(name, one.get("stop_grace_period"), _USUAL_GRACE_S),
            settings=as_it_stands,
        )

    def _build(self, name: str, build: Any) -> Build | None:
        if build is None:
            return None
        if isinstance(build, str):
            build = {"context": build}
        self._only(f"{name}.build", build, {"context", "dockerfile", "target", "args"})
        return Build(
            (self._folder / build["context"]).resolve(),
            build.get("dockerfile", "Dockerfile"),
            build.get("target"),
            {key: str(value) for key, value in (build.get("args") or {}).items()},
        )

    def _environment(self, name: str, environment: Any) -> dict[str, str]:
        if not isinstance(environment, dict):
            raise self._unlike(f"{name}.environment", "a table")
        return {key: _scalar(value) for key, value in environment.items() if value is not None}

    def _mount(self, name: str, entry: Any) -> Mount:
        if isinstance(entry, str):
            source, _, rest = entry.partition(":")
            target, _, mode = rest.partition(":")
            read_only = mode == "ro"
        else:
            self._only(f"{name}.volumes", entry, {"type", "source", "target", "read_only", "bind"})
            source, target = entry["source"], entry["target"]
            read_only = bool(entry.get("read_only"))
        named = not source.startswith((".", "/", "~"))
        where = source if named else str((self._folder / source).resolve())
        return Mount(where, target, read_only, named)

    def _health(self, name: str, check: Any) -> HealthCheck | None:
        if not check:
            return None
        self._only(
            f"{name}.healthcheck", check, {"test", "interval", "timeout", "retries", "start_period"}
        )
        test = check["test"]
        if isinstance(test, str):
            words: tuple[str, ...] = ("/bin/sh", "-c", test)
        elif test[0] == "CMD-SHELL":
            words = ("/bin/sh", "-c", test[1])
        else:
            words = tuple(str(word) for word in test[1:])
        return HealthCheck(
            words,
            self._seconds(name, check.get("interval"), _USUAL_INTERVAL_S),
            self._seconds(name, check.get("timeout"), _USUAL_INTERVAL_S),
        )

    def _seconds(self, name: str, written: Any, usual: float) -> float:
        if written is None:
            return usual
        match = _DURATION.fullmatch(str(written))
        if match is None or not any(match.groups()):
            raise self._unlike(f"{name}: {written!r}", "a duration such as 10s")
        hours, minutes, seconds, thousandths = (float(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds + thousandths / 1000

    def _filled(self, value: Any) -> Any:
        """Return a value of the file with its variables filled in."""
        if isinstance(value, str):
            return _VARIABLE.sub(self._variable, value)
        if isinstance(value, list):
            return [self._filled(one) for one in value]
        if isinstance(value, dict):
            return {key: self._filled(one) for key, one in value.items()}
        return value

    def _variable(self, match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name = match["plain"] or match["name"]
        how, other = match["how"] or "", match["other"] or ""
        value = self._variables.get(name)
        if value is None or (how.startswith(":") and not value):
            if how.endswith("?"):
                raise StageUnusableError(
                    f"The stage is not set: {self._path} needs the variable {name}: {other}."
                )
            return other
        return value

    def _text(self, where: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self._unlike(where, "a text")
        return value

    def _only(self, where: str, table: Any, known: set[str]) -> None:
        if not isinstance(table, dict):
            raise self._unlike(where, "a table")
        for key in sorted(set(table) - known):
            raise StageUnusableError(
                f"The stage is not set: {self._path}: {where}: {key} is not understood by the "
                f"Docker stage, which would leave it out."
            )

    def _unlike(self, where: str, wanted: str) -> StageUnusableError:
        return StageUnusableError(f"The stage is not set: {self._path}: {where} is not {wanted}.")


def _words(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(value.split()) if isinstance(value, str) else tuple(str(word) for word in value)


def _needs(value: Any) -> dict[str, str]:
    if isinstance(value, list):
        return dict.fromkeys(value, "service_started")
    return {name: str(how["condition"]) for name, how in value.items()}


def _listed(value: Any) -> Iterator[str]:
    yield from ([value] if isinstance(value, str) else value)


def _tmpfs(line: str) -> tuple[str, str]:
    path, _, options = line.partition(":")
    return path, options


def _scalar(value: Any) -> str:
    """Return a value of the environment as Compose hands it on."""
    return str(value).lower() if isinstance(value, bool) else str(value)
