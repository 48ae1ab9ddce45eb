"""`python -m dress_rehearsal.compose.servers.moto_server`: moto's SQS over HTTP, fit to be rushed.

moto's own server answers each request on a thread and keeps a queue as a plain list, which a
deletion replaces by a copy: a message sent meanwhile is accepted and lost, and a rehearsal would
find tickets lost that no allocation lost. So here there is one thread. And what moto does again for
every message sent or deleted, which is to look at each message in the queue, is left out: sending
5,000 took it minutes.
"""

import argparse
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import moto.sqs.models
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from werkzeug.serving import WSGIRequestHandler, run_simple

Environ = dict[str, Any]
Respond = Callable[..., Any]

_MODELS: Any = moto.sqs.models


class Unwaiting:
    """Answers a receive at once, with nothing if need be: whoever waited would keep all others."""

    def __init__(self, inside: Callable[[Environ, Respond], Iterable[bytes]]) -> None:
        self._inside = inside

    def __call__(self, environ: Environ, respond: Respond) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET", "").endswith(".ReceiveMessage"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            body = json.dumps({**json.loads(body), "WaitTimeSeconds": 0}).encode()
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self._inside(environ, respond)


class _Attributes(dict[str, Any]):
    """A queue's attributes, each worked out when asked for and not all of them each time."""

    def __init__(self, queue: Any, names: Iterable[str]) -> None:
        super().__init__(dict.fromkeys(names))
        self._queue = queue

    def __getitem__(self, name: str) -> Any:
        value = getattr(self._queue, _MODELS.camelcase_to_underscores(name))
        if name == "RedrivePolicy":
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else value

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self:
            return default
        return self[name]


def _attributes(queue: Any) -> _Attributes:
    names = list(_MODELS.Queue.BASE_ATTRIBUTES)
    if queue.redrive_policy:
        names.append("RedrivePolicy")
    return _Attributes(queue, names)


def _delete(queue: Any, handle: str) -> None:
    if handle in queue.deleted_messages:
        return
    messages: list[Any] = vars(queue)["_messages"]
    for index, message in enumerate(messages):  # those to be deleted are among the first
        if message.had_receipt_handle(handle):
            queue.pending_messages.discard(message)
            queue.deleted_messages.update(message.all_receipt_handles)
            del messages[index]
            return
    raise ReceiptHandleIsInvalid


def lighten() -> None:
    """Make standard queues cost the same however long they are."""
    _MODELS.unix_time_millis = lambda: time.time() * 1000
    _MODELS.Queue.attributes = property(_attributes)
    _MODELS.Queue.delete_message = _delete


class _Silent(WSGIRequestHandler):
    """Answers without a line in the log for each."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed or told to end."""
    parser = argparse.ArgumentParser(description="SQS for a stage, in memory")
    parser.add_argument("-H", "--host", default="127.0.0.1")
    parser.add_argument("-p", "--port", type=int, required=True)
    asked = parser.parse_args()
    os.environ["MOTO_PORT"] = str(asked.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    lighten()
    server = Unwaiting(DomainDispatcherApplication(create_backend_app))
    run_simple(asked.host, asked.port, server, threaded=False, request_handler=_Silent)


if __name__ == "__main__":
    main()
