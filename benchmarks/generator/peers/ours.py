"""Ours: the generator process of a rehearsal, which plays a scenario against an external target.

With `ours` every request is a moment of a student's story, as k6 and Locust begin an iteration for
each; with `ours-requests` all are of one moment, as in a scenario that asks again and again.
`ours-client` is the client alone: what students, moments and rows cost is the difference.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Final

import pyarrow.compute as pc

from benchmarks.generator.generator_process import GeneratorProcess, Part, rows
from benchmarks.generator.peers.peer import SCRIPTS, Claims, Job, Peer, Running, command

_GET_IT: Final = "make setup"
_IN_S: Final = 0.3


def _playing(buyer: str) -> Callable[[Job], Running]:
    def start(job: Job) -> Running:
        part = Part(
            SCRIPTS / "buyers.py",
            buyer,
            job.connections,
            lead=0.0,
            sale=job.seconds,
            habits={"ticket_poll": "1us"},
        )
        generator = GeneratorProcess(part, job.target, job.folder, job.variables)
        generator.go(time.time_ns() + round(_IN_S * 1e9))
        return generator.running

    return start


def _claims(job: Job) -> Claims:
    (run,) = (each.parent for each in job.folder.glob("*/requests"))
    status = rows(run).column("status")
    good = pc.sum(pc.and_(pc.greater_equal(status, 200), pc.less(status, 400))).as_py() or 0
    return Claims(len(status), len(status) - good, len(status))


def _bare(_job: Job) -> list[str]:
    return [sys.executable, str(SCRIPTS / "bare_client.py")]


def _said(job: Job) -> Claims:
    said = json.loads(job.output.read_text())
    return Claims(said["requests"], said["failed"])


PEERS: Final = (
    Peer(
        "ours",
        "ours",
        None,
        _GET_IT,
        _playing("Moments"),
        _claims,
    ),
    Peer(
        "ours-requests",
        "ours, requests of one moment",
        None,
        _GET_IT,
        _playing("OneMoment"),
        _claims,
    ),
    Peer(
        "ours-client",
        "ours, the client alone",
        None,
        _GET_IT,
        command(_bare),
        _said,
    ),
)
