"""Structured logs: one JSON object a line on stdout, with the trace id of the request behind it."""

import io
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from target_app.exchange import CURRENT
from target_app.rounds import Rounds

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_BUFFER_BYTES = 64 * 1024
FLUSH_S = 0.2


class JsonFormatter(logging.Formatter):
    """A log record as one JSON object; what was given as `extra` becomes fields of it."""

    def __init__(self, component: str = "app") -> None:
        super().__init__()
        self._component = component
        self._encode = msgspec.json.Encoder(enc_hook=str).encode

    def format(self, record: logging.LogRecord) -> str:
        return self.line(record).decode()

    def line(self, record: logging.LogRecord) -> bytes:
        """The record as the bytes of one line, without its end."""
        fields: dict[str, Any] = {
            "time_ns": int(record.created * 1e6) * 1000,
            "level": record.levelname.lower(),
            "component": self._component,
            "pid": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        exchange = CURRENT.get()
        if exchange is not None and exchange.trace_id is not None:
            fields["trace_id"] = exchange.trace_id
            fields["span_id"] = exchange.span_id
        fields |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return self._encode(fields)


class LineHandler(logging.Handler):
    """Writes lines to a file descriptor through a buffer; warnings and errors leave at once.

    Whoever installs it calls `flush()` a few times a second, so a line is late by less than that.
    """

    def __init__(self, descriptor: int, component: str) -> None:
        super().__init__()
        self._lines = JsonFormatter(component)
        self._buffer = io.BufferedWriter(
            io.FileIO(descriptor, "wb", closefd=False), buffer_size=_BUFFER_BYTES
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._buffer.write(self._lines.line(record) + b"\n")
            if record.levelno >= logging.WARNING:
                self._buffer.flush()
        except (OSError, ValueError, TypeError, msgspec.MsgspecError):
            self.handleError(record)

    def flush(self) -> None:
        self.acquire()
        try:
            if not self._buffer.closed:
                self._buffer.flush()
        finally:
            self.release()

    def close(self) -> None:
        self.flush()
        self._buffer.close()
        super().close()


class Throttled:
    """Lets one line a second through and says how many it kept back, for floods of one cause."""

    def __init__(self, logger: logging.Logger, level: int, period_s: float = 1.0) -> None:
        self._logger = logger
        self._level = level
        self._period_s = period_s
        self._next_s = 0.0
        self._kept_back = 0

    def log(self, message: str, fields: Mapping[str, object]) -> None:
        now_s = time.monotonic()
        if now_s < self._next_s:
            self._kept_back += 1
            return
        self._logger.log(self._level, message, extra={**fields, "kept_back": self._kept_back})
        self._next_s = now_s + self._period_s
        self._kept_back = 0


@contextmanager
def json_logs(component: str, level: str) -> Iterator[LineHandler]:
    """While inside, the logs of this process go to stdout as JSON lines; yields what to flush."""
    handler = LineHandler(sys.__stdout__.fileno() if sys.__stdout__ else 1, component)
    root = logging.getLogger()
    loggers = [logging.getLogger(name) for name in ("target_app", "_granian")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in (root, *loggers)]
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for logger in loggers:
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(level.upper())
    try:
        yield handler
    finally:
        for logger, old_level, old_handlers in before:
            logger.setLevel(old_level)
            logger.handlers = old_handlers
        handler.close()


def flushing(handler: LineHandler) -> Rounds:
    """Rounds that let the lines out every `FLUSH_S`."""

    async def flush() -> None:
        handler.flush()

    return Rounds("log-flush", FLUSH_S, flush)


def granian_log_config(component: str) -> dict[str, Any]:
    """A `logging.config` dictionary with which granian's own lines are JSON as well."""
    return {
        "formatters": {
            "json": {"()": "target_app.logs.JsonFormatter", "component": component},
        },
        "handlers": {
            "console": {
                "formatter": "json",
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
            },
        },
        "loggers": {"_granian": {"handlers": ["console"], "level": "INFO", "propagate": False}},
        "root": {"handlers": ["console"], "level": "WARNING"},
    }
