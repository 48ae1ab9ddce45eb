"""Incidents of a rush, kept on its timeline: what was lost, ran full, broke off or gave alarm."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dress_rehearsal.compose import Loss, Stage
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.collectors.collector import Collector
from dress_rehearsal.records.files import bytes_left
from dress_rehearsal.records.timeline import OUT_OF_SPACE
from dress_rehearsal.rehearsal.generator_process import GeneratorProcess
from dress_rehearsal.rehearsal.monitoring import Monitoring
from dress_rehearsal.rehearsal.terminal.screen import Screen

_ALERTS_EVERY_S: Final = 1.0
_LEAST_SPACE: Final = 17 * 2**20
"""Bytes left of a disk below which nothing can be kept there: PostgreSQL's log grows
by 16 MiB at a time, and without them it stops."""


def stamp_interruption(run: RunDirectory, screen: Screen) -> None:
    """Keep on the timeline that the run was cut short on purpose."""
    run.stamp("abort", "interrupted", reason="The rehearsal was interrupted before its end.")
    screen.phase("interrupted: keeping what happened so far")


class Incidents:
    """Notes what happens on a stage, each thing once.

    Args:
        monitoring: where the rush is shown to Prometheus, if it is.
    """

    def __init__(
        self, run: RunDirectory, stage: Stage, screen: Screen, monitoring: Monitoring | None
    ) -> None:
        self._run, self._stage, self._screen = run, stage, screen
        self._monitoring = monitoring
        self._short_of_space = False
        self._alerts_due_s = 0.0
        self._killed: dict[str, float] = {}
        """How many processes of each container the kernel had killed for its memory."""

    def note(self, collector: Collector) -> None:
        """Keep what has happened since this was last called."""
        self._note_space()
        self._note_losses(self._stage.lost())
        self._note_killed(collector)
        if time.monotonic() >= self._alerts_due_s:
            self._alerts_due_s = time.monotonic() + _ALERTS_EVERY_S
            self._note_alerts()

    def note_last(self, collector: Collector) -> None:
        """Keep what has happened until the stores were read."""
        self._note_losses(self._stage.lost_at_last())
        self._note_killed(collector)
        self._note_alerts()

    def note_generator_lost(self, generator: GeneratorProcess) -> None:
        """Keep that the generator ended, or is ended, before it was done."""
        how = (
            "ended before the rehearsal did"
            if generator.exit_code is not None
            else "gave no sign of life, or did not get done in time, and is killed"
        )
        what = f"The generator {how}; see {self._run.logs.name}/."
        self._run.stamp(
            "process", "generator", pid=generator.pid, exit=generator.exit_code, what=what
        )
        self._screen.note(what)

    def _note_space(self) -> None:
        """Keep on the timeline that the stage has no space left: what it loses then it loses here.

        The rush goes on: what was recorded until then is judged, and the stores are read.
        """
        if self._short_of_space:
            return
        folder, root = self._stage.roster_path.parent, self._stage.data_root
        reason = None
        if _is_full(folder):
            reason = (
                f"The temporary folder {folder.parent} is full, so the stage could keep nothing "
                f"more: free some space there, or set TMPDIR to another folder, and rehearse again."
            )
        elif root is not None and _is_full(root):
            reason = (
                f"The disk of {root}, where Docker keeps what the stores write, is full, so they "
                f"could keep nothing more: free some space there (`docker system df` shows what "
                f"takes it), and rehearse again."
            )
        if reason is not None:
            self._short_of_space = True
            self._run.stamp("abort", OUT_OF_SPACE, reason=reason)
            self._screen.note(reason)

    def _note_losses(self, losses: Iterable[Loss]) -> None:
        for loss in losses:
            detail = {name: True for name in ("planned", "replaced") if getattr(loss, name)}
            self._run.stamp(
                "process", loss.name, pid=loss.pid, exit=loss.exit_code, what=loss.what, **detail
            )
            if not loss.planned:
                self._screen.note(loss.what)

    def _note_killed(self, collector: Collector) -> None:
        """Keep what the kernel killed for want of memory; the report says whose had run out."""
        killed = collector.by_label("container_oom_events_total", "containers", "container")
        for container, number in killed.items():
            if number > self._killed.get(container, number):
                message = f"A process of {container} was killed for want of memory."
                self._run.stamp("alert", "out_of_memory", message=message)
                self._screen.note(message)
        self._killed |= killed

    def _note_alerts(self) -> None:
        """Keep what the target told its operators, and what Prometheus fired."""
        if self._monitoring is not None and self._monitoring.has_lost_prometheus():
            self._run.stamp("phase", "prometheus_lost")
            self._screen.note(
                f"Prometheus has ended; {self._run.logs.name}/prometheus.log may say why. The "
                f"rehearsal goes on without it."
            )
        for firing, on in () if self._monitoring is None else self._monitoring.alerts():
            message = firing.summary if on else f"ended (was: {firing.summary})"
            self._run.stamp("alert", firing.name, on=on, message=message)
            self._screen.tell(f"Alert {firing.name}: {message}")
        for alert in self._stage.alerts():
            self._run.stamp("alert", alert.kind, t_ns=alert.t_ns, message=alert.message)
            self._screen.tell(f"Alert {alert.kind}: {alert.message}")


def _is_full(folder: Path) -> bool:
    """Return whether a disk is; what cannot be asked is not known to be."""
    try:
        return bytes_left(folder) < _LEAST_SPACE
    except OSError:
        return False
