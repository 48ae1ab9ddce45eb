"""Remarks: lines of which there are thousands a second are lines like others once written."""

import json
import logging
from typing import Any

import pytest

from dress_rehearsal.target_app.telemetry import logs


def granted(logger: logging.Logger) -> logs.Remark:
    """A remark about a number."""
    return logs.Remark(logger, "ticket granted", lambda number: {"number": number})


class TestRemarks:
    """Lines of which there are thousands a second."""

    @pytest.fixture
    def logger(self) -> Any:
        logger = logging.getLogger("dress_rehearsal.target_app.remarks")
        yield logger
        logger.setLevel(logging.NOTSET)

    def read(self, path: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()]

    def test_they_are_lines_like_others_once_flushed_and_in_order(
        self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, logger: Any
    ) -> None:
        with (tmp_path / "log").open("wb") as file:
            handler = logs.LineHandler(file.fileno(), "app")
            monkeypatch.setattr(logs.Remark, "lines", handler)
            logger.setLevel(logging.INFO)
            granted(logger).make(1)
            assert self.read(tmp_path / "log") == []
            handler.emit(logging.makeLogRecord({"msg": "next", "levelno": logging.WARNING}))
            remark, following = self.read(tmp_path / "log")
            logger.setLevel(logging.WARNING)
            granted(logger).make(2)
            handler.close()
        told = (remark["message"], remark["number"], remark["level"])
        assert told == ("ticket granted", 1, "info")
        assert following["message"] == "next"
        assert set(remark) - {"number"} == set(following)
        assert remark["time_ns"] <= following["time_ns"] + 1_000_000
        assert len(self.read(tmp_path / "log")) == 2

    def test_a_flood_of_them_is_written_before_it_fills_the_memory(
        self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, logger: Any
    ) -> None:
        with (tmp_path / "log").open("wb") as file:
            handler = logs.LineHandler(file.fileno(), "app")
            monkeypatch.setattr(logs.Remark, "lines", handler)
            logger.setLevel(logging.INFO)
            for number in range(1500):
                granted(logger).make(number)
            assert len(self.read(tmp_path / "log")) == 1000
            handler.close()
        assert [line["number"] for line in self.read(tmp_path / "log")] == list(range(1500))

    def test_without_json_lines_they_are_ordinary_ones(
        self, caplog: pytest.LogCaptureFixture, logger: Any
    ) -> None:
        with caplog.at_level(logging.INFO, "dress_rehearsal.target_app.remarks"):
            granted(logger).make(1)
        assert caplog.records[0].number == 1


def test_what_logging_does_without_inside_it_has_again_afterwards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (logging.logThreads, logging.logProcesses)
    with logs.json_logs("app", "info"):
        assert not logging.logThreads
        assert logs.Remark.lines is not None
    assert (logging.logThreads, logging.logProcesses) == before
    assert logs.Remark.lines is None
