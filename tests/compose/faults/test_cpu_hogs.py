"""Hogs that cannot all be started are none."""

import pytest

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.faults import cpu_hogs as module
from dress_rehearsal.compose.faults.cpu_hogs import CpuHogs
from dress_rehearsal.compose.pids import ProcessId


def test_where_one_hog_cannot_be_started_none_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = module._start, list[ProcessId]()

    def start_one(lasts_s: float) -> ProcessId:
        if started:
            raise StageUnusableError("No CPU hog can be started: too many processes.")
        started.append(start(lasts_s))
        return started[0]

    monkeypatch.setattr(module, "_start", start_one)
    with pytest.raises(StageUnusableError):
        CpuHogs().begin(2, 30.0)
    assert not started[0].alive


def test_hogs_that_were_started_go_on_until_they_are_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, started = module._start, list[ProcessId]()

    def start_one(lasts_s: float) -> ProcessId:
        started.append(start(lasts_s))
        return started[-1]

    monkeypatch.setattr(module, "_start", start_one)
    hogs = CpuHogs()
    hogs.begin(2, 30.0)
    try:
        assert [hog.alive for hog in started] == [True, True]
    finally:
        hogs.end()
    assert not any(hog.alive for hog in started)
