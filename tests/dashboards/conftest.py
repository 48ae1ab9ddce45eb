"""A run to annotate dashboards with."""

import pytest

from dress_rehearsal.plans.reading import check_plan
from dress_rehearsal.records import RunDirectory
from tests.dashboards.pushing import T0_NS, S


@pytest.fixture
def run(tmp_path):
    """A finished run with a fault, two alerts and a verdict."""
    run = RunDirectory.create(tmp_path, check_plan({"name": "festival"}, "festival.toml"))
    run.stamp("phase", "stage_starting", t_ns=T0_NS - 40 * S)
    run.stamp("phase", "arrivals", t_ns=T0_NS - 30 * S)
    run.stamp("t0", "open", t_ns=T0_NS)
    run.stamp("fault", "leak", t_ns=T0_NS + 2 * S, on=True, grade="20%", what="it leaks")
    run.stamp("alert", "pool", t_ns=T0_NS + 3 * S, message="pool <postgres> & more")
    run.stamp("alert", "pool", t_ns=T0_NS + 3 * S, message="again")
    run.stamp("fault", "leak", t_ns=T0_NS + 9 * S, on=False)
    run.stamp("phase", "performed", t_ns=T0_NS + 30 * S)
    run.stamp("phase", "torn_down", t_ns=T0_NS + 33 * S)
    run.write_json(
        "verdict.json",
        {
            "verdict": "fail",
            "reasons": ["3 students were wronged.", "A gate is broken."],
            "gates": [
                {"metric": "audit.oversold", "limit": "== 0", "value": 3, "status": "fail"},
                {"metric": "census.failed", "limit": "<= 1%", "value": 0, "status": "pass"},
            ],
        },
    )
    return run
