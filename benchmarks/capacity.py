"""`make bench-capacity`: a search for the capacity beside a direct one, by fixed steps of load.

Two targets are searched: one whose capacity hardly depends on the machine (`capacity.toml` beside
this file), and a shop of `examples/` with a pool of one connection. Then loads from 20% below to
20% above the largest that passed are rehearsed, in steps of 5%, three times each. The search is
right where it is within 10% of the largest of them up to which most runs of each load pass.

With nothing else on the machine it takes about an hour; `--quick` takes steps of 10%, once each.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from dress_rehearsal.rehearsal.cli import main as rehearse

_HERE: Final = Path(__file__).resolve().parent
_EXAMPLES: Final = _HERE.parent / "examples"
_WITHIN: Final = 0.1
_BROKEN: Final = (1, 2)
"""Exit codes of a command that measured nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """A plan that is searched, and what it is given besides."""

    name: str
    plan: Path
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What both searches found, in people; None: no load passed."""

    target: str
    searched: int | None
    runs: int
    most_runs: int
    took_s: float
    most_s: float
    direct: int | None
    steps: dict[int, list[str]]

    @property
    def agrees(self) -> bool:
        """Whether the search is within 10% of the direct one."""
        if self.searched is None or self.direct is None:
            return False
        return abs(self.searched - self.direct) <= _WITHIN * self.direct


KNOWN: Final = Target("known", _HERE / "capacity.toml")
SHOP: Final = Target(
    "shop",
    _EXAMPLES / "fastapi" / "plan.toml",
    (
        *("--roster", str(_EXAMPLES / "roster.csv")),
        *("--set", "target.environment.SHOP_FAULT=small_pool"),
    ),
)


def search(target: Target, folder: Path) -> dict[str, Any]:
    """Return what `rehearse capacity` found."""
    _rehearsed("capacity", target, folder, "--within", f"{_WITHIN:.0%}")
    (path,) = folder.glob("*-capacity/capacity.json")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def rehearsed_at(target: Target, people: int, repeats: int, folder: Path) -> list[str]:
    """Return the verdicts of a plan rehearsed with so many people."""
    sets = ["--students", str(people)]
    if target is KNOWN:
        sets += ["--set", f"event.tickets={people}"]
    _rehearsed("run", target, folder, *sets, "--repeat", str(repeats))
    found = folder.glob("**/verdict.json")
    return [json.loads(path.read_text())["verdict"] for path in sorted(found)]


def largest(steps: dict[int, list[str]]) -> int | None:
    """Return the largest load up to which most runs of every load pass; None: there is none."""
    passed = None
    for people in sorted(steps):
        verdicts = [word for word in steps[people] if word != "inconclusive"]
        if 2 * verdicts.count("pass") <= len(verdicts):
            break
        passed = people
    return passed


def compare(target: Target, factors: Sequence[float], repeats: int, folder: Path) -> Found:
    """Search a target's capacity, and confirm it step by step."""
    began = time.monotonic()
    document = search(target, folder / "searched")
    took_s = time.monotonic() - began
    passes = document["passes"]
    middle = (passes or document["own"])["people"]
    steps = {}
    for factor in factors:
        people = round(factor * middle)
        if target is SHOP and people > int(document["most"]):
            continue  # so many the roster does not hold
        steps[people] = rehearsed_at(target, people, repeats, folder / str(people))
        print(f"{target.name}: {people} people: {', '.join(steps[people])}", flush=True)
    return Found(
        target=target.name,
        searched=None if passes is None else passes["people"],
        runs=len(document["tries"]),
        most_runs=document["most_tries"],
        took_s=round(took_s, 1),
        most_s=document["most_s"],
        direct=largest(steps),
        steps=steps,
    )


def table(rows: Sequence[Found]) -> str:
    """Return what was found, as people read it."""
    lines = ["target     searched   direct   runs (told)    s (told)      agrees"]
    lines += [
        f"{row.target:<9} {row.searched or 0:9,} {row.direct or 0:8,}   {row.runs:3} "
        f"({row.most_runs})     {row.took_s:6.0f} ({row.most_s:.0f})   "
        f"{'yes' if row.agrees else 'NO'}"
        for row in rows
    ]
    return "\n".join(lines)


def _rehearsed(command: str, target: Target, folder: Path, *options: str) -> None:
    code = rehearse(
        [command, str(target.plan), *target.options, *options]
        + ["--out", str(folder), "--no-prometheus"]
    )
    if code in _BROKEN:
        raise SystemExit(f"rehearse {command} ended with {code}: nothing was measured.")


@contextmanager
def _beside_a_database() -> Iterator[None]:
    """Have the PostgreSQL that the shops need, and the variables that lead there."""
    module = _postgres_module()
    with module.postgres() as dsn:
        before = dict(os.environ)
        os.environ.update(module.variables(dsn))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _postgres_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples_postgres", _EXAMPLES / "postgres.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Compare both, and say whether they agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="steps of 10%%, once each")
    parser.add_argument("--only", choices=[KNOWN.name, SHOP.name], help="only this target")
    parser.add_argument("--out", type=Path, help="keep the runs here")
    parser.add_argument("--json", type=Path, help="also write what was found here")
    options = parser.parse_args()
    factors = [0.8 + 0.05 * step for step in range(0, 9, 2 if options.quick else 1)]
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-capacity-") as name, _beside_a_database():
        for target in (KNOWN, SHOP):
            if options.only in (None, target.name):
                folder = (options.out or Path(name)) / target.name
                found.append(compare(target, factors, 1 if options.quick else 3, folder))
                print(table(found[-1:]), flush=True)
    print(f"\n{table(found)}")
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    return 0 if all(each.agrees for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
