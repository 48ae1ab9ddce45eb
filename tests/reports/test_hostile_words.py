"""Words of a target, a log or a damaged file reach no terminal, browser or CI as they are."""

import json
import re
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dress_rehearsal.records.tables import REQUESTS
from dress_rehearsal.reports.report import write_report
from tests.reports.synthetic_run import build_run

pytestmark = pytest.mark.slow

EVIL = "\x1b]0;owned\x07\x9b31m\u202e|`<b>&\x00\r\nPASS @all"
ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run directory in which everything that came from outside is evil, and its verdict."""
    run = build_run(tmp_path_factory.mktemp("hostile"), students=200, tickets=60, failed=12)
    for shard in run.requests.glob("*.parquet"):
        table = pq.read_table(shard)
        at = table.schema.get_field_index("error")
        words = [error and f"{error}{EVIL}" for error in table.column(at).to_pylist()]
        evil = table.set_column(at, "error", pa.array(words, pa.string())).cast(REQUESTS)
        pq.write_table(evil, shard)
    t_ns = next(event.t_ns for event in run.timeline() if event.kind == "t0")
    with (run.path / "timeline.jsonl").open("a") as timeline:
        for kind, name, detail in (
            ("alert", f"on fire{EVIL}", {"message": f"help{EVIL}"}),
            ("fault", f"switch{EVIL}", {"on": True, "error": f"no such{EVIL}"}),
            ("process", f"redis{EVIL}", {"pid": 1, "exit": 1, "what": f"redis died: {EVIL}"}),
            ("abort", f"cut{EVIL}", {"reason": f"because{EVIL}"}),
            ("phase", f"new{EVIL}", {f"key{EVIL}": [EVIL, {EVIL: EVIL}]}),
        ):
            line = {"t_ns": t_ns + 10**9, "kind": kind, "name": name, "detail": detail}
            timeline.write(json.dumps(line) + "\n")
    (run.path / "environment.json").write_text(
        json.dumps({"overrides": [f"name={EVIL}"], "cpu": EVIL, EVIL: EVIL})
    )
    return run, write_report(run)


def test_no_file_that_people_read_holds_a_control_character(judged):
    run, _ = judged
    read = ["verdict.json", "summary.md", "junit.xml", "report.html"]
    read += [f"figures/{path.name}" for path in run.figures.glob("*.svg")]
    acting = {name: ACTING.findall((run.path / name).read_text("utf-8")) for name in read}
    assert {name: found for name, found in acting.items() if found} == {}
    assert r"\\x1b]0;owned" in (run.path / "summary.md").read_text("utf-8")
    assert r"\x1b]0;owned" in (run.path / "report.html").read_text("utf-8")


def test_no_sentence_of_the_verdict_holds_one_or_is_two(judged):
    def texts(value):
        if isinstance(value, str):
            yield value
        for part in value if isinstance(value, list) else ():
            yield from texts(part)
        for key, part in value.items() if isinstance(value, dict) else ():
            yield from (key, *texts(part))

    run, verdict = judged
    document = json.loads((run.path / "verdict.json").read_text("utf-8"))
    said = list(texts(document))
    assert any(r"\x1b]0;owned" in text for text in said), "it is quoted, so it would have come out"
    assert [text for text in said if ACTING.search(text) or "\n" in text] == []
    assert verdict.document() == document


def test_xml_and_tables_stay_whole(judged):
    run, _ = judged
    for path in (run.path / "junit.xml", *run.figures.glob("*.svg")):
        ET.parse(path)
    for line in (run.path / "summary.md").read_text("utf-8").splitlines():
        if "owned" in line:
            assert "<b>" not in line
            assert "@all" not in line
            assert not re.search(r"(?<!\\)`", line)
    assert "<b>" not in (run.path / "report.html").read_text("utf-8")
