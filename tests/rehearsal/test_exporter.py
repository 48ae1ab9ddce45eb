"""The exporter: the metrics of one rehearsal, as any Prometheus finds them."""

import json
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.samples import Reading, Series
from dress_rehearsal.rehearsal.exporter import Exporter
from tests.dashboards.binaries import binary
from tests.rehearsal.verdicts import verdict_of

NS = 1_000_000_000
STATUS = {
    "kind": "status",
    "generator": "g1",
    "students": {"ticket": 3, "in_flight": 0},
    "outcomes": {"ok": 5, "refused": 2, "failed": 0, "unknown": 1, "abandoned": 3},
    "meter": {
        "edges_s": [0.1, 1.0],
        "felt": {"POST /login": {"role": "login", "counts": [3, 1, 0], "sum_s": 0.9}},
        "late": {"counts": [4, 0, 0], "sum_s": 0.01},
    },
    "seconds": [
        {
            "at_s": 50,
            "arrivals": 1,
            "sent": 7,
            "roles": {"POST /login": "login"},
            "answers": {"ok": 5, "refused": 2},
            "felt_p99_s": {"POST /login": 0.5},
        }
    ],
}


class Collected:
    """What stands for the collectors: one reading."""

    def newest(self) -> list[Reading]:
        return [Reading.of(1, {Series("postgres", "pg_up", "{}"): 1.0})]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "runs", Plan(name="small"))


@pytest.fixture
def exporter(run: RunDirectory) -> Exporter:
    return Exporter(run.plan(), run)


def samples(exporter: Exporter) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for metric in exporter.collect():
        for sample in metric.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_what_is_rehearsed_is_told_from_the_start(exporter: Exporter) -> None:
    told = samples(exporter)
    ((about, one),) = told["rehearsal_info"]
    assert one == 1
    assert about["plan"] == "small"
    assert about["allocation"] == "redis_writeback"
    assert told["rehearsal_event_tickets"] == [({}, 5000)]
    assert "rehearsal_verdict" not in told
    assert "rehearsal_opens_at_timestamp_seconds" not in told


def test_what_the_collectors_read_and_the_generators_say_is_shown(exporter: Exporter) -> None:
    exporter.follow(Collected())  # type: ignore[arg-type]
    exporter.take(STATUS)
    told = samples(exporter)
    assert told["pg_up"] == [({}, 1)]
    step = {"generator": "g1", "step": "POST /login", "role": "login"}
    assert told["generator_felt_seconds_bucket"] == [
        ({**step, "le": "0.1"}, 3),
        ({**step, "le": "1.0"}, 4),
        ({**step, "le": "+Inf"}, 4),
    ]
    assert told["generator_felt_seconds_sum"] == [(step, 0.9)]
    assert told["generator_start_late_seconds_count"] == [({"generator": "g1"}, 4)]
    for word, count in (("unknown", 1), ("abandoned", 3)):
        assert ({"generator": "g1", "outcome": word}, count) in told["generator_outcomes_total"]
    assert told["generator_arrivals_last_second"] == [({"generator": "g1"}, 1)]
    assert told["generator_sent_last_second"] == [({"generator": "g1"}, 7)]
    assert told["generator_answers_last_second"] == [
        ({"generator": "g1", "outcome": "ok"}, 5),
        ({"generator": "g1", "outcome": "refused"}, 2),
    ]
    assert told["generator_felt_p99_last_second_seconds"] == [(step, 0.5)]


def test_the_timeline_is_there_for_annotations(run: RunDirectory, exporter: Exporter) -> None:
    run.stamp("t0", "open", t_ns=50 * NS)
    run.stamp("fault", "leak", t_ns=51 * NS, on=True, grade="20%", what="connections are kept")
    run.stamp("fault", "leak", t_ns=55 * NS, on=False)
    run.stamp("ledger", "postgres", t_ns=60 * NS, tickets=3)
    told = samples(exporter)
    assert told["rehearsal_opens_at_timestamp_seconds"] == [({}, 50)]
    events = [
        (labels["kind"], labels["name"], labels["state"], at_s)
        for labels, at_s in told["rehearsal_timeline_timestamp_seconds"]
    ]
    assert events == [
        ("t0", "open", "", 50),
        ("fault", "leak", "on", 51),
        ("fault", "leak", "off", 55),
    ]
    on = told["rehearsal_timeline_timestamp_seconds"][1][0]
    assert on["text"] == "on, 20%: connections are kept"


def test_the_verdict_is_shown_once_there_is_one(run: RunDirectory, exporter: Exporter) -> None:
    exporter.conclude(verdict_of(run.id))
    told = samples(exporter)
    assert told["rehearsal_verdict"] == [({"verdict": "fail"}, 1)]
    assert told["rehearsal_gate"] == [
        ({"metric": "audit.oversold", "limit": "== 0", "status": "fail", "bound": "none"}, 3)
    ]
    assert told["rehearsal_audit"] == [({"counter": "oversold"}, 3)]
    assert told["rehearsal_settle_seconds"] == [({}, 0.25)]
    line = "Cause: none; nobody bought."
    assert told["rehearsal_cause"] == [({"cause": line, "resource": "none"}, 1)]


def test_a_gates_number_that_is_a_lower_bound_says_so(
    run: RunDirectory, exporter: Exporter
) -> None:
    verdict = verdict_of(run.id)
    gates = (verdict.gates[0].model_copy(update={"given_up": 0.25}), *verdict.gates)
    exporter.conclude(verdict.model_copy(update={"gates": gates}))
    bounds = [labels["bound"] for labels, _ in samples(exporter)["rehearsal_gate"]]
    assert bounds == ["at_least", "none"]


def test_the_cause_is_the_reports_own_line_whole_and_once(
    run: RunDirectory, exporter: Exporter
) -> None:
    line = f"Cause: the PostgreSQL pool in both workers, from T-0 on ({'18 waiting, ' * 40}); 1%."
    first = {"resource": "postgres", "since_s": 0.0, "step": "POST /x", "evidence": "18 waiting."}
    first |= dict.fromkeys(("until_s", "share", "certainty", "lost_ms", "worker"))
    assert "rehearsal_cause" not in samples(exporter)
    exporter.conclude(verdict_of(run.id, cause=line, bottleneck=first))
    assert samples(exporter)["rehearsal_cause"] == [({"cause": line, "resource": "postgres"}, 1)]


def test_of_a_target_that_is_not_ours_nothing_is_told_but_that(tmp_path: Path) -> None:
    target = {"stage": "external", "url": "http://127.0.0.1:8000"}
    plan = Plan.model_validate({"name": "theirs", "target": target})
    run = RunDirectory.create(tmp_path, plan)
    ((about, _),) = samples(Exporter(plan, run))["rehearsal_info"]
    assert about["stage"] == "external"
    assert {about[fact] for fact in ("allocation", "waiting_room", "workers")} == {"unknown"}


def test_a_damaged_timeline_hides_only_itself(run: RunDirectory, exporter: Exporter) -> None:
    opened = run.stamp("t0", "open")
    with (run.path / "timeline.jsonl").open("a") as file:
        file.write('{"t_ns": 5, "ki{"t_ns": 6, "kind": "phase", "name": "late", "detail": {}}\n')
    exporter.follow(Collected())  # type: ignore[arg-type]
    told = samples(exporter)
    assert told["pg_up"] == [({}, 1)]
    (_, first_s), *others = told["rehearsal_timeline_timestamp_seconds"]
    assert (first_s, others) == (pytest.approx(opened.t_ns / 1e9), [])


def test_what_ended_is_shown_no_more(exporter: Exporter) -> None:
    exporter.follow(Collected())  # type: ignore[arg-type]
    exporter.take(STATUS)
    exporter.follow(None)
    told = samples(exporter)
    assert "pg_up" not in told
    # How the students' stories ended is shown to the end, whenever it was scraped before.
    assert ({"generator": "g1", "state": "ticket"}, 3) in told["generator_students"]


def test_where_a_run_is_published_its_own_plan_says(run: RunDirectory, exporter: Exporter) -> None:
    notify = {"reports_url": "https://ci.example.org/runs"}
    plan = Plan.model_validate({"name": "published", "notify": notify})
    other = RunDirectory.create(run.path.parent, plan)
    (other.path / "verdict.json").write_text(verdict_of(other.id).text())
    ((labels, _),) = samples(exporter)["rehearsal_started_timestamp_seconds"]
    assert labels["report"] == f"https://ci.example.org/runs/{other.id}/report.html"


def test_every_verdict_of_the_runs_folder_is_in_the_index(
    run: RunDirectory, exporter: Exporter
) -> None:
    old = run.path.parent / "20260102T030405Z-small-abcdef"
    old.mkdir()
    (old / "verdict.json").write_text(verdict_of(old.name).text())
    broken = run.path.parent / "20260102T030406Z-small-abcdef"
    broken.mkdir()
    (broken / "verdict.json").write_text("{")
    stray = run.path.parent / "not-a-run"
    stray.mkdir()
    (stray / "verdict.json").write_text(json.dumps({"plan": "x", "verdict": "pass"}))
    for _ in range(2):
        ((labels, started_s),) = samples(exporter)["rehearsal_started_timestamp_seconds"]
        assert (labels["rehearsal"], labels["verdict"]) == (old.name, "fail")
        assert labels["report"] == str(old)
        assert started_s == 1767323045


def test_prometheus_own_tool_has_nothing_to_say(run: RunDirectory, exporter: Exporter) -> None:
    run.stamp("t0", "open")
    exporter.follow(Collected())  # type: ignore[arg-type]
    exporter.take(STATUS)
    exporter.conclude(verdict_of(run.id))
    registry = CollectorRegistry()

    class Shown:
        def collect(self) -> list[Metric]:
            return list(exporter.collect())

    registry.register(Shown())
    told = subprocess.run(
        [binary("promtool"), "check", "metrics"],
        input=generate_latest(registry),
        capture_output=True,
        check=False,
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, b"")
