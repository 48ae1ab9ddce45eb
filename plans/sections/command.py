"""A command that a plan has started here: the user's own app, or what resets it. No shell."""

import re
import shlex
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.secrets import names_a_secret, variable_of

_SHELL: Final = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "<<", "2>", "2>&1"})
_SECRET_OPTION: Final = re.compile(
    r"--?[\w-]*(passw|passphrase|(?<![a-z])pass$|pwd|token|secret|api[-_]?key)[\w-]*", re.IGNORECASE
)
_OF_A_FILE: Final = re.compile(r"[-_]?(file|path|dir|env|name|ttl|url)$", re.IGNORECASE)
_ASSIGNED: Final = re.compile(r"[A-Za-z_]\w*=.*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ValueError("a quotation mark in it has no second one") from error
    if _SHELL & set(words):
        raise ValueError(
            "no shell runs it, so &&, |, ; and > do nothing: put them into a script of your own, "
            "and name that"
        )
    if words and _ASSIGNED.fullmatch(words[0]):
        raise ValueError("no shell runs it: put variables into target.environment")
    return words


def _startable(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words[0] or any("\0" in word for word in words):
        raise ValueError("expected a program and its arguments")
    for option, value in pairwise(words):
        names_one = _SECRET_OPTION.fullmatch(option) and not _OF_A_FILE.search(option)
        if names_one and not value.startswith("-"):
            raise ValueError(
                "an option whose name says that it holds a secret (password, token …) would be "
                "written to every run, and is seen by all who list processes: have the program "
                'read it from a variable, which target.environment gives it as "env:NAME"'
            )
    return words


Command = Annotated[
    tuple[str, ...],
    Field(min_length=1, max_length=200),
    BeforeValidator(_split, json_schema_input_type=str | list[str]),
    AfterValidator(_startable),
]
"""A program and its arguments, as a list, or as a text that is split as a shell splits it."""


def _named(variables: dict[str, str]) -> dict[str, str]:
    for name, value in variables.items():
        if not _NAME.fullmatch(name):
            raise ValueError("a variable's name has letters, digits and _ only")
        if "\0" in value:
            raise ValueError("a variable's value holds no null character")
        try:
            is_named = variable_of(value) is not None
        except PlanError as error:
            raise ValueError(str(error).rstrip(".")) from error
        if not is_named and names_a_secret(name):
            raise ValueError(
                "a variable whose name says that it holds a secret (key, token, password …) is "
                'given as "env:NAME", the variable here that holds it'
            )
    return variables


Environment = Annotated[dict[str, str], Field(max_length=200), AfterValidator(_named)]
"""Variables of a command by their names; a value may be `env:NAME`, and a secret one must be."""
