"""Problems: a sentence for each wrong key of a document, that shows nothing secret."""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from dress_rehearsal.plans.shown import HIDDEN, looks_secret, shown, shown_key

_MOST_SENTENCES: Final = 30
_KINDS: Final = ("presets", "names")
_KEY: Final = "[key]"
"""How pydantic ends the location of a name in a table that may not stand there."""
_PATTERNS: Final = {
    r"^[A-Z_][A-Z0-9_]{0,63}$": (
        "the name of an environment variable in capitals, such as SHOP_DSN; what it holds is read "
        "from there and stays out of the plan"
    ),
    r"^[A-Za-z_][A-Za-z0-9_]{0,99}$": "the name of a class, such as Customer",
    r"^[a-z0-9][a-z0-9_-]{0,39}$": (
        "up to 40 small letters, digits, - and _, such as orders or shop-db"
    ),
    r"^[a-z0-9][a-z0-9-]{0,39}$": "up to 40 small letters, digits and -, such as winterfest",
    r"^[A-Za-z_][A-Za-z0-9_.]*$": "the name of a label, such as pool",
    r"^[^-\s][^\s]*$": "a tag without spaces, such as checkout",
    r"^[!-~]{1,500}$": "a path without spaces, such as /health",
}
"""In words what a text has to be that is checked by a pattern."""
_SECRET_SECTIONS: Final = ("notify", "target", "ledgers", "metrics")
"""What stands in these, in the right place or not, may be a secret."""


def problem_sentences(
    error: ValidationError,
    name: str,
    model: type[BaseModel],
    overridden: Mapping[str, str] | None = None,
) -> list[str]:
    """Return everything that is wrong with a document of `model`, a sentence for each wrong key.

    Args:
        name: of the document.
        overridden: dotted key to the option that set it, named instead of the document.
    """
    problems = error.errors(include_url=False)
    sentences = [
        _sentence(name, problem, model, overridden or {}) for problem in problems[:_MOST_SENTENCES]
    ]
    more = len(problems) - len(sentences)
    return [*sentences, f"{name}: {more:,} more problems."] if more else sentences


def secret_keys(document: Any, parts: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Return the keys of a document's texts that seem to hold a password, a token or a webhook."""
    if isinstance(document, str) and looks_secret(document):
        yield shown_key(parts)
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(document, dict):
        inner = document.items()
    elif isinstance(document, (list, tuple)):
        inner = enumerate(document)
    for key, value in inner:
        yield from secret_keys(value, (*parts, key))


def _sentence(
    name: str, problem: Any, model: type[BaseModel], overridden: Mapping[str, str]
) -> str:
    location = _written(problem["loc"])
    key = shown_key(location, _names(model, location))
    value = problem["input"]
    where = source_of(location, name, overridden)
    at = placed_at(where, key)
    match problem["type"]:
        case "extra_forbidden":
            what = f"there is no key {key}" if at != where else "there is no such key"
            return f"{where}: {what}; {_known_keys(model, location)}"
        case "missing":
            return f"{where}: the key {key} is missing; it must be given."
        case "value_error":
            reason = str(problem["ctx"]["error"])
        case "tuple_type":
            reason = "expected a list"
        case "model_type" | "dict_type":
            reason = "expected a table of keys"
        case "string_pattern_mismatch" if problem["ctx"]["pattern"] in _PATTERNS:
            reason = f"expected {_PATTERNS[problem['ctx']['pattern']]}"
        case "literal_error":
            reason = f"expected {problem['ctx']['expected']}{_meant(value, problem['ctx'])}"
        case _:
            message = problem["msg"]
            reason = message.removeprefix("Input should be ")
            if reason != message:
                reason = f"expected {reason}"
    if isinstance(value, dict) or problem["loc"][-1:] == (_KEY,):
        return f"{at}: {reason}."
    secret = bool(location) and location[0] in _SECRET_SECTIONS
    return f"{at} = {HIDDEN if secret else shown(value)}: {reason}."


def placed_at(where: str, key: str) -> str:
    """Return how a sentence begins: what set a key, and the key, unless that names it already."""
    return where if not key or where == option_of(key) else f"{where}: {key}"


def option_of(key: str) -> str:
    """Return the option that sets one key, as a sentence names it."""
    return f"--set {key}"


def _written(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return a location as the document has it: which kind of `pools` was read is no key of it, nor
    is pydantic's mark of a table's name."""
    return tuple(
        part
        for before, part in zip(("", *location), location, strict=False)
        if not (before == "pools" and part in _KINDS) and part != _KEY
    )


def _meant(value: Any, context: Mapping[str, Any]) -> str:
    """Return which of the words that are expected is most like what was given."""
    words = re.findall(r"'([^']+)'", str(context["expected"]))
    close = difflib.get_close_matches(value[:100], words, n=1) if isinstance(value, str) else []
    return f" (did you mean {close[0]}?)" if close else ""


def source_of(location: Sequence[str | int], name: str, overridden: Mapping[str, str]) -> str:
    """Return what set a key: the option that did, or else the document."""
    return next((one for key, one in overridden.items() if _overlap(key, location)), name)


def _overlap(set_key: str, location: Sequence[str | int]) -> bool:
    """Return whether a key is where a problem lies, or a section that holds it, or within it."""
    one, other = set_key.split("."), [str(part) for part in location]
    return bool(other) and all(a == b for a, b in zip(one, other, strict=False))


def _names(model: type[BaseModel], location: tuple[str | int, ...]) -> set[str]:
    """Return the names of the model's keys on the way to a location."""
    names = set(model.model_fields)
    for part in location:
        field = model.model_fields.get(str(part))
        section = None if field is None else _section(field.annotation)
        if section is not None:
            model = section
            names |= set(model.model_fields)
    return names


def _known_keys(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is not None:  # else a position in a list, or a name in a table
            model = _section(field.annotation) or model
    known = sorted(model.model_fields)
    close = difflib.get_close_matches(str(location[-1])[:100], known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known keys there: {', '.join(known)}."


def _section(annotation: Any) -> type[BaseModel] | None:
    """Return the section in an annotation such as `tuple[Gate, ...]` or `Event`, if one is."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    found = map(_section, typing.get_args(annotation))
    return next((section for section in found if section is not None), None)
