"""The scrape: finds the targets that announced themselves, and reads their Prometheus text."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from dress_rehearsal.records.http import MIB, Connection, NoAnswerError
from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError, labels_json

_TIMEOUT_S = 1.0
_LIMIT_BYTES = 8 * MIB
_UNWANTED_PREFIX = "python_"
_UNWANTED_SUFFIX = "_created"


@dataclass(frozen=True, slots=True)
class Target:
    """A process's `/metrics`; `source` is its component and pid, such as `app:4102`."""

    source: str
    host: str
    port: int


class TargetsFolder:
    """The folder where the processes of the stage announce themselves with `file_sd` files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: list[tuple[str, int]] = []
        self._targets: dict[str, Target] = {}

    def targets(self) -> dict[str, Target]:
        """Return the targets by source; files are read again only when one has changed.

        Raises:
            SourceUnreadableError: the folder, or a file in it, cannot be read, or a file is not
                `file_sd` JSON.
        """
        try:
            with os.scandir(self._path) as entries:
                seen = sorted(
                    (entry.name, entry.stat().st_mtime_ns)
                    for entry in entries
                    if entry.name.endswith(".json") and not entry.name.startswith(".")
                )
            if seen != self._seen:
                files = [self._path / name for name, _ in seen]
                self._targets = {t.source: t for file in files for t in _targets(file)}
                self._seen = seen
        except OSError as error:
            raise SourceUnreadableError(
                f"The targets in {self._path} cannot be read: {error}."
            ) from error
        return self._targets


def _targets(file: Path) -> Iterator[Target]:
    try:
        for group in json.loads(file.read_text(encoding="utf-8")):
            labels = group["labels"]
            for address in group["targets"]:
                host, _, port = address.rpartition(":")
                yield Target(f"{labels['job']}:{labels['pid']}", host, int(port))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceUnreadableError(
            f"{file} is not Prometheus file_sd JSON with job and pid labels: {error!r}."
        ) from error


class Exposition:
    """Parses one process's exposition text, without comments, `*_created` and `python_*`.

    From one scrape to the next most lines are the same and the others differ in their value only,
    so a line is compared with the one that stood in its place before it is looked at any closer.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._known: dict[str, Series | None] = {}  # the text before the value; None: unwanted
        self._lines: list[str] = []
        self._keys: list[str] = []  # of each line
        self._slots: list[int] = []  # of each line: where its value stands, -1: nowhere
        self._series: list[Series] = []
        self._values: list[float] = []

    def read(self, t_ns: int, text: str) -> Reading:
        """Return a sample for each line.

        Raises:
            ValueError: a line is not in the Prometheus text format.
        """
        lines = text.split("\n")
        if not self._update(lines):
            self._lay_out(lines)
        self._lines = lines
        return Reading(t_ns, self._series, self._values.copy())

    def _update(self, lines: list[str]) -> bool:
        """Take over the values of the lines that changed; False: other lines than before."""
        if len(lines) != len(self._lines):
            return False
        pairs = zip(lines, self._lines, strict=True)
        for place in [place for place, (line, before) in enumerate(pairs) if line != before]:
            key, _, value = lines[place].rpartition(" ")
            if key != self._keys[place]:
                return False
            if self._slots[place] >= 0:
                self._values[self._slots[place]] = float(value)
        return True

    def _lay_out(self, lines: list[str]) -> None:
        """Find out anew which line is of which series."""
        self._lines, self._keys, self._slots = [], [], []
        self._series, self._values = [], []
        for line in lines:
            key, _, value = line.rpartition(" ")
            series = None if not line or line[0] == "#" else self._series_of(key, line)
            self._keys.append(key)
            self._slots.append(-1 if series is None else len(self._values))
            if series is not None:
                self._series.append(series)
                self._values.append(float(value))

    def _series_of(self, key: str, line: str) -> Series | None:
        if key not in self._known:
            self._known[key] = self._parse(line)
        return self._known[key]

    def _parse(self, line: str) -> Series | None:
        family = next(iter(text_string_to_metric_families(line + "\n")))
        sample = family.samples[0]
        if sample.timestamp is not None:
            raise ValueError(f"a sample with a time of its own is not supported: {line}")
        if sample.name.startswith(_UNWANTED_PREFIX) or sample.name.endswith(_UNWANTED_SUFFIX):
            return None
        return Series(self._source, sample.name, labels_json(**sample.labels))


class Scrape:
    """One target's `/metrics`, over a connection that is kept."""

    def __init__(self, target: Target) -> None:
        self.name = target.source
        self._where = f"http://{target.host}:{target.port}"
        self._connection = Connection(self._where)
        self._exposition = Exposition(target.source)

    def read(self) -> Reading:
        """Return what it shows now.

        Raises:
            SourceUnreadableError: no answer within a second, not 200, or not Prometheus text.
        """
        try:
            text = self._get()
            return self._exposition.read(time.time_ns(), text)
        except (NoAnswerError, ValueError) as error:
            self._connection.close()
            raise SourceUnreadableError(
                f"{self.name} gave no metrics at {self._where}/metrics: {error}."
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _get(self) -> str:
        answer = self._connection.ask(
            "GET", "/metrics", deadline_s=_TIMEOUT_S, limit_bytes=_LIMIT_BYTES
        )
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        return answer.body.decode()
