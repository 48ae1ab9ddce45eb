"""A locustfile, loaded as Locust loads it: its users, its shape, and the options it adds.

Nothing of it runs before `load_file`; what goes wrong then is told in a sentence that names file
and line.
"""

import contextlib
import io
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from locust import LoadTestShape, User
from locust.argument_parser import get_empty_argument_parser, get_parser, setup_parser_arguments
from locust.util.load_locustfile import load_locustfile, load_locustfile_pytest

from dress_rehearsal.plans.files import named
from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.plans.types import format_duration
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.environment_variables import all_but
from dress_rehearsal.scenarios.errors import ScenarioUnfitError

_LONGEST_SAID: Final = 300


@dataclass(frozen=True, slots=True)
class Locustfile:
    """What a file holds.

    Attributes:
        users: its user classes, by name; at least one.
        shape: its load shape, an instance; None where it has none.
        options: the options of Locust's command line, its own added, as this load gives them.
    """

    path: Path
    users: Mapping[str, type[User]]
    shape: LoadTestShape | None
    options: Any


def load_file(path: Path, load: Load, host: str, stop_timeout_s: float) -> Locustfile:
    """Import a locustfile, once, and parse the options that it adds.

    Args:
        load: how many users, how fast, for how long; which tasks.
        stop_timeout_s: how long a user may go on with its task when the time is up.

    Raises:
        ScenarioUnfitError: it cannot be imported, has no user, or wants what was not given.
    """
    arguments = _arguments(path, load, host, stop_timeout_s)
    # What a file does with `sys.argv` it is to do with what it would find under Locust.
    sys.argv = ["locust", *arguments]
    with _told(path):
        users, shapes = load_locustfile(str(path))
        if not users and _has_tests(path):
            users = load_locustfile_pytest(str(path))
    if not users:
        raise ScenarioUnfitError(
            f"The scenario {named(path)} has neither a Locust user class that is not abstract, nor "
            f"a Buyer imported from dress_rehearsal.scenarios."
        )
    options = _parsed(path, arguments)
    if options.processes:
        raise ScenarioUnfitError(
            "Locust's --processes is not carried out: one rehearsal has one generator so far."
        )
    return Locustfile(path, users, shapes[0] if shapes else None, options)


def _arguments(path: Path, load: Load, host: str, stop_timeout_s: float) -> list[str]:
    """Return the command line by which Locust itself would do the same."""
    arguments = ["-f", str(path), "--headless", "--host", host, "--stop-timeout"]
    arguments += [f"{stop_timeout_s:g}"]
    if load.users is not None:
        arguments += ["--users", f"{load.users}"]
    if load.spawn_rate is not None:
        arguments += ["--spawn-rate", f"{load.spawn_rate:g}"]
    if load.run_time is not None:
        arguments += ["--run-time", f"{max(1, round(load.run_time))}s"]
    for option, words in (("--tags", load.tags), ("--exclude-tags", load.exclude_tags)):
        arguments += [option, *words] if words else []
    return arguments


def _parsed(path: Path, arguments: Sequence[str]) -> Any:
    """Parse the command line with the options that the file adds.

    Neither a `locust.conf` nor Locust's own variables have a say in it, only what was given; the
    variables of options that the file adds do.
    """
    said = io.StringIO()
    with _told(path):
        parser = get_parser(default_config_files=[])
        try:
            with contextlib.redirect_stderr(said):
                return parser.parse_args(list(arguments), env_vars=_without_locusts_own())
        except SystemExit as error:
            reason = said.getvalue().strip().rpartition("error: ")[2] or "it asked to end"
            raise ScenarioUnfitError(
                f"The scenario {named(path)} adds options to Locust's command line that do not "
                f"fit: {_shown(reason)}. Give them defaults."
            ) from error


def _without_locusts_own() -> dict[str, str]:
    parser = get_empty_argument_parser(add_help=False, default_config_files=[])
    setup_parser_arguments(parser)  # type: ignore[no-untyped-call]
    actions = parser._actions  # noqa: SLF001 (argparse has no other way to list them)
    own = {name for action in actions for name in _variables(action)}
    return all_but(own)


def _variables(action: Any) -> list[str]:
    name = getattr(action, "env_var", None)
    return [str(name)] if name else []


def _has_tests(path: Path) -> bool:
    return "def test_" in path.read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn whatever the file raises into a sentence that names file and line."""
    try:
        yield
    except ScenarioUnfitError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a file may raise anything, SystemExit included
        raise ScenarioUnfitError(failure(path, error)) from error


def failure(path: Path, error: BaseException) -> str:
    """Return a sentence that says where a locustfile failed, and how."""
    where = f"The scenario {named(path)}"
    line = _line(path, error)
    if line is not None:
        where += f", line {line},"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"{where} needs the package {_shown(error.name)}, which is not installed here: install "
            f"it beside dress-rehearsal, into {_shown(sys.prefix)}."
        )
    if isinstance(error, SystemExit):
        return f"{where} ended the program: sys.exit({error.code!r})."
    said = _shown(str(error)) if str(error) else ""
    return f"{where} cannot be used: {type(error).__name__}{f': {said}' if said else ''}."


def _line(path: Path, error: BaseException) -> int | None:
    """Return the file's own last line on the way to an error, None where it is on none."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return lines[-1] if lines else None


def _shown(text: str) -> str:
    line = visible_line(text)
    return line if len(line) <= _LONGEST_SAID else f"{line[:_LONGEST_SAID]}…"


def length_problem(found: Locustfile, load: Load) -> str | None:
    """Return why a load would never end, None where it does."""
    if load.run_time is not None or found.shape is not None:
        return None
    return (
        f"Nothing says how long {named(found.path)} is to run: give --run-time, or load.run_time "
        f"in the plan, such as {format_duration(30)}; or a LoadTestShape in the file."
    )
