"""A step's name where the scenario gives none: its method and path, with what differs left out."""

import re
from functools import lru_cache
from typing import Final

from dress_rehearsal.plans.visible import visible_line

_LONGEST: Final = 120
_ID: Final = re.compile(
    r"[0-9]+"
    r"|.*[0-9]{3}.*"  # ord_000123, festival-2026
    r"|.*[-_][0-9]+"
    r"|(?=.*[0-9])[0-9a-fA-F-]{8,}"  # a UUID, a digest
    r"|(?=.*[0-9])[\w-]{16,}"
    r"|[\w-]{32,}"
    r"|.*[%@=:;,+~].*",  # people's own words, addresses
    re.DOTALL,
)
"""A part of a path that looks like the name of one thing among many."""


@lru_cache(maxsize=4096)
def step_name(method: str, path: str) -> str:
    """Return `METHOD /path` with ids as `{id}` and without the query: `GET /orders/{id}`."""
    route = re.split(r"[?#]", path, maxsplit=1)[0]
    parts = ["{id}" if _ID.fullmatch(part) else part for part in route.split("/")]
    return written(f"{method} {'/'.join(parts)}")


def written(step: str) -> str:
    """Return a step's name as it can be kept and shown, whatever is in it."""
    return visible_line(step[:_LONGEST])
