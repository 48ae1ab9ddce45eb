"""The race: each peer asks the same nginx as fast as one core can, over 64 connections.

What is counted is what the server has answered, within some seconds of the run and after a warm-up;
so nobody is measured by its own word, while it starts, or while it ends. What a peer says of itself
afterwards is held against that: rows that are missing, answers that were none.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.generator.cores import GENERATOR, SERVER, busy_s, cpu_s, placed_on
from benchmarks.generator.nginx import Nginx
from benchmarks.generator.peers.peer import Claims, Job, Peer, PeerFailedError, Running

CONNECTIONS: Final = 64
WARM_S: Final = 1.0
_SPARE_S: Final = 1.0
_STARTS_WITHIN_S: Final = 30.0
_ENDS_WITHIN_S: Final = 30.0
_TRAFFIC: Final = 200
"""Answers after which a peer has begun."""
_LOOK_S: Final = 0.05
_MISSING: Final = 0.001
"""Share of rows that may be missing: what was under way when a peer ended."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One peer in one round."""

    per_s: float
    cpu_us: float
    """CPU time of the generator's processes, a request."""
    busy: float
    """Share of its core that the generator used; below 1 it waited for the server."""
    server_busy: float
    """Share of its core that nginx used."""
    others: float
    """Share of both cores that neither used: other programs, and a hypervisor."""
    afterwards_s: float
    """CPU seconds that were used once the load was over, such as for rows that had piled up."""
    claims: Claims
    answered: int
    """Requests of the whole run, by the server."""

    @property
    def problem(self) -> str | None:
        """What is wrong with it, as a sentence; None: nothing."""
        claims = self.claims
        if claims.failed:
            return f"{claims.failed:,} of its {claims.requests:,} requests failed."
        if claims.rows is not None and claims.rows < self.answered * (1 - _MISSING):
            return f"It kept {claims.rows:,} rows of {self.answered:,} requests."
        return None


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    requests: int
    cpu_s: float
    server_s: float
    cores_s: float

    @classmethod
    def take(cls, running: Running, nginx: Nginx) -> "_Sample":
        return cls(
            time.monotonic(),
            nginx.requests(),
            cpu_s(running.process.pid),
            cpu_s(nginx.worker),
            busy_s(GENERATOR) + busy_s(SERVER),
        )


def lap(peer: Peer, nginx: Nginx, seconds: float) -> Lap:
    """Measure a peer once.

    Raises:
        PeerFailedError: it did not do what it should; the sentence has the end of its output.
    """
    with tempfile.TemporaryDirectory(prefix="bench_") as name:
        job = Job(nginx.url, CONNECTIONS, WARM_S + seconds + _SPARE_S, Path(name))
        before = nginx.requests()
        with placed_on(GENERATOR):
            running = peer.start(job)
        with running:
            _await_traffic(running, nginx, before)
            time.sleep(WARM_S)
            first = _Sample.take(running, nginx)
            time.sleep(seconds)
            last = _Sample.take(running, nginx)
            if running.process.poll() is not None:
                raise PeerFailedError(f"It ended too early. It printed: {running.last_words}")
            afterwards_s = _await_end(running, nginx)
        answered = nginx.requests() - before
        try:
            claims = peer.claims(job)
        except (OSError, ValueError) as error:
            raise PeerFailedError(f"{error} It printed: {running.last_words}") from error
    took_s, requests = last.at_s - first.at_s, last.requests - first.requests
    used_s, served_s = last.cpu_s - first.cpu_s, last.server_s - first.server_s
    others_s = last.cores_s - first.cores_s - used_s - served_s
    return Lap(
        per_s=requests / took_s,
        cpu_us=used_s / max(requests, 1) * 1e6,
        busy=used_s / took_s,
        server_busy=served_s / took_s,
        others=max(others_s, 0.0) / (2 * took_s),
        afterwards_s=afterwards_s,
        claims=claims,
        answered=answered,
    )


def _await_traffic(running: Running, nginx: Nginx, before: int) -> None:
    deadline_s = time.monotonic() + _STARTS_WITHIN_S
    while nginx.requests() - before < _TRAFFIC:
        if running.process.poll() is not None or time.monotonic() > deadline_s:
            raise PeerFailedError(f"It sent no requests. It printed: {running.last_words}")
        time.sleep(_LOOK_S)


def _await_end(running: Running, nginx: Nginx) -> float:
    """Wait until a peer has ended; return the CPU seconds used once it sent nothing any more."""
    deadline_s = time.monotonic() + _ENDS_WITHIN_S
    requests, over_s, used_s = nginx.requests(), None, 0.0
    while running.process.poll() is None:
        if time.monotonic() > deadline_s:
            raise PeerFailedError(
                f"It had not ended {_ENDS_WITHIN_S:.0f} s after it should have. It printed: "
                f"{running.last_words}"
            )
        time.sleep(_LOOK_S)
        requests, earlier = nginx.requests(), requests
        used_s = cpu_s(running.process.pid) or used_s
        if requests == earlier and over_s is None:
            over_s = used_s
    if running.process.returncode:
        raise PeerFailedError(
            f"It ended with exit code {running.process.returncode}. It printed: "
            f"{running.last_words}"
        )
    return 0.0 if over_s is None else used_s - over_s
