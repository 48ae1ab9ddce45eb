"""The names of tickets: the same ticket, though a ledger writes it otherwise than an answer did.

A column of fixed width is filled up with spaces, a database writes a UUID with hyphens and small
letters whatever the app says, and a number has no leading zeros. Two names are taken as one where
they differ by nothing but that, and where it tells no two tickets apart.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

_UUID: Final = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?")


def renamed(names: Collection[str], known: Collection[str]) -> Mapping[str, str]:
    """Return what tickets are called elsewhere, of those that are written otherwise there.

    Args:
        names: as one ledger writes them.
        known: as answers and other ledgers do.
    """
    strange = set(names) - set(known)
    if not strange:
        return {}
    here, there = _by_plain_name(set(names)), _by_plain_name(set(known))
    return {
        here[plain][0]: there[plain][0]
        for plain in map(_plain, sorted(strange))
        if len(here[plain]) == 1 and len(there.get(plain, ())) == 1
    }


def _by_plain_name(names: Iterable[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        found[_plain(name)].append(name)
    return found


def _plain(name: str) -> str:
    """Return a name without what is only a way of writing it."""
    plain = name.strip().casefold()
    if _UUID.fullmatch(plain):
        return plain.strip("{}").replace("-", "")
    if plain.isascii() and plain.isdigit():
        return plain.lstrip("0") or "0"
    return plain
