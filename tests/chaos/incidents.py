"""The incidents: disks that fill up, a folder that goes, another rehearsal, a clock that is set."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.chaos import clock
from tests.chaos.cells import COMPONENTS, Moment
from tests.chaos.incident import AT_S, Incident, judged, under_way
from tests.chaos.perform import Lane, Result, conclude, ended
from tests.chaos.rehearsal import Place, Rehearsal
from tests.chaos.right import ENDS_WITHIN_S, PASS, UNDECIDED, Outcome, Wrong, structural

_CHUNK: Final = bytes(64 * 1024)
_OUT_MB, _TEMPORARY_MB = 256, 512
_DOUBTS: Final = ("fail", "inconclusive")


def incidents() -> list[Incident]:
    """Return every one."""
    return [
        Incident("nobody of the stage is left while it is judged", _cleared),
        Incident("disk full, T+0.5 s", _disk_full),
        Incident("temporary folder full, T+0.5 s", _temporary_full),
        Incident("out folder deleted, T+0.5 s", _out_deleted),
        Incident("two rehearsals at once", _two_at_once),
        Incident("the processes' clock set 30 s forward, T+0.5 s", clock.set_forward),
        Incident("the processes' clock set an hour back, T+0.5 s", clock.set_back),
        Incident("the recorded stamps set 30 s forward, T+0.5 s", clock.stamps_moved),
    ]


def _cleared(lane: Lane, result: Result) -> None:
    """See that whoever does not last is gone when the judging begins: there is nobody to strike."""
    passing = [part for part in COMPONENTS if not part.lasts]
    settings = {setting for part in passing for setting in part.settings}
    with under_way(lane.place(result.name), tuple(settings)) as rehearsal:
        rehearsal.await_offset(AT_S)
        there = {part.name: rehearsal.find(part.name) for part in passing}
        absent = [name for name, process in there.items() if process is None]
        rehearsal.await_stamp("phase", "torn_down")
        living = [name for name, process in there.items() if process and process.alive]
        judged(result, ended(rehearsal, rehearsal.await_end(ENDS_WITHIN_S)), (PASS,))
    result.wrongs += [Wrong(f"{name} never was on the stage") for name in absent]
    result.wrongs += [Wrong(f"{name} lives at '{Moment.JUDGING}'") for name in living]


def _two_at_once(lane: Lane, result: Result) -> None:
    place = lane.place(result.name)
    with ExitStack() as stack:
        both = []
        for number in (1, 2):
            output = place.out.with_name(f"{place.out.name}-{number}.txt")
            output.unlink(missing_ok=True)
            out = Place(place.out / str(number), lane.temporary)
            both.append(Rehearsal.start(out, output, (), ["--no-prometheus"]))
            stack.callback(both[-1].wipe)
        for rehearsal in both:
            rehearsal.await_offset(AT_S)
        times = [rehearsal.await_end(ENDS_WITHIN_S) for rehearsal in both]
        for rehearsal, after_s in zip(both, times, strict=True):
            judged(result, ended(rehearsal, after_s), (PASS,))


def _out_deleted(lane: Lane, result: Result) -> None:
    with under_way(lane.place(result.name)) as rehearsal:
        rehearsal.await_offset(AT_S)
        deadline = time.monotonic() + 2
        while rehearsal.place.out.exists() and time.monotonic() < deadline:
            shutil.rmtree(rehearsal.place.out, ignore_errors=True)
        _broken_off(result, rehearsal)


def _disk_full(lane: Lane, result: Result) -> None:
    """Fill the disk of the records: no verdict can be written, and none is owed until it can."""
    place = lane.place(result.name)
    with _small_disk(place.out, _OUT_MB, result) as there:
        if not there:
            return
        with under_way(place) as rehearsal:
            rehearsal.await_offset(AT_S)
            _fill(place.out / "ballast")
            _broken_off(result, rehearsal)
            (place.out / "ballast").unlink()
            code = rehearsal.judge_again()
            outcome = Outcome(code, rehearsal.verdict(), rehearsal.output(), result.after_s)
            judged(result, outcome, _DOUBTS)


def _temporary_full(lane: Lane, result: Result) -> None:
    """Fill the disk of the stage: the stores stop writing, and nobody is accused of it."""
    temporary = lane.temporary.parent / "small"
    place = Place(lane.place(result.name).out, temporary)
    with _small_disk(temporary, _TEMPORARY_MB, result) as there:
        if not there:
            return
        with under_way(place) as rehearsal:
            rehearsal.await_offset(AT_S)
            _fill(temporary / "ballast")
            after_s = rehearsal.await_end(ENDS_WITHIN_S)
            (temporary / "ballast").unlink()
            judged(result, ended(rehearsal, after_s), (UNDECIDED,), "temporary folder")


def _broken_off(result: Result, rehearsal: Rehearsal) -> None:
    """Expect a rehearsal to end with 1 and a sentence that says what could not be written."""
    after_s = rehearsal.await_end(ENDS_WITHIN_S)
    outcome = ended(rehearsal, after_s)
    found = structural(outcome)
    said = " ".join(outcome.output.split())
    sentence = re.search(r"\S+ cannot be (?:written|made)[^.]*", said)
    if outcome.exit_code != 1:
        found.append(Wrong(f"exit code {outcome.exit_code} instead of 1: {said[-200:]}"))
    if sentence is None:
        found.append(Wrong(f"nothing says what could not be written: {said[-200:]}"))
    conclude(result, outcome, found)
    result.word = f"exit {outcome.exit_code}"
    result.said = sentence.group() if sentence else ""


def _fill(ballast: Path) -> None:
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(_CHUNK)
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(_CHUNK[:512])


@contextmanager
def _small_disk(folder: Path, megabytes: int, result: Result) -> Iterator[bool]:
    """Mount a small disk; where only root may, say so and yield false."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={megabytes}m,mode=755"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if os.geteuid() != 0 or made.returncode != 0:
        result.word = "skipped"
        result.missed = f"a small disk needs root ({made.stderr.strip() or 'mount refused'})"
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
