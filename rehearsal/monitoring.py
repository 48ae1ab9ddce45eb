"""Monitoring: shows a rehearsal to Prometheus, and runs one where the machine has it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from compose import StageUnusable
from compose.prometheus import DATA, Prometheus, has_prometheus
from dashboards.prometheus import write_config
from plans import Plan
from records import RunDirectory
from records.announcement import Announcement
from records.exporter import exporting
from records.exposition import TargetsFolder
from records.samples import SourceUnreadable
from rehearsal.broadcast import Broadcast
from rehearsal.screen import Screen
from reports.document import Verdict

_LAST_SCRAPE_S: Final = 4.0
_DISCOVERED_S: Final = 10.0
_LOOK_S: Final = 0.05
_ASK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that Prometheus says is firing."""

    name: str
    about: str
    """Its labels, to tell it from others of its name."""
    summary: str


class Monitoring:
    """What the rehearsal shows, and the Prometheus that looks, if there is one."""

    def __init__(
        self, broadcast: Broadcast, announcement: Announcement, prometheus: Prometheus | None
    ) -> None:
        self.broadcast = broadcast
        self.announcement = announcement
        self._prometheus = prometheus
        self._firing: dict[str, Firing] = {}

    def components(self) -> list[tuple[str, int]]:
        """List the processes it added."""
        return [] if self._prometheus is None else [("prometheus", self._prometheus.pid)]

    def await_targets(self, folder: Path | None) -> None:
        """Announce what announced itself in `folder`, and wait until Prometheus scrapes all of it.

        It passes on new targets every 5 s only, which may be more than there is before T-0.
        """
        if folder is not None:
            with suppress(SourceUnreadable):  # whoever collects finds out and says so
                self.announcement.announce(TargetsFolder(folder).targets().values())
        deadline = time.monotonic() + _DISCOVERED_S
        while self._prometheus is not None and self._scraped() < self.announcement.targets:
            if time.monotonic() > deadline:
                return
            time.sleep(_LOOK_S)

    def _scraped(self) -> int:
        told = self._ask("targets?state=active")
        active = [] if told is None else told["activeTargets"]
        return sum(target["health"] == "up" for target in active)

    def _ask(self, route: str) -> Any:
        """Ask Prometheus; none where it does not answer: the next time, perhaps."""
        assert self._prometheus is not None
        try:
            url = f"{self._prometheus.url}/api/v1/{route}"
            with urllib.request.urlopen(url, timeout=_ASK_S) as answer:  # noqa: S310
                return json.load(answer)["data"]
        except (OSError, urllib.error.URLError, ValueError, KeyError):
            return None

    def alerts(self) -> Iterator[tuple[Firing, bool]]:
        """Give what began (true) and what ceased (false) to fire since this was last asked."""
        if self._prometheus is None:
            return
        told = self._ask("alerts")
        if told is None:
            return
        before, self._firing = self._firing, {one.about: one for one in _firing(told["alerts"])}
        for about, firing in self._firing.items():
            if about not in before:
                yield firing, True
        for about, firing in before.items():
            if about not in self._firing:
                yield firing, False

    def conclude(self, verdict: Verdict) -> None:
        """Show the verdict, and let Prometheus see it before it is stopped."""
        self.broadcast.conclude(verdict)
        seen = self.broadcast.scrapes
        deadline = time.monotonic() + _LAST_SCRAPE_S
        while self._prometheus is not None and self.broadcast.scrapes < seen + 2:
            if time.monotonic() > deadline:
                return
            time.sleep(_LOOK_S)


def _firing(told: Iterable[Any]) -> Iterator[Firing]:
    for alert in told:
        if alert.get("state") == "firing":
            labels = {name: str(text) for name, text in alert["labels"].items()}
            about = json.dumps(labels, sort_keys=True)
            summary = str(alert.get("annotations", {}).get("summary", ""))
            yield Firing(labels.get("alertname", "?"), about, summary)


@contextmanager
def monitored(
    plan: Plan, run: RunDirectory, screen: Screen, prometheus: bool | None
) -> Iterator[Monitoring]:
    """Show a rehearsal while inside.

    Args:
        prometheus: true: run one, or do not rehearse; none: run one where there is one; false: do
            not.

    Raises:
        StageUnusable: Prometheus is wanted and not there, or does not start.
        RunDirectoryUnusable: what is to be scraped cannot be announced.
    """
    broadcast = Broadcast(plan, run)
    with ExitStack() as stack:
        port = stack.enter_context(exporting(broadcast.collect))
        announcement = stack.enter_context(Announcement(run.path.parent, run.id, port))
        server = None
        if prometheus or (prometheus is None and has_prometheus()):
            screen.phase("starting Prometheus")
            config = write_config(
                run.path / DATA, [str(announcement.path)], alertmanager=plan.notify.alertmanager
            )
            log = run.logs / "prometheus.log"
            try:
                server = stack.enter_context(Prometheus(config, run.path / DATA / "data", log))
            except StageUnusable as error:
                if prometheus:
                    raise
                screen.note(f"{error} The rehearsal goes on without it.")
            else:
                run.stamp("phase", "prometheus_ready", url=server.url)
                screen.tell(f"Prometheus, while this lasts: {server.url}")
        yield Monitoring(broadcast, announcement, server)
