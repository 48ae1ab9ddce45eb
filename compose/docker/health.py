"""A container's health check as the file has it, run by us: until it is green, and then no more."""

import threading
import time
from typing import Final

import docker.errors
import requests

from dress_rehearsal.compose.docker.containers import ManagedContainer

_PAUSE_S: Final = 0.2


class Health:
    """Asks one container at most five times a second whether it can work."""

    def __init__(self, container: ManagedContainer) -> None:
        self._container = container
        self._next_s = 0.0

    def is_green(self) -> bool:
        """Return whether it can; one without a check can as soon as it runs.

        A check that does not end within its time is not green, as it is with Docker.
        """
        check = self._container.spec.service.health
        if check is None:
            return self._container.exit_code is None
        if time.monotonic() < self._next_s:
            return False
        green: list[bool] = []
        asking = threading.Thread(target=self._ask, args=(check.test, green), daemon=True)
        asking.start()
        asking.join(check.timeout_s)
        self._next_s = time.monotonic() + _PAUSE_S
        return green == [True]

    def _ask(self, words: tuple[str, ...], green: list[bool]) -> None:
        try:
            code, _ = self._container.container.exec_run(list(words))
        except (docker.errors.APIError, requests.RequestException):
            return  # it has ended, or not begun: whoever waits looks at that too
        green.append(code == 0)
