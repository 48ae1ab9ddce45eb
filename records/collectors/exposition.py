"""Exposition text of somebody else's app: Prometheus' format and OpenMetrics, as they are met.

A line may have a time of its own, an exemplar, blanks and tabs, a carriage return at its end, a
name in quotes, and escapes in its labels; a dot in a name is an underscore, as older Prometheus
had it. A line that is none of this is passed over: one bad line hides no other.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_LINE: Final = re.compile(
    r"[ \t]*([A-Za-z_:][A-Za-z0-9_:.]*)?[ \t]*"
    rf'(\{{(?:[^"{{}}]|{_QUOTED})*\}})?'
    r"[ \t]*([-+]?[0-9A-Za-z.+-]+)"  # the value
    r"(?:[ \t]+[-+]?[0-9][0-9.eE+-]*)?"  # a time
    r"[ \t]*(?:#.*)?"  # an exemplar
)
# No blanks are looked for at its beginning: of many, each one would begin a search to their end.
_LABEL: Final = re.compile(rf'({_QUOTED}|[^"{{}}=, \t]+)[ \t]*(?:=[ \t]*({_QUOTED}))?')
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n"}
_NAME: Final = re.compile(r"[ \t]*(?:([A-Za-z_:][A-Za-z0-9_:.]*)|\{[ \t]*\"((?:[^\"\\]|\\.)*)\")")
_LONGEST_LINE: Final = 20_000


class Exposed(NamedTuple):
    """A sample of a text."""

    name: str
    labels: dict[str, str]
    value: float


def read_exposition(text: str, wanted: Collection[str], seen: set[str]) -> Iterator[Exposed]:
    """Yield the samples of the wanted metrics, in the order of their lines.

    Args:
        wanted: names of metrics.
        seen: here the names of all metrics of the text are put.
    """
    for line in text.split("\n"):
        if line.startswith("#") or len(line) > _LONGEST_LINE:
            continue
        begin = _NAME.match(line)
        if begin is None:
            continue
        name = (begin[1] or _unescaped(begin[2] or "")).replace(".", "_")
        seen.add(name)
        if name in wanted:
            sample = _sample(name, line.rstrip("\r"))
            if sample is not None:
                yield sample


def _sample(name: str, line: str) -> Exposed | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    try:
        value = float(found[3].replace("_", " "))  # an underscore in a number is Python's
    except ValueError:
        return None
    return Exposed(name, _labels(found[2] or ""), value)


def _labels(text: str) -> dict[str, str]:
    labels = {}
    for key, value in _LABEL.findall(text[1:-1]):
        if value:
            plain = _unescaped(key[1:-1]) if key.startswith('"') else key
            labels[plain.replace(".", "_")] = _unescaped(value[1:-1])
    return labels


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)
