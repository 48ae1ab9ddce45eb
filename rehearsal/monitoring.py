"""Monitoring: shows a rehearsal to Prometheus, and runs one where the machine has it."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from dress_rehearsal.compose import StageUnusableError
from dress_rehearsal.compose.servers.prometheus import DATA, Prometheus, has_prometheus
from dress_rehearsal.dashboards.errors import PrometheusError
from dress_rehearsal.dashboards.prometheus_api import Firing, PrometheusApi
from dress_rehearsal.dashboards.prometheus_config import write_config
from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory, RunDirectoryUnusableError
from dress_rehearsal.records.collectors.scrape import TargetsFolder
from dress_rehearsal.records.exporter import exporting
from dress_rehearsal.records.samples import SourceUnreadableError
from dress_rehearsal.records.targets_file import TargetsFile
from dress_rehearsal.rehearsal.exporter import Exporter
from dress_rehearsal.rehearsal.signals import uninterruptible
from dress_rehearsal.rehearsal.terminal.screen import Screen
from dress_rehearsal.reports.schema import Verdict

_LAST_SCRAPE_S: Final = 4.0
_DISCOVERED_S: Final = 10.0
_LOOK_S: Final = 0.05
_ASK_S: Final = 1.0


class Monitoring:
    """What the rehearsal shows, and the Prometheus that looks, if there is one."""

    def __init__(
        self, exporter: Exporter, targets_file: TargetsFile, prometheus: Prometheus | None
    ) -> None:
        self.exporter = exporter
        self.targets_file = targets_file
        self._prometheus = prometheus
        self._firing: dict[str, Firing] = {}
        self._lost = False

    def components(self) -> list[tuple[str, int]]:
        """Return the name and pid of each process it added."""
        return [] if self._prometheus is None else [("prometheus", self._prometheus.pid)]

    def await_targets(self, folder: Path | None) -> None:
        """Announce what announced itself in `folder`, and wait until Prometheus scrapes all of it.

        It passes on new targets every 5 s only, which may be more than there is before T-0.
        """
        if folder is not None:
            with suppress(SourceUnreadableError):  # whoever collects finds out and says so
                self.targets_file.write(TargetsFolder(folder).targets().values())
        deadline = time.monotonic() + _DISCOVERED_S
        while self._prometheus is not None and self._scraped() < self.targets_file.targets:
            if time.monotonic() > deadline or self._prometheus.ended:
                return
            time.sleep(_LOOK_S)

    def _scraped(self) -> int:
        try:
            return self._api().healthy_targets()
        except PrometheusError:
            return 0

    def _api(self) -> PrometheusApi:
        """Return who to ask; that there is no answer matters little, the next time there is one."""
        assert self._prometheus is not None
        return PrometheusApi(self._prometheus.url, _ASK_S)

    def has_lost_prometheus(self) -> bool:
        """Return whether Prometheus ended before the rehearsal did; true once, then no more."""
        if self._lost or self._prometheus is None or not self._prometheus.ended:
            return False
        self._lost = True
        return True

    def alerts(self) -> Iterator[tuple[Firing, bool]]:
        """Return what began (true) and what ceased (false) to fire since this was last asked."""
        if self._prometheus is None:
            return
        try:
            now = self._api().firing()
        except PrometheusError:
            return
        before, self._firing = self._firing, {one.about: one for one in now}
        for about, firing in self._firing.items():
            if about not in before:
                yield firing, True
        for about, firing in before.items():
            if about not in self._firing:
                yield firing, False

    def performed(self) -> None:
        """Show no more what was read of a stage that is about to go."""
        self.exporter.follow(None)
        self.targets_file.write(())

    def conclude(self, verdict: Verdict) -> None:
        """Show the verdict, and let whoever scrapes see it before the port is closed."""
        self.exporter.conclude(verdict)
        seen = self.exporter.scrapes
        deadline = time.monotonic() + _LAST_SCRAPE_S
        while time.monotonic() < deadline:
            own = self._prometheus is None or self._prometheus.ended or self._has_verdict(verdict)
            # One that had begun before may still end after; nobody scrapes without ever having.
            others = seen == 0 or self.exporter.scrapes >= seen + 2
            if own and others:
                return
            time.sleep(_LOOK_S)

    def _has_verdict(self, verdict: Verdict) -> bool:
        try:
            return bool(self._api().query(f'rehearsal_verdict{{run="{verdict.run}"}}', time.time()))
        except PrometheusError:
            return False


def _literal(path: Path) -> str:
    """Return a path so written that Prometheus, which takes it for a pattern, finds just that."""
    return re.sub(r"([\[\]?\\])", r"\\\1", str(path))


@contextmanager
def monitored(
    plan: Plan, run: RunDirectory, screen: Screen, prometheus: bool | None
) -> Iterator[Monitoring]:
    """Show a rehearsal while inside.

    Args:
        prometheus: true: run one, or do not rehearse; none: run one where there is one; false: do
            not.

    Raises:
        StageUnusableError: Prometheus is wanted and not there, or does not start.
        RunDirectoryUnusableError: what is to be scraped cannot be announced.
    """
    exporter = Exporter(plan, run)
    stack = ExitStack()
    try:
        port = stack.enter_context(exporting(exporter.collect))
        targets_file = TargetsFile(run.path.parent, run.id, port)
        try:
            stack.enter_context(targets_file)
        except RunDirectoryUnusableError as error:
            if prometheus:
                raise
            screen.note(f"{error} The rehearsal goes on, but no Prometheus will see it.")
        server = None
        if prometheus or (prometheus is None and has_prometheus()):
            screen.phase("starting Prometheus")
            config = write_config(
                run.path / DATA,
                [_literal(targets_file.path)],
                alertmanager=plan.notify.alertmanager,
            )
            log = run.logs / "prometheus.log"
            try:
                server = stack.enter_context(Prometheus(config, run.path / DATA / "data", log))
            except StageUnusableError as error:
                if prometheus:
                    raise
                screen.note(f"{error} The rehearsal goes on without it.")
            else:
                run.stamp("phase", "prometheus_ready", url=server.url)
                screen.tell(f"Prometheus, while this lasts: {server.url}")
        yield Monitoring(exporter, targets_file, server)
    finally:
        with uninterruptible():  # the verdict is there, or the reason why there is none
            stack.close()
