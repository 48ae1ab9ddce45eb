"""Whatever becomes of a run directory: it is judged, or a sentence says why it cannot be.

Damage is done to copies of a small sound run; the figures, which take most of a
report's time, are drawn in `tests/reports/test_damaged_runs.py`.
"""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.reports.errors import ReportError
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.junit import write_junit
from dress_rehearsal.reports.summary import write_summary
from dress_rehearsal.reports.verdict import judge
from tests.properties.budget import try_out
from tests.reports import synthetic_run

pytestmark = pytest.mark.slow

NUMBERS = st.sampled_from(
    [0, 1, -1, 127, -128, 2**15, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**64, 10**30, 10**18]
)
WORDS = st.sampled_from(["", "x", "{", "[]", '{"a":[1]}', "POST /login", "\u2028", "\x1b]0;x\x07"])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
KEYS = {
    "timeline.jsonl": ["t_ns", "kind", "name", "detail", "own"],
    "environment.json": [
        *("cores", "overrides", "ip_local_port_range", "fingerprint", "calculation_ms", "own")
    ],
}
DETAILS = ["what", "error", "tickets", "settle_ms", "on", "grade", "planned", "reason", "own"]


class Damager:
    """Does to a run directory what a test draws."""

    def __init__(self, path: Path, draw: Any) -> None:
        self.path, self.draw = path, draw

    def damage(self) -> None:
        """Do one of the kinds of damage."""
        kind = self.draw(
            st.sampled_from(["bytes", "zeros", "cut", "gone", "swapped", "line", "fact", "values"])
        )
        match kind:
            case "line":
                self.line(self.path / "timeline.jsonl")
            case "fact":
                self.fact(self.path / "environment.json")
            case "values":
                self.values(self.drawn_file("*.parquet"))
            case "swapped":
                shutil.copy(self.drawn_file("*"), self.drawn_file("*"))
            case _:
                self.content(self.drawn_file("*"), kind)

    def drawn_file(self, pattern: str) -> Path:
        """Return one of the run's files, or the name of one that is gone."""
        files = sorted(path for path in self.path.rglob(pattern) if path.is_file())
        return self.draw(st.sampled_from(files)) if files else self.path / "plan.toml"

    def content(self, path: Path, kind: str) -> None:
        """Change a file's bytes, or delete it."""
        content = bytearray(path.read_bytes())
        place = self.draw(st.integers(0, max(len(content) - 1, 0)))
        if kind == "gone":
            path.unlink()
            return
        if kind == "cut":
            del content[place:]
        elif kind == "zeros":
            content[place : place + 200] = bytes(len(content[place : place + 200]))
        else:
            for at in self.draw(st.lists(st.integers(0, max(len(content) - 1, 0)), max_size=9)):
                content[at : at + 1] = self.draw(st.binary(min_size=1, max_size=1))
        path.write_bytes(content)

    def line(self, path: Path) -> None:
        """Replace a line of the timeline, or a value in it."""
        lines = path.read_bytes().split(b"\n")
        at = self.draw(st.integers(0, len(lines) - 1))
        drawn = self.draw(JSON)
        try:
            event = json.loads(lines[at])
            key = self.draw(st.sampled_from([*KEYS[path.name], "in detail"]))
            if key == "in detail":
                event["detail"][self.draw(st.sampled_from(DETAILS))] = drawn
            else:
                event[key] = drawn
            lines[at] = json.dumps(event).encode()
        except (ValueError, TypeError, KeyError):
            lines[at] = json.dumps(drawn).encode()
        path.write_bytes(b"\n".join(lines))

    def fact(self, path: Path) -> None:
        """Change one of the machine's facts."""
        facts = json.loads(path.read_bytes())
        facts[self.draw(st.sampled_from(KEYS[path.name]))] = self.draw(JSON)
        path.write_text(json.dumps(facts))

    def values(self, path: Path) -> None:
        """Drop a column, change its type, or put other values into it."""
        table = pq.read_table(path, partitioning=None)
        name = self.draw(st.sampled_from(table.column_names))
        place, kind = table.column_names.index(name), table.schema.field(name).type
        how = self.draw(st.sampled_from(["drop", "null", "text", "count", "values", "values"]))
        if how == "drop":
            pq.write_table(table.drop_columns([name]), path)
            return
        values = table[name].to_pylist()
        if how == "values":
            drawn = st.one_of(st.none(), NUMBERS, WORDS, st.floats(width=32), st.booleans())
            for at in self.draw(st.lists(st.integers(0, max(len(values) - 1, 0)), max_size=9)):
                values[at : at + 1] = [self.draw(drawn)]
        column: Any = {
            "null": lambda: pa.nulls(len(values), kind),
            "text": lambda: pa.array(["a"] * len(values)),
            "count": lambda: pa.array(range(len(values))),
            "values": lambda: pa.array(values, kind),
        }[how]()
        pq.write_table(table.set_column(place, name, column), path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return synthetic_run.build_run(tmp_path_factory.mktemp("sound"), students=60, tickets=20)


def test_a_damaged_run_is_judged_or_a_sentence_says_why_not(
    sound: RunDirectory, tmp_path: Path
) -> None:
    @given(st.data())
    def property_(data: st.DataObject) -> None:
        path = tmp_path / sound.id
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(sound.path, path)
        damager = Damager(path, data.draw)
        for _ in range(data.draw(st.sampled_from([1, 1, 1, 2, 4]))):
            # There may be nothing left of it to damage, or no such value can be there.
            with contextlib.suppress(
                OSError, ValueError, TypeError, OverflowError, pa.ArrowException
            ):
                damager.damage()
        try:
            evidence = read_evidence(RunDirectory.open(path))
            verdict = judge(evidence)
        except (RecordError, ReportError) as error:
            assert str(error).strip()
            return
        assert verdict.exit_code in (0, 99, 3)
        assert write_summary(verdict)
        assert write_junit(verdict)
        assert verdict.text()
        if evidence.damage:
            assert verdict.verdict != "pass"
            assert {each.sentence for each in evidence.damage} <= set(verdict.reasons)

    try_out(property_, examples=25)
