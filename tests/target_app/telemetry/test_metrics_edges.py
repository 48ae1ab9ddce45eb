"""The histograms have an edge at every latency that the plan limits."""

import ast
import os
import subprocess
import sys

import pytest

from dress_rehearsal.target_app.telemetry.metrics import with_edges_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0.1, 1.0)),
        ("0.3", (0.1, 0.3, 1.0)),
        ("8.0,0.3,1,1.234567,1e-05", (1e-05, 0.1, 0.3, 1.0, 1.234567, 8.0)),
        ("soon,-1,0,inf,nan", (0.1, 1.0)),
    ],
)
def test_the_app_takes_its_edges_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: tuple[float, ...]
) -> None:
    monkeypatch.setenv("APP_SLO_SECONDS", text)
    assert with_edges_of((0.1, 1.0), "APP_SLO_SECONDS", "APP_NOT_SET") == expected


def test_the_pools_histograms_have_an_edge_on_each_limit_too() -> None:
    """A limit within a bucket could not be decided."""
    told = (
        "from dress_rehearsal.target_app.telemetry.metrics import POOL_EDGES_S; print(POOL_EDGES_S)"
    )
    environment = {**os.environ, "APP_SLO_SECONDS": "0.03"}
    done = subprocess.run(
        [sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True
    )
    assert {0.03, 0.025, 8.0} <= {*ast.literal_eval(done.stdout)}
