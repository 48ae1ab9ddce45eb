"""What `environment.json` may say: the facts that are judged by have their types, the others are
shown as they are."""

from typing import Annotated, Any, Final, TypedDict

import msgspec

from dress_rehearsal.records.damage import Damage, is_shallow

FILE: Final = "environment.json"
RUN: Final = "run"
"""The fact that is the run's name when it was performed: its folder may have another by now."""
SPEED: Final = "calculation_ms"
"""The fact that says how long a fixed calculation took before and after (`machine_speed`)."""

_Milliseconds = Annotated[float, msgspec.Meta(gt=0, le=1e9)]


class _Took(TypedDict):
    best: _Milliseconds
    median: _Milliseconds


class _Speed(TypedDict, total=False):
    before: _Took
    after: _Took


class _Facts(TypedDict, total=False):
    """The facts that something is decided by; null where the machine does not say."""

    fingerprint: str | None
    cores: float | None
    ip_local_port_range: tuple[int, int] | None
    overrides: list[str]
    run: str
    calculation_ms: _Speed


def read_facts(content: bytes) -> tuple[dict[str, Any], list[Damage]]:
    """Return a machine's facts, and what of them cannot be read.

    A fact of the wrong type is left out, which is as if the machine had not told it.
    """
    try:
        document = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return {}, [Damage(FILE, f"it is not a JSON object ({error}); it is left out")]
    wrong = [name for name, value in document.items() if not _fits(name, value)]
    if not wrong:
        return document, []
    facts = {name: value for name, value in document.items() if name not in wrong}
    named = ", ".join(wrong[:5])
    return facts, [Damage(FILE, f"what it says of {named} cannot be; it is left out")]


def _fits(name: str, value: Any) -> bool:
    try:
        msgspec.convert({name: value}, _Facts)
    except msgspec.ValidationError:
        return False
    return is_shallow(value)
