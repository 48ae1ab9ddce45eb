"""The server of the race: nginx with one worker, which answers like the reference app."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import psutil

from benchmarks.generator.cores import SERVER, placed_on

PATH: Final = "/events/festival"
"""What is asked for."""
GET_IT: Final = "apt-get install nginx-light"
_READY_S: Final = 5.0
_CONFIGURATION: Final = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type application/json;
        location = {path} {{
            add_header Server-Timing "queue;dur=0.5, redis;dur=0.2, app;dur=1.2";
            return 200 '{{"state":"waiting","opens_at_ns":0,"now_ns":0}}';
        }}
        location = /status {{ stub_status; }}
    }}
}}
"""


class Nginx:
    """A running server.

    Args:
        worker: the process that answers.
    """

    def __init__(self, port: int, worker: int) -> None:
        self.url = f"http://127.0.0.1:{port}{PATH}"
        self.worker = worker
        self._status = f"http://127.0.0.1:{port}/status"
        self._asked = 0

    def requests(self) -> int:
        """Return how many requests it has answered, by its own count and without those of here."""
        self._asked += 1
        with urlopen(self._status, timeout=10) as answer:
            # Its third line holds three numbers: accepted, handled and requests.
            return int(answer.read().splitlines()[2].split()[2]) - self._asked


@contextmanager
def serving(folder: Path) -> Iterator[Nginx]:
    """Yield a server that keeps to the server's core.

    Raises:
        SystemExit: there is no nginx, or it does not start.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise SystemExit(f"The benchmark needs nginx, which is not there: {GET_IT}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, port=port, path=PATH))
    with placed_on(SERVER):
        process = subprocess.Popen([program, "-c", file, "-e", folder / "nginx.log"])
    try:
        yield Nginx(port, _worker_of(process, port, folder / "nginx.log"))
    finally:
        process.terminate()
        process.wait(10)


def _worker_of(process: "subprocess.Popen[bytes]", port: int, log: Path) -> int:
    """Return the process id of the worker, once it takes connections."""
    deadline_s = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < deadline_s:
        workers = psutil.Process(process.pid).children()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            workers = []
        if workers:
            return int(workers[0].pid)
        time.sleep(0.02)
    raise SystemExit(f"nginx did not start; {log} says why:\n{log.read_text()[-2000:]}")
