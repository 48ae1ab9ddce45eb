"""`make bench-generator`: our generator beside its peers, on one core, on this machine.

race         as many requests a second as one core sends to the same nginx, with rows and without
storm        12,000 warm connections, all due at one instant
calibration  what is reported beside what a server of known times has seen

A whole run takes 10 minutes at most, wants the machine for itself, and writes its figures to
docs/performance.md and docs/performance.json.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.generator import nginx
from benchmarks.generator.calibration import Calibration, calibrate, cases
from benchmarks.generator.machine import described
from benchmarks.generator.peers import hey, k6, k9, locust, ours, wrk
from benchmarks.generator.peers.peer import Peer, PeerFailedError
from benchmarks.generator.race import Lap, lap
from benchmarks.generator.report import terminal, write_page
from benchmarks.generator.results import Results, Rounds
from benchmarks.generator.rounds import in_turn
from benchmarks.generator.storm import Storm, Stormer, storm
from benchmarks.generator.stormers import STORMERS

PEERS: Final = (*ours.PEERS, *wrk.PEERS, *hey.PEERS, *k9.PEERS, *k6.PEERS, *locust.PEERS)
PARTS: Final = ("race", "storm", "calibration")
_DOCS: Final = Path(__file__).parents[2] / "docs"
_PAIRED: Final = ("ours", "fasthttp")
"""Who storms in every round; the others, who take longest to be there, once."""

T = TypeVar("T")


def main() -> None:
    """Read the command line, measure, and tell."""
    chosen = _chosen()
    quick = chosen.quick
    seconds = 1.0 if quick else chosen.seconds
    rounds = chosen.rounds or (1 if quick else 3)
    students, arriving_s = (2_000, 4.0) if quick else (12_000, 12.0)
    results = Results(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=described(),
        settings={"rounds": rounds, "seconds": seconds, "students": students},
    )
    began_s = time.monotonic()
    with suppress(KeyboardInterrupt):
        if "race" in chosen.parts:
            _race(results, _those(PEERS, chosen.only, results), rounds, seconds)
        if "storm" in chosen.parts:
            _storm(results, _those(STORMERS, chosen.only, results), rounds, students)
        if "calibration" in chosen.parts and (not chosen.only or "ours" in chosen.only):
            _calibration(results, 500 * round(arriving_s), arriving_s)
    print(f"\n{terminal(results)}\n\nIt took {time.monotonic() - began_s:.0f} s.")
    if chosen.json:
        chosen.json.write_text(results.json())
    whole = not quick and not chosen.only and set(chosen.parts) == set(PARTS)
    if whole and results.calibration:
        (_DOCS / "performance.json").write_text(results.json())
        write_page(results, _DOCS / "performance.md")


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    keys = list(dict.fromkeys(each.key for each in (*PEERS, *STORMERS)))
    parser.add_argument("--rounds", type=int, help="how often each is measured, in turn (3)")
    parser.add_argument("--seconds", type=float, default=2.5, help="of each in the race (2.5)")
    parser.add_argument("--quick", action="store_true", help="a look at it, in two minutes")
    parser.add_argument("--only", nargs="+", choices=keys, metavar="KEY", help=", ".join(keys))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path, help="write everything that was measured here")
    return parser.parse_args()


def _those(all_of_them: Sequence[T], only: Sequence[str] | None, results: Results) -> list[T]:
    """Return those that were chosen and are there; `results` is told of all others chosen."""
    found = []
    each: Any
    for each in all_of_them:
        if only and each.key not in only:
            continue
        results.names[each.key] = each.name
        if each.is_there:
            found.append(each)
        else:
            results.missing[each.key] = each.get_it
            _say(f"{each.name} is not there: {each.get_it}")
    return found


def _race(results: Results, peers: Sequence[Peer], rounds: int, seconds: float) -> None:
    results.race = {peer.key: {} for peer in peers}
    with tempfile.TemporaryDirectory(prefix="bench_") as name, nginx.serving(Path(name)) as server:
        for number, peer in in_turn(peers, rounds):
            one = _tried(results, results.race, number, peer, lambda it: lap(it, server, seconds))
            if one is not None:
                _say_lap(number, peer, one)


def _say_lap(number: int, peer: Peer, one: Lap) -> None:
    _say(
        f"race {number}   {peer.name:40}{one.per_s:9,.0f}/s{one.cpu_us:7.1f} µs   "
        f"its core {one.busy:4.0%}   nginx's {one.server_busy:4.0%}   others {one.others:4.0%}"
        f"{f'   {one.problem}' if one.problem else ''}"
    )


def _storm(results: Results, stormers: Sequence[Stormer], rounds: int, students: int) -> None:
    results.storm = {stormer.key: {} for stormer in stormers}
    for number, stormer in in_turn(stormers, rounds):
        if stormer.key not in _PAIRED and results.storm[stormer.key]:
            continue
        one: Storm | None = _tried(
            results, results.storm, number, stormer, lambda it: storm(it, students)
        )
        if one is not None:
            _say(
                f"storm {number}  {stormer.name:40}late p99 {one.late_p99:6,.0f} ms   "
                f"CPU {one.cpu_s:5.2f} s   p99 {one.system_p99:8,.2f} ms, the server's own "
                f"{one.own_p99:,.2f} ms"
            )


def _calibration(results: Results, requests: int, arriving_s: float) -> None:
    for case in cases(arriving_s):
        results.names[case.key] = case.name
        one: Calibration = calibrate(case, requests, arriving_s)
        results.calibration[case.key] = {1: one}
        off_ms = max(abs(each.measured - each.true) for each in (*one.felt, *one.system))
        right = "right" if one.is_right else "WRONG"
        _say(f"calibration  {case.name:40}{right}, at most {off_ms:.3f} ms off")


def _tried(
    results: Results,
    rounds: "Rounds[T]",
    number: int,
    contestant: Any,
    measure: Callable[[Any], T],
) -> T | None:
    """Measure one; what does not do what it should is told, and the others go on."""
    try:
        one = measure(contestant)
    except PeerFailedError as error:
        results.failed.append(f"{contestant.name}, round {number}: {error}")
        _say(f"{contestant.name}, round {number}: failed. {error}")
        return None
    rounds[contestant.key][number] = one
    return one


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
