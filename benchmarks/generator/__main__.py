"""`make bench-generator`: our generator beside its peers, on one core, on this machine.

calibration  what is reported beside what a server of known times has seen
race         as many requests a second as one core sends to the same nginx, with rows and without
storm        12,000 warm connections, all due at one instant

A whole run takes 10 minutes at most, wants the machine for itself, and writes its figures to
docs/performance.md and docs/performance.json.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.generator import nginx
from benchmarks.generator.calibration import calibrate, cases
from benchmarks.generator.machine import connections_followed, described
from benchmarks.generator.peers import hey, k6, k9, locust, ours, wrk
from benchmarks.generator.peers.peer import PeerFailedError, Tool
from benchmarks.generator.race import lap
from benchmarks.generator.report import terminal, write_page
from benchmarks.generator.results import Results, Rounds
from benchmarks.generator.rounds import in_turn
from benchmarks.generator.standstill import Standstill
from benchmarks.generator.storm import storm
from benchmarks.generator.stormers import STORMERS

PEERS: Final = (*ours.PEERS, *wrk.PEERS, *hey.PEERS, *k9.PEERS, *k6.PEERS, *locust.PEERS)
PARTS: Final = ("calibration", "race", "storm")
_AT_MOST_S: Final = 560.0
"""After this nothing more is begun; while the machine stands still no time passes."""
_DOCS: Final = Path(__file__).parents[2] / "docs"
_BEGAN_S: Final = time.monotonic()
_PAIRED: Final = ("ours", "fasthttp")
"""Who storms in every round; the others, who take longest to be there, once."""

T = TypeVar("T")


class Benchmark:
    """One run: measures part by part, tells as it goes, and ends in time.

    Args:
        only: keys of those who are measured; None: everybody.
    """

    def __init__(self, results: Results, only: Sequence[str] | None) -> None:
        self._results, self._only = results, only
        self._ends_s = _BEGAN_S + _AT_MOST_S

    def calibration(self, requests: int, arriving_s: float) -> None:
        """Ours against servers of known times."""
        results = self._results
        if self._only and "ours" not in self._only:
            return
        for case in cases(arriving_s):
            results.names[case.key] = case.name
            results.calibration[case.key] = {}
            one = self._try(
                results.calibration, 1, case, lambda it: calibrate(it, requests, arriving_s)
            )
            if one is None:
                continue
            off_ms = max(abs(each.measured - each.true) for each in (*one.felt, *one.system))
            right = "right" if one.is_right else "WRONG"
            _say(f"calibration  {case.name:37}{right}, at most {off_ms:.3f} ms off")

    def race(self, rounds: int, seconds: float) -> None:
        """Everybody against nginx."""
        peers = self._those(PEERS)
        race = self._results.race = {peer.key: {} for peer in peers}
        with (
            tempfile.TemporaryDirectory(prefix="bench_") as name,
            nginx.serving(Path(name)) as server,
        ):
            for number, peer in in_turn(peers, rounds):
                one = self._try(race, number, peer, lambda it: lap(it, server, seconds))
                if one is not None:
                    _say(
                        f"race {number}   {peer.name:40}{one.per_s:9,.0f}/s{one.cpu_us:7.1f} µs   "
                        f"its core {one.busy:4.0%}   nginx's {one.server_busy:4.0%}   "
                        f"others {one.others:4.0%}{f'   {one.problem}' if one.problem else ''}"
                    )

    def storm(self, rounds: int, students: int) -> None:
        """Those who can wait for an instant."""
        stormers = self._those(STORMERS)
        storms = self._results.storm = {stormer.key: {} for stormer in stormers}
        for number, stormer in in_turn(stormers, rounds):
            if stormer.key not in _PAIRED and storms[stormer.key]:
                continue
            one = self._try(storms, number, stormer, lambda it: storm(it, students))
            if one is not None:
                _say(
                    f"storm {number}  {stormer.name:40}late p99 {one.late_p99:6,.0f} ms   "
                    f"CPU {one.cpu_s:5.2f} s   p99 {one.system_p99:8,.2f} ms, the server's own "
                    f"{one.own_p99:,.2f} ms"
                )

    def _those(self, everybody: Sequence[Tool]) -> list[Any]:
        """Return those that were chosen and are there."""
        found = []
        for each in everybody:
            if self._only and each.key not in self._only:
                continue
            self._results.names[each.key] = each.name
            if each.is_there:
                found.append(each)
            else:
                self._results.missing[each.key] = each.get_it
                _say(f"{each.name} is not there: {each.get_it}")
        return found

    def _try(
        self, rounds: "Rounds[T]", number: int, contestant: Any, measure: Callable[[Any], T]
    ) -> T | None:
        """Measure one; what does not do what it should is told, and the others go on.

        It is measured again, once, where the machine stood still meanwhile.
        """
        for _ in range(2):
            problem = f"not begun, as {_AT_MOST_S:.0f} s had passed."
            if time.monotonic() > self._ends_s:
                break
            one = None
            with Standstill() as still:
                try:
                    one = measure(contestant)
                except PeerFailedError as error:
                    problem = str(error)
            if still.happened:
                self._ends_s += still.longest_s  # nobody's fault, and no work was done
                problem = f"the machine stood still for {still.longest_s:.0f} s."
                _say(f"{contestant.name}, round {number}: {problem}")
                continue
            if one is None:
                break
            rounds[contestant.key][number] = one
            return one
        self._results.failed.append(f"{contestant.name}, round {number}: {problem}")
        _say(self._results.failed[-1])
        return None


def main() -> None:
    """Read the command line, measure, and tell."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # nothing is left
    chosen = _chosen()
    quick = chosen.quick
    seconds = chosen.seconds or (1.0 if quick else 2.5)
    rounds = chosen.rounds or (1 if quick else 3)
    students, arriving_s = (2_000, 4.0) if quick else (12_000, 12.0)
    results = Results(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=described(),
        settings={"rounds": rounds, "seconds": seconds, "students": students},
    )
    benchmark = Benchmark(results, chosen.only)
    whole = not quick and not chosen.only and set(chosen.parts) == set(PARTS)
    try:
        if "calibration" in chosen.parts:
            benchmark.calibration(500 * round(arriving_s), arriving_s)
        if "race" in chosen.parts:
            benchmark.race(rounds, seconds)
        if "storm" in chosen.parts:
            benchmark.storm(rounds, students)
    except KeyboardInterrupt:
        whole = False
    # Only now: a table is empty before there was a connection.
    results.machine = {**results.machine, "connections_followed": connections_followed()}
    print(f"\n{terminal(results)}\n\nIt took {time.monotonic() - _BEGAN_S:.0f} s.")
    if chosen.json:
        chosen.json.write_text(results.json())
    if whole:
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
    parser.add_argument("--seconds", type=float, help="of each in the race (2.5)")
    parser.add_argument("--quick", action="store_true", help="a look at it, in two minutes")
    parser.add_argument("--only", nargs="+", choices=keys, metavar="KEY", help=", ".join(keys))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path, help="write everything that was measured here")
    return parser.parse_args()


def _say(line: str) -> None:
    print(f"{time.monotonic() - _BEGAN_S:4.0f} s  {line}", flush=True)


if __name__ == "__main__":
    main()
