"""A machine on which every plan fits."""

from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.records import machine
from dress_rehearsal.rehearsal.preflight import doctor, limits


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine on which everything fits; a test takes away what it is about."""
    described = machine.environment() | {
        "nofile_soft": 1_000_000,
        "nofile_hard": 1_000_000,
        "ip_local_port_range": [1024, 65535],
        "cores_usable": 16,
        "cpu_quota": None,
        "somaxconn": 65_535,
        "kernel_timestamps": True,
    }
    monkeypatch.setattr(doctor, "environment", lambda **_: described)
    monkeypatch.setattr(limits, "may_be_raised", lambda _: True)
    monkeypatch.setattr(limits, "_FOLLOWED", Path("/nonexistent"))
    return described
