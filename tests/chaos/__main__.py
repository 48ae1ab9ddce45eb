"""`python -m tests.chaos`, the same as `make chaos`: whatever happens to whom, and when.

Exit codes: 0 every cell is right, 99 one is not, 1 interrupted.
"""

import argparse
import json
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from dress_rehearsal.rehearsal.signals import interruptible
from tests.chaos.cells import Cell, cells, drawn
from tests.chaos.incident import Incident, befall, healthy
from tests.chaos.incidents import incidents
from tests.chaos.perform import Lane, Result, perform
from tests.chaos.right import Wrong
from tests.chaos.table import insert, markdown

RIGHT, WRONG, INTERRUPTED = 0, 99, 1
_TRIES = 2

Event = Cell | Incident


class Chaos:
    """Carries cells out in lanes, and tells of each as it ends.

    Args:
        folder: gets a folder a cell; those that were right are deleted again.
    """

    def __init__(self, waiting: Sequence[Event], lanes: int, folder: Path) -> None:
        self.results: dict[str, Result] = {}
        self._order = [event.name for event in waiting]
        self._waiting: queue.SimpleQueue[Event] = queue.SimpleQueue()
        for event in waiting:
            self._waiting.put(event)
        self._lanes = lanes
        self._folder = folder
        self._telling = threading.Lock()
        self._stopping = threading.Event()
        self._again: list[tuple[str, Event]] = []
        self._begun_s = time.monotonic()

    def carry_out(self) -> list[Result]:
        """Return what came of every cell, in their order."""
        threads = [
            threading.Thread(target=self._lane, args=(number,), daemon=True)
            for number in range(1, self._lanes + 1)
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            self._stopping.set()
            print("Interrupted: the cells under way are carried out to their end.", flush=True)
            for thread in threads:
                thread.join()
            raise
        self._alone()
        last = sorted(set(self.results) - set(self._order))
        return [self.results[name] for name in [*self._order, *last] if name in self.results]

    def _lane(self, number: int) -> None:
        with self._place(f"lane-{number}") as lane:
            while not self._stopping.is_set():
                try:
                    event = self._waiting.get_nowait()
                except queue.Empty:
                    break
                self._end(event.name, event, lane)
            if not self._stopping.is_set():
                last = healthy()
                self._end(f"{last.name} (lane {number})", last, lane)

    def _alone(self) -> None:
        """Carry out once more, with no other lane beside it, what a busy machine may have done."""
        with self._place("alone") as lane:
            for name, event in self._again:
                if not self._stopping.is_set():
                    print(f"Once more, alone: {name}", flush=True)
                    self._end(name, event, lane, alone=True)

    @contextmanager
    def _place(self, name: str) -> Iterator[Lane]:
        temporary = Path(tempfile.mkdtemp(prefix="chaos-"))
        temporary.chmod(0o755)  # PostgreSQL, which is another user's where we are root, goes in
        try:
            (temporary / "tmp").mkdir()
            yield Lane(temporary / "tmp", self._folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _end(self, name: str, event: Event, lane: Lane, *, alone: bool = False) -> None:
        result = self._carry_out(event, lane)
        result.name = name
        if alone:
            result.tries += self.results[name].tries
        self._tell(result)
        if not alone and result.by_chance:
            self._again.append((name, event))

    def _carry_out(self, event: Event, lane: Lane) -> Result:
        for tried in range(1, _TRIES + 1):
            begun_s = time.monotonic()
            try:
                result = perform(event, lane) if isinstance(event, Cell) else befall(event, lane)
            except Exception as error:  # noqa: BLE001 - one broken cell does not cost the others
                result = broken(event.name, error)
            result.took_s = time.monotonic() - begun_s
            result.tries = tried
            unlucky = result.missed and result.word != "skipped" and not result.wrongs
            if not (result.by_chance or unlucky):
                break
        self._keep(result, lane)
        return result

    def _keep(self, result: Result, lane: Lane) -> None:
        """Keep the folder of what was not right, and none of the others."""
        out = lane.out(result.name)
        if result.status != "right":
            result.folder = out
            return
        for path in out.parent.glob(f"{out.name}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _tell(self, result: Result) -> None:
        with self._telling:
            self.results[result.name] = result
            done = len(self.results)
            minutes = (time.monotonic() - self._begun_s) / 60
            after = "" if result.after_s is None else f" after {result.after_s:.0f} s"
            print(
                f"{done:4}/{len(self._order) + self._lanes} {minutes:5.1f} min "
                f"{result.status:10} {result.name}: {result.word}{after}",
                flush=True,
            )
            for wrong in result.wrongs:
                print(f"         {wrong.sentence}", flush=True)
            if result.missed:
                print(f"         not struck: {result.missed}", flush=True)
            if result.folder is not None:
                print(f"         see {result.folder}", flush=True)


def broken(name: str, error: Exception) -> Result:
    """Return the result of a cell that this program itself broke."""
    return Result(name, [Wrong(f"{type(error).__name__}: {error}")])


def chosen(options: argparse.Namespace) -> list[Event]:
    """Return the cells that were asked for."""
    events: list[Event] = [*cells(), *incidents()]
    if options.only:
        events = [event for event in events if any(word in event.name for word in options.only)]
    if options.share < 1:
        events = drawn(events, options.share, options.draw)
    return events


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out what is asked for; return the exit code."""
    options = _parser().parse_args(arguments)
    events = chosen(options)
    if options.list:
        print("\n".join(event.name for event in events))
        return RIGHT
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = options.out.resolve() / f"{stamp}-chaos"
    folder.mkdir(parents=True)
    lanes = min(options.lanes, len(events))
    drawn_by = f", drawn by {options.draw}" if options.share < 1 else ""
    print(f"{len(events)} cells{drawn_by} in {lanes} lanes; what is not right stays in {folder}")
    begun_s = time.monotonic()
    try:
        with interruptible():
            results = Chaos(events, lanes, folder).carry_out()
    except KeyboardInterrupt:
        return INTERRUPTED
    wrong = [result for result in results if result.status == "WRONG"]
    missed = [result for result in results if result.status in ("not struck", "skipped")]
    table = markdown(results, f"{datetime.now(UTC):%Y-%m-%d}")
    (folder / "table.md").write_text(table, "utf-8")
    (folder / "results.json").write_text(
        json.dumps([_document(result) for result in results], indent=2, ensure_ascii=False)
    )
    if options.table is not None:
        insert(options.table, table)
    slowest = max((result.after_s or 0.0 for result in results), default=0.0)
    print(
        f"{len(results) - len(wrong) - len(missed)} right, {len(wrong)} wrong, {len(missed)} not "
        f"struck; the longest went on for {slowest:.0f} s after the blow; "
        f"{(time.monotonic() - begun_s) / 60:.1f} min in all."
    )
    return WRONG if wrong else RIGHT


def _document(result: Result) -> dict[str, object]:
    return {
        "name": result.name,
        "status": result.status,
        "verdict": result.word,
        "after_s": result.after_s,
        "took_s": round(result.took_s, 1),
        "tries": result.tries,
        "said": result.said,
        "missed": result.missed,
        "folder": str(result.folder or ""),
        "wrongs": [wrong.sentence for wrong in result.wrongs],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--lanes", type=int, default=2, help="so many at a time (%(default)s)")
    parser.add_argument("--share", type=float, default=1.0, help="a part of the table, drawn")
    parser.add_argument(
        "--draw",
        default=f"{datetime.now(UTC):%Y-%m-%d}",
        help="what the part is drawn by: the same again for the same (today's date)",
    )
    parser.add_argument("--only", action="append", help="only cells whose name has this in it")
    parser.add_argument("--list", action="store_true", help="say which, and do nothing")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="for what was not right")
    parser.add_argument("--table", type=Path, help="a page to put the table into")
    return parser


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[2])
    sys.exit(main())
