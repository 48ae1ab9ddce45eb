"""A report is written from a run's files alone, the same every time, and builds nothing twice."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports import evidence
from dress_rehearsal.reports.report import write_report
from tests.reports import synthetic_run

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
WRITTEN = ("verdict.json", "summary.md", "junit.xml")
BUILDERS = (
    "Samples",
    "latency_of_requests",
    "read_promises",
    "read_sale",
    "read_stores",
    "read_timeline",
    "reconcile",
)


def test_a_report_is_the_same_every_time(build_run, monkeypatch):
    monkeypatch.setattr(
        "dress_rehearsal.reports.report.write_page", lambda *_: None
    )  # test_page's claim
    run = build_run(**SMALL, oversell=2)
    verdict = write_report(run)
    once = {name: (run.path / name).read_bytes() for name in WRITTEN}
    later_ns = run.timeline()[-1].t_ns + 1
    run.stamp("phase", "judged", t_ns=later_ns)  # what the conductor adds afterwards is nothing
    assert write_report(run) == verdict
    assert {name: (run.path / name).read_bytes() for name in WRITTEN} == once
    assert json.loads(once["verdict.json"]) == verdict.document()


def test_a_killed_run_copied_without_its_figures_folder_is_reported_all_the_same(build_run):
    run = build_run(**SMALL, killed=True)
    run.figures.rmdir()
    assert write_report(run).exit_code == 3
    assert (run.path / "report.html").is_file()
    assert len(list(run.figures.glob("*.svg"))) == 6


def test_a_report_needs_no_library_of_a_store():
    """Whoever looks at a report does not wait until those are there."""
    script = (
        "import sys, dress_rehearsal.rehearsal.terminal.screen, dress_rehearsal.reports.report; "
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = set(ran.stdout.split())
    assert {"pyarrow", "matplotlib"} <= imported
    assert not imported & {"psycopg", "redis", "prometheus_client", "locust"}


@pytest.fixture(scope="module")
def rush_of_one(tmp_path_factory):
    """The exit code of a report on one student, and how often its evidence was built."""
    built = Counter()

    def counting(name):
        build = getattr(evidence, name)

        def counted(*arguments, **named):
            built[name] += 1
            return build(*arguments, **named)

        return counted

    run = synthetic_run.build_run(tmp_path_factory.mktemp("one"), students=1, tickets=1)
    with pytest.MonkeyPatch.context() as patched:
        for name in BUILDERS:
            patched.setattr(evidence, name, counting(name))
        return write_report(run).exit_code, built


def test_nothing_is_built_twice_in_one_report(rush_of_one):
    assert rush_of_one[1] == dict.fromkeys(BUILDERS, 1)


def test_a_file_in_the_figures_place_is_a_sentence(build_run):
    run = build_run(students=10, tickets=3)
    run.figures.rmdir()
    run.figures.write_text("in the way")
    with pytest.raises(RunDirectoryUnusableError, match="stands there already: move it away"):
        write_report(run)


def test_a_rush_of_one_is_drawn_without_a_warning(rush_of_one):
    assert rush_of_one[0] == 0
