"""A plan as it is for another checkout of its repository: its paths lead there, not here."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.plans import Plan

_NOT_BEFORE: Final = r"(?<![\w./~})\]*?%+-])"
"""Behind these a `/` goes on with a path, as in `/usr/src`, `~/src` and `$HOME/src`."""
_BEFORE: Final = (
    *(_NOT_BEFORE, "(?<=://)", "(?<=:///)"),  # file:///src, sqlite:////src/shop.db
    *(r"(?<=^-[A-Za-z])", r"(?<=\s-[A-Za-z])"),  # -I/src/include
)
_NOT_AFTER: Final = r"(?![\w.~+@%-])"
_ELSEWHERE: Final = Path("/dev/null/elsewhere")
_PATH: Final = re.compile(rf"""(?:{"|".join(_BEFORE)})/(?!/)[^\s:;,"']*""")


def moved(plan: Plan, head: Path, base: Path) -> Plan:
    """Return the plan with the target as it is in another checkout.

    The folder it is started in, each path into the checkout that its commands and variables name,
    the CSV files of its ledgers and the certificates that are trusted are those of the other one.
    What the plan itself is made of (scenario, roster), and what is sent to the target, stays.

    Args:
        head, base: the checkouts; every path into `head` becomes the same one into `base`.
    """
    target = plan.target
    if target.ours:
        return plan
    there = partial(_moved_text, head=head, base=base)
    file = partial(_moved_file, head=head, base=base)
    reset = target.reset
    if reset is not None and reset.command is not None:
        reset = reset.model_copy(update={"command": tuple(map(there, reset.command))})
    update: dict[str, Any] = {
        "folder": file(str(Path(target.folder or ".").resolve())),
        "command": tuple(map(there, target.command or ())),
        "environment": {name: there(value) for name, value in target.environment.items()},
        "ca_file": file(target.ca_file),
        "reset": reset,
    }
    return plan.model_copy(
        update={
            "target": target.model_copy(update=update),
            "ledgers": tuple(
                each.model_copy(update={"csv": file(each.csv)}) for each in plan.ledgers
            ),
            "metrics": tuple(
                each.model_copy(update={"ca_file": file(each.ca_file)}) for each in plan.metrics
            ),
        }
    )


def leads_into(text: str, checkout: Path) -> bool:
    """Return whether a text of a command or a variable names a path within a checkout."""
    return _moved_text(text, head=checkout, base=_ELSEWHERE) != text


def _moved_text(text: str, *, head: Path, base: Path) -> str:
    """Return a text in which every path into one checkout is that into the other."""
    resolved = head.resolve()
    roots = "|".join(re.escape(str(root)) for root in sorted({head, resolved}))
    named = re.compile(rf"(?:{'|'.join(_BEFORE)})(?:{roots}){_NOT_AFTER}")

    def led(found: re.Match[str]) -> str:
        """Move a path that leads into the checkout by a link or by `..`."""
        path = Path(os.path.normpath(found[0]))
        inside = Path(found[0]).resolve()
        if path.is_relative_to(base) or not inside.is_relative_to(resolved):
            return found[0]
        return str(base / inside.relative_to(resolved))

    return _PATH.sub(led, named.sub(lambda _: str(base), text))


def _moved_file(path: str | None, *, head: Path, base: Path) -> str | None:
    """Return the path of a file, of the other checkout where it is of the one."""
    if path is None:
        return None
    lexical, resolved = Path(os.path.normpath(path)), head.resolve()
    for inside, root in ((lexical, head), (lexical, resolved), (lexical.resolve(), resolved)):
        if inside.is_relative_to(root):
            return str(base / inside.relative_to(root))
    return path
