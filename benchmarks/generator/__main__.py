"""`python -m benchmarks.generator`, the same as `make bench-generator`."""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.generator import nginx
from benchmarks.generator.peers import hey, k6, k9, locust, ours, wrk
from benchmarks.generator.race import Lap, PeerFailedError, lap
from benchmarks.generator.rounds import in_turn

PEERS = (*wrk.PEERS, *hey.PEERS, *locust.PEERS, *k6.PEERS, *k9.PEERS, *ours.PEERS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generator", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", nargs="*", choices=[peer.key for peer in PEERS])
    chosen = parser.parse_args()
    peers = [peer for peer in PEERS if not chosen.only or peer.key in chosen.only]
    there = [peer for peer in peers if peer.is_there]
    laps: dict[str, dict[int, Lap]] = {peer.key: {} for peer in there}
    with tempfile.TemporaryDirectory(prefix="bench_") as name, nginx.serving(Path(name)) as server:
        for number, peer in in_turn(there, chosen.rounds):
            began = time.monotonic()
            try:
                one = lap(peer, server, chosen.seconds)
            except PeerFailedError as error:
                print(f"round {number} {peer.name}: failed. {error}", flush=True)
                continue
            laps[peer.key][number] = one
            print(
                f"round {number} {peer.name:40} {one.per_s:8.0f}/s {one.cpu_us:6.1f} us "
                f"busy {one.busy:.0%} nginx {one.server_busy:.0%} others {one.others:.0%} "
                f"after {one.afterwards_s:.2f} s, took {time.monotonic() - began:.1f} "
                f"{one.problem or ''}",
                flush=True,
            )


if __name__ == "__main__":
    main()
