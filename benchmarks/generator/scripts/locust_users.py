"""Locust's own fast users; with ROWS set each request is written down as a row as well."""

import csv
import os
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant, events, task

PATH = os.environ["URL_PATH"]

if "ROWS" in os.environ:
    # Buffered: a row costs what csv.writer takes, and a write to the disk now and then.
    _file = Path(os.environ["ROWS"]).open("w", newline="", buffering=1 << 16)  # noqa: SIM115
    _rows = csv.writer(_file)
    _rows.writerow(("method", "began_s", "ms", "name", "bytes", "status", "error"))

    @events.request.add_listener
    def _keep(
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        response: Any,
        exception: Exception | None,
        start_time: float,
        **_: Any,
    ) -> None:
        row = (request_type, start_time, response_time, name, response_length)
        _rows.writerow((*row, response.status_code, exception))

    @events.quitting.add_listener
    def _close(**_: Any) -> None:
        _file.close()


class Fast(FastHttpUser):
    """Asks again and again."""

    wait_time = constant(0)

    @task
    def ask(self) -> None:
        self.client.get(PATH)
