"""Arguments: a parser whose complaints name options and never show what was given to them.

What is given may be a secret, and complaints end up in logs. Values are checked where those of a
plan are, or by `whole_number`.
"""

import argparse
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final, NoReturn

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.shown import HIDDEN

_OPTION: Final = re.compile(r"--?[a-z]{1,20}(-[a-z]{1,20}){0,3}")
_HARMLESS: Final = (
    re.compile(r"the following arguments are required: [A-Za-z, /.-]+"),
    re.compile(r"argument [A-Za-z, /.-]+: expected (one|at least one) argument"),
)
"""Complaints that quote nothing of what was given."""
_ABOUT: Final = re.compile(r"argument ([A-Za-z, /.-]+): (invalid choice|ignored explicit argument)")
_DIGITS: Final = re.compile("[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,15})?(e-?[0-9]{1,2})?")


class Parser(argparse.ArgumentParser):
    """A parser that shows nothing of what it does not understand but the names of options."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        self.color = False  # from Python 3.14 on it has colours of its own

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Return the arguments taken apart; a sentence and exit code 2 where they cannot be."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(_unknown(unknown))
        return options

    def error(self, message: str) -> NoReturn:
        """Print the usage and a complaint, and exit with 2."""
        super().error(_complaint(message))


class PrintVersion(argparse.Action):
    """Prints which version of what runs here, and ends."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print one line."""
        print(  # noqa: T201
            f"dress-rehearsal {version('dress-rehearsal')}, "
            f"{platform.python_implementation()} {platform.python_version()}, "
            f"{platform.platform()}"
        )
        parser.exit()


def whole_number(text: str, option: str, least: int, most: int) -> int:
    """Return the whole number that an option was given.

    Raises:
        PlanError: it is none, or lies beyond what it may be.
    """
    number = int(text) if _DIGITS.fullmatch(text) else None
    if number is None or not least <= number <= most:
        raise PlanError(f"{option}: give a whole number from {least:,} to {most:,}.")
    return number


def number(text: str, option: str, least: float, most: float) -> float:
    """Return the number that an option was given.

    Raises:
        PlanError: it is none, or lies beyond what it may be.
    """
    found = float(text) if _DECIMAL.fullmatch(text) else None
    if found is None or not least <= found <= most:
        raise PlanError(f"{option}: give a number from {least:g} to {most:g}.")
    return found


def _complaint(message: str) -> str:
    if any(harmless.fullmatch(message) for harmless in _HARMLESS):
        return message
    if message.startswith(_UNKNOWN):
        return message
    about = _ABOUT.match(message)
    if about is None:
        return "the arguments cannot be understood; see --help"
    if about[2] == "invalid choice":
        return f"argument {about[1]}: there is no such one; see --help"
    return f"argument {about[1]}: it takes no value"


_UNKNOWN: Final = "unknown: "


def _unknown(arguments: Sequence[str]) -> str:
    """Return a complaint about arguments that nothing is known of, naming the options in it."""
    names = [argument.partition("=")[0] for argument in arguments if argument.startswith("-")]
    options = [name if _OPTION.fullmatch(name) else HIDDEN for name in names]
    if not options:
        return f"{_UNKNOWN}there are more arguments than the command takes; see --help"
    return f"{_UNKNOWN}there is no option {', '.join(dict.fromkeys(options))}; see --help"
