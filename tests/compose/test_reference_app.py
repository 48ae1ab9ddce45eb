"""What the app is told of a plan, wherever it runs."""

from pathlib import Path

from dress_rehearsal.compose.reference_app import ReferenceApp
from dress_rehearsal.plans import Plan

LIMITS = {
    "latency_ms[POST /events/{event}/tickets].p99": "<= 3s",
    "pools[redis].wait_p99_ms": "<= 30ms",
    "census.failed": "<= 1%",
}


def test_limits_of_gates_on_latencies_and_on_waits_for_pools_are_edges_of_its_histograms(
    tmp_path: Path,
) -> None:
    limits = LIMITS | {"pools[postgres].wait_p99_ms": "<= 1234.567ms"}
    gates = [{"metric": metric, "limit": limit} for metric, limit in limits.items()]
    app = ReferenceApp(
        Plan.model_validate({"name": "limits", "gates": gates}),
        dsn="",
        redis_url="",
        roster=tmp_path / "roster.csv",
        targets_dir=tmp_path,
        neighbours_url=None,
        queue_at=None,
        allow_faults=False,
    )
    assert app.settings["APP_SLO_SECONDS"] == "0.03,1.234567,3.0"
