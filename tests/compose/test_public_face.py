"""The room's public face, and what it costs to be only its guardian."""

import json
import subprocess
import sys

import pytest

from dress_rehearsal import compose
from dress_rehearsal.records.environment_variables import child_environment


def test_every_public_name_is_there_and_sorted() -> None:
    assert compose.__all__ == sorted(compose.__all__)
    assert all(getattr(compose, name).__name__ == name for name in compose.__all__)
    with pytest.raises(
        AttributeError, match=r"'dress_rehearsal\.compose' has no attribute 'Docker'"
    ):
        _ = compose.Docker


def test_the_guardian_carries_no_drivers_and_no_tables() -> None:
    code = (
        "import dress_rehearsal.compose.guardian, json, sys; print(json.dumps(list(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=child_environment(),
        capture_output=True,
        check=True,
    )
    loaded = set(json.loads(ran.stdout))
    assert not loaded & {"psycopg", "pyarrow", "pydantic", "redis"}
