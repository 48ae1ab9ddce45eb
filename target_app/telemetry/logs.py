"""Structured logs: one JSON object a line on stdout, with the trace id of the request behind it."""

import io
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar

import msgspec

from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.request_context import CURRENT, RequestContext

_STANDARD = len(vars(logging.makeLogRecord({})))  # what a record has before any `extra`
_ADDED = frozenset({"message", "asctime"})  # by other handlers
_BUFFER_BYTES = 64 * 1024
_TAKEN = 1000  # remarks kept at most until they are written
_Taken = tuple[
    int, "Remark", RequestContext | None, tuple[Any, ...]
]  # time, which, whose, about what
# What a record would otherwise be told of its thread, process and source line, and no line shows
# (docs.python.org/3/howto/logging.html#optimization): a third of the cost of a line.
_COSTLY = ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")
FLUSH_S = 0.2


class JsonFormatter(logging.Formatter):
    """A log record as one JSON object; what was given as `extra` becomes fields of it."""

    def __init__(self, component: str = "app") -> None:
        super().__init__()
        self._component = component
        self._middles: dict[Remark, bytes] = {}
        self._encode = msgspec.json.Encoder(enc_hook=str).encode

    def format(self, record: logging.LogRecord) -> str:
        return self.line(record).decode()

    def line(self, record: logging.LogRecord) -> bytes:
        """Return the record as the bytes of one line, without its end."""
        fields: dict[str, Any] = {
            "time_ns": int(record.created * 1e6) * 1000,
            "level": record.levelname.lower(),
            "component": self._component,
            "pid": record.process or os.getpid(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = CURRENT.get()
        if context is not None and context.trace_id is not None:
            fields["trace_id"] = context.trace_id
            fields["span_id"] = context.span_id
        extra = islice(record.__dict__.items(), _STANDARD, None)
        fields |= {name: value for name, value in extra if name not in _ADDED}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return self._encode(fields)

    def remark(self, taken: "_Taken") -> bytes:
        """Return a remark taken down as the bytes of one line, its end included."""
        time_ns, remark, context, about = taken
        middle = self._middles.get(remark)
        if middle is None:  # what every line of it has between its time and what differs
            same = {
                "level": "info",
                "component": self._component,
                "pid": os.getpid(),
                "logger": remark.logger.name,
                "message": remark.message,
            }
            middle = self._middles[remark] = b"," + self._encode(same)[1:-1]
        fields = remark.tell(*about)
        if context is not None:
            fields = {"trace_id": context.trace_id, "span_id": context.span_id, **fields}
        told = self._encode(fields)[1:]
        return b'{"time_ns":%d%b,%b\n' % (time_ns, middle, told)


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
        self._taken: list[_Taken] = []

    def take_down(self, remark: "Remark", about: tuple[Any, ...]) -> None:
        """Keep a remark until the next flush."""
        context = CURRENT.get()
        if context is not None and context.trace_id is None:
            context = None
        self._taken.append((time.time_ns(), remark, context, about))
        if len(self._taken) >= _TAKEN:
            self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write_remarks()
            self._buffer.write(self._lines.line(record) + b"\n")
            if record.levelno >= logging.WARNING:
                self._buffer.flush()
        except (OSError, ValueError, TypeError, msgspec.MsgspecError):
            self.handleError(record)

    def flush(self) -> None:
        self.acquire()
        try:
            if not self._buffer.closed:
                self._write_remarks()
                self._buffer.flush()
        finally:
            self.release()

    def close(self) -> None:
        self.flush()
        self._buffer.close()
        super().close()

    def _write_remarks(self) -> None:
        taken, self._taken = self._taken, []
        for remark in taken:
            self._buffer.write(self._lines.remark(remark))


class Remark:
    """A line of which there are thousands a second: noted in passing, put into words in batches.

    Like `logger.info(message, extra=tell(...))`, at a tenth of its cost to the request it is about.
    `tell` makes the fields, at least one, of what a remark is about when its line is written.
    """

    lines: ClassVar[LineHandler | None] = None  # set while this process's logs are JSON lines

    def __init__(
        self, logger: logging.Logger, message: str, tell: Callable[..., dict[str, Any]]
    ) -> None:
        self.logger = logger
        self.message = message
        self.tell = tell

    def make(self, *about: Any) -> None:
        """Make the remark about what `tell` takes."""
        if not self.logger.isEnabledFor(logging.INFO):
            return
        if self.lines is None:
            self.logger.info(self.message, extra=self.tell(*about))
        else:
            self.lines.take_down(self, about)


class Throttled:
    """Lets one line a second through and says how many it kept back, for floods of one cause."""

    def __init__(self, logger: logging.Logger, level: int, period_s: float = 1.0) -> None:
        self._logger = logger
        self._level = level
        self._period_s = period_s
        self._next_s = 0.0
        self._kept_back = 0

    def log(self, message: str, fields: Mapping[str, object]) -> None:
        """Log the line, unless one was logged less than `period_s` ago: then only count it."""
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
    loggers = [logging.getLogger(name) for name in ("dress_rehearsal.target_app", "_granian")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in (root, *loggers)]
    costly = {name: getattr(logging, name) for name in _COSTLY if hasattr(logging, name)}
    for name in costly:
        setattr(logging, name, None)
    Remark.lines = handler
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
        Remark.lines = None
        for name, value in costly.items():
            setattr(logging, name, value)
        handler.close()


def flushing(handler: LineHandler) -> Periodic:
    """Return what lets the lines out every `FLUSH_S`; not started yet."""

    async def flush() -> None:
        handler.flush()

    return Periodic("log-flush", FLUSH_S, flush)


def granian_log_config(component: str) -> dict[str, Any]:
    """Return a `logging.config` dictionary with which granian's own lines are JSON as well."""
    return {
        "formatters": {
            "json": {
                "()": "dress_rehearsal.target_app.telemetry.logs.JsonFormatter",
                "component": component,
            },
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
