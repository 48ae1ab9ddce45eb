"""What a hostile target made the record hold is judged like anything else: never an error."""

import random

import pyarrow as pa
import pytest

from dress_rehearsal.records import tables
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.scenarios.answers.body import LATEST_NS

pytestmark = pytest.mark.slow

SMALL = {"students": 120, "tickets": 40}
COUNTS = (-(2**31), -1, 0, 1, 2**31 - 1)
MOMENTS = (0, 1, LATEST_NS)
WORDS = ("", "\x1b]0;owned\x07", "<script>x</script>", "a\u2028b", "ü" * 64, "issued", "open")
DURATIONS = (0, 1, 2**31 - 1)
SAID = {
    "told_now_ns": MOMENTS,
    "told_opens_ns": MOMENTS,
    "told_state": WORDS,
    "told_remaining": COUNTS,
    "told_tickets": COUNTS,
    "told_position": COUNTS,
    "told_ahead": COUNTS,
    "told_admitted": (True, False),
    "told_number": COUNTS,
    "told_ticket": ("x" * 512, "ticket-1", *WORDS),
    "told_code": (-(2**63), 0, 2**63 - 1),
    "error": ("no_ticket", "body_too_large", "http_999", "defect", *WORDS),
    "status": (200, 999, 0),
    "bytes": (0, 2**31 - 1),
    "pool": WORDS,
    "worker": WORDS,
    **{f"{part}_us": DURATIONS for part in ("queue", "pool", "db", "redis", "external", "app")},
}
"""What the recorder lets through, by column."""


@pytest.fixture
def hostile_run(build_run):
    """A sound run, in which a share of what the target said is replaced."""

    def make(seed, share):
        run, luck = build_run(**SMALL), random.Random(seed)
        table = run.request_table()
        for part in run.requests.iterdir():
            part.unlink()
        for name, odd in SAID.items():
            field, at = tables.REQUESTS.field(name), tables.REQUESTS.get_field_index(name)
            values = [
                luck.choice(odd) if luck.random() < share else value
                for value in table[name].to_pylist()
            ]
            plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
            table = table.set_column(at, field, pa.array(values, plain).cast(field.type))
        run.write_table("requests/g-000000.parquet", table)
        return run

    return make


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_a_target_said_there_is_a_verdict(hostile_run, seed, share):
    verdict = judge(read_evidence(hostile_run(seed, share)))
    assert verdict.exit_code in (0, 3, 99)
    assert verdict.census.students == SMALL["students"]


def test_its_report_is_written_too(hostile_run):
    run = hostile_run(3, 0.3)
    last_ns = run.timeline()[-1].t_ns
    run.stamp("phase", tables.NOT_KEPT, t_ns=last_ns, values={"code": 37, "Server-Timing": 1})
    verdict = write_report(run)
    assert verdict.exit_code in (3, 99)
    (note,) = [note for note in verdict.notes if "could not be kept" in note]
    assert "37 times `code`, 1 time `Server-Timing`" in note
    assert (run.path / "report.html").is_file()


def test_a_sound_run_says_nothing_of_what_was_not_kept(healthy_verdict):
    assert not [note for note in healthy_verdict.notes if "could not be kept" in note]
