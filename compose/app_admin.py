"""What the conductor has of the running reference app, over HTTP: it opens the sale, switches the
app's own faults, hears what its neighbours were told, and sees whether every worker serves."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.compose.errors import TargetRefusedError
from dress_rehearsal.compose.reference_app import ReferenceApp
from dress_rehearsal.compose.stage import Alert
from dress_rehearsal.compose.target import Target
from dress_rehearsal.records.collectors.scrape import Scrape, TargetsFolder
from dress_rehearsal.records.collectors.scrape import Target as MetricsTarget
from dress_rehearsal.records.samples import SourceUnreadableError, select

_ANSWERS_PER_WORKER: Final = 8
"""So many answers in a row that a worker left out of all of them is most unlikely."""


class AppAdmin:
    """The admin's side of one app.

    Args:
        neighbours: where its neighbours answer; None where the plan wants none.
    """

    def __init__(
        self, app: ReferenceApp, event: str, target: Target, neighbours: Target | None
    ) -> None:
        self.target = target
        self._app = app
        self._event = event
        self._neighbours = neighbours
        self._last_heard: dict[str, Any] | None = None

    def open_at(self, t0_ns: int) -> None:
        """Have the sale open at `t0_ns`; every worker honours it when this returns.

        Raises:
            TargetRefusedError: the app said no or does not answer.
        """
        agreeing = _ANSWERS_PER_WORKER * self._app.workers
        self.target.open_at(self._event, t0_ns, self._app.admin_token, agreeing)

    def switch(self, fault: str, grade: float) -> None:
        """Set how bad one of the app's own faults is; 0 is off.

        Raises:
            UndecidedError: nobody knows whether it is set.
            TargetRefusedError: the app said no.
        """
        self.target.switch(fault, grade, self._app.admin_token)

    def neighbours_answer(self) -> bool:
        """Return whether the neighbours answer yet; True where there are none."""
        return self._neighbours is None or self._neighbours.ready("/healthz")

    def alerts(self) -> list[Alert]:
        """List what the neighbours were told since this was last asked; nothing without any."""
        if self._neighbours is None:
            return []
        bearer = {"Authorization": f"Bearer {self._app.neighbours_token}"}
        try:
            told = self._neighbours.listed("/alerts", bearer)
        except TargetRefusedError:
            return []  # told next time; that it is gone is a loss of its own
        fresh = _after(self._last_heard, told)
        self._last_heard = fresh[-1] if fresh else self._last_heard
        now_ns = time.time_ns()
        return [
            Alert(
                int(alert.get("t_ns", now_ns)),
                str(alert.get("kind", "unknown")),
                str(alert.get("message", "")),
            )
            for alert in fresh
        ]


def _after(last: dict[str, Any] | None, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was told after the last that was heard: all, where it is not remembered any more.

    The neighbours forget all when they start again, and the oldest where there are too many.
    """
    heard = next((n for n in range(len(told), 0, -1) if told[n - 1] == last), 0)
    return told[heard:]


def all_serve(targets_dir: Path) -> bool:
    """Return whether every worker of the app has opened its connections and given them all back.

    That is the last it does before it serves; only before the sale does it show.

    Args:
        targets_dir: where they have announced themselves.
    """
    try:
        targets = TargetsFolder(targets_dir).targets().values()
        return all(_serves(target) for target in targets if target.source.startswith("app:"))
    except SourceUnreadableError:
        return False


def announced(targets_dir: Path, component: str) -> int:
    """Return how many processes of a component have announced their metrics."""
    return len(list(targets_dir.glob(f"{component}-*.json")))


def _serves(worker: MetricsTarget) -> bool:
    with closing(Scrape(worker)) as scrape:
        reading = scrape.read()

    opened = select([reading], "app_worker_open", "app", {})
    used = select([reading], "db_client_connections", "app", {"pool": "postgres", "state": "used"})
    return opened == [1.0] and used == [0.0]
