"""Prometheus itself reads every expression, and finds data for it wherever a rehearsal has gone.

The series are made up (`tests.dashboards.exported`), Prometheus' parser and engine are real.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.queries import Target, fill, targets
from tests.dashboards.exported import EXPORTED, RULES, RUN, Metric

ASKED = [target for dashboard in dashboards().values() for target in targets(dashboard)]
MARKS = {
    mark["expr"]
    for dashboard in dashboards().values()
    for mark in dashboard["annotations"]["list"]
    if "expr" in mark
}


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("REHEARSE_REQUIRE_OBSERVABILITY") == "1":
            pytest.fail("promtool is not on the PATH; install Prometheus.")
        pytest.skip("promtool is not on the PATH")
    return found


def _fill(expr: str) -> str:
    return fill(expr, run=RUN, interval_s=1, range_s=120)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def _rules(expressions: Sequence[str]) -> dict[str, Any]:
    rules = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    return {"groups": [{"name": "asked", "rules": rules}]}


def test_prometheus_can_read_every_expression(promtool: str, tmp_path: Path) -> None:
    expressions = [_fill(expr) for expr in (*(target.expr for target in ASKED), *sorted(MARKS))]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps(_rules(expressions)), encoding="utf-8")
    checked = _run(promtool, "check", "rules", file)
    assert checked.returncode == 0, checked.stderr
    assert f"{len(expressions)} rules found" in checked.stdout


def test_prometheus_says_so_where_it_cannot(promtool: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps(_rules(["sum(rate(up))"])), encoding="utf-8")
    assert _run(promtool, "check", "rules", file).returncode != 0


def _ask(
    promtool: str,
    folder: Path,
    metrics: Sequence[Metric],
    asked: Sequence[Target],
    *,
    at: str = "50s",
    end: str = "",
) -> subprocess.CompletedProcess[str]:
    """Ask all of it at one moment; promtool complains of what gives no number."""
    tests = [
        {
            "interval": "1s",
            "input_series": [
                {"series": series, "values": values}
                for metric in metrics
                for series, values in metric.series(end)
            ],
            "promql_expr_test": [
                {
                    "expr": f"count(({_fill(target.expr)}) > -Inf) >= bool 1",
                    "eval_time": at,
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
                for target in asked
            ],
        }
    ]
    file = folder / "tests.yml"
    document = {"rule_files": [str(RULES)], "evaluation_interval": "1s", "tests": tests}
    file.write_text(json.dumps(document), encoding="utf-8")
    return _run(promtool, "test", "rules", file)


def test_every_expression_has_data_where_everything_happened(promtool: str, tmp_path: Path) -> None:
    tested = _ask(promtool, tmp_path, EXPORTED, ASKED)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_expression_has_data_where_nothing_but_the_usual_happened(
    promtool: str, tmp_path: Path
) -> None:
    """No waiting room, no write-back, no refusal, no error, no fault, and not judged yet."""
    usual = [metric for metric in EXPORTED if metric.always]
    tested = _ask(promtool, tmp_path, usual, ASKED)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_numbers_and_tables_stay_when_the_rehearsal_is_over_and_its_targets_are_gone(
    promtool: str, tmp_path: Path
) -> None:
    at_once = [target for target in ASKED if target.instant]
    over = {"at": "90s", "end": " stale"}
    tested = _ask(promtool, tmp_path, EXPORTED, at_once, **over)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    (line, *_) = [target for target in ASKED if not target.instant]
    assert _ask(promtool, tmp_path, EXPORTED, [line], **over).returncode != 0


def test_an_expression_without_data_is_caught(promtool: str, tmp_path: Path) -> None:
    lacking = [metric for metric in EXPORTED if metric.name != "collector_tick_seconds"]
    tested = _ask(promtool, tmp_path, lacking, ASKED)
    assert tested.returncode != 0
    assert tested.stderr.count("expr:") == 1
    assert "collector_tick_seconds" in tested.stderr


def test_a_moment_is_marked_at_its_time_in_words(promtool: str, tmp_path: Path) -> None:
    (phases,) = [expr for expr in MARKS if 'kind=~"phase|t0"' in expr]
    labels = f'run="{RUN}",job="harness",instance="127.0.0.1:9103",kind="t0",name="open"'
    series = f'rehearsal_timeline_timestamp_seconds{{{labels},text="sales open"}}'
    expected = series.split("{")[1].replace("}", ',what="open sales open"}')
    test = {
        "interval": "1s",
        "input_series": [{"series": series, "values": "1764000000.125+0x60"}],
        "promql_expr_test": [
            {
                "expr": _fill(phases),
                "eval_time": "50s",
                "exp_samples": [{"labels": f"{{{expected}", "value": 1764000000125}],
            }
        ],
    }
    file = tmp_path / "moment.yml"
    file.write_text(json.dumps({"evaluation_interval": "1s", "tests": [test]}), encoding="utf-8")
    tested = _run(promtool, "test", "rules", file)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_gates_are_marked_when_they_are_judged_and_not_again(promtool: str, tmp_path: Path) -> None:
    (kept,) = [expr for expr in MARKS if 'status="pass"' in expr]
    gate = 'metric="census.failed",limit="== 0",status="pass"'
    series = f'rehearsal_gate{{run="{RUN}",{gate}}}'
    moments = [("29s", []), ("30s", [{"labels": f"{{{gate}}}", "value": 1}]), ("31s", [])]
    test = {
        "interval": "1s",
        "input_series": [{"series": series, "values": "_x30 0+0x30"}],
        "promql_expr_test": [
            {"expr": _fill(kept), "eval_time": at, "exp_samples": found} for at, found in moments
        ],
    }
    file = tmp_path / "gates.yml"
    file.write_text(json.dumps({"evaluation_interval": "1s", "tests": [test]}), encoding="utf-8")
    tested = _run(promtool, "test", "rules", file)
    assert tested.returncode == 0, tested.stdout + tested.stderr
