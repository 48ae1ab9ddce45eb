"""A stage of somebody else's: a URL the plan names, and allows; the app may be started here."""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from dress_rehearsal.compose.clearing import sweep
from dress_rehearsal.compose.errors import (
    HostNotAllowedError,
    StageUnusableError,
    TargetRefusedError,
)
from dress_rehearsal.compose.external.opening import ask_success, open_by_request
from dress_rehearsal.compose.external.ramp import Ramp, check_ramp
from dress_rehearsal.compose.external.sole_rehearsal import SoleRehearsal
from dress_rehearsal.compose.external.user_app import UserApp
from dress_rehearsal.compose.guardian import Guardian, clear_guarded
from dress_rehearsal.compose.stage import Alert, Loss, entered, guardian_lost
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Fault, Person, Plan, refusal, write_roster
from dress_rehearsal.plans.secrets import resolved
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.http.reach import reach_of

ADMIN_VARIABLE = "REHEARSE_ADMIN_TOKEN"
"""Environment variable with the external target's admin token."""

ENTRY_VARIABLE = "REHEARSE_GATE_TOKEN"
"""Environment variable with the token of the scanners at the external target's entrance."""

_AGREEING = 8
_ANSWERS_WITHIN_S = 4.0
"""What a foreign target may take for one answer while it is set up."""


class ExternalStage:
    """Nothing is started here but the guardian and what the plan's own commands say."""

    def __init__(self, plan: Plan, run: RunDirectory, people: Sequence[Person]) -> None:
        """Check that load may be sent to the plan's target.

        Raises:
            HostNotAllowedError: the host is neither loopback nor in the plan's `target.allow`.
        """
        self.url = plan.target.url or ""
        reason = refusal(self.url, plan.target.allow)
        if reason is not None:
            raise HostNotAllowedError(reason)
        self.unclean_stops: list[Loss] = []
        self.dsn: str | None = None
        self.redis_url: str | None = None
        self.targets_dir: Path | None = None
        self.ramp: Ramp | None = None
        """What the requests before the rush showed, once the stage is entered."""
        self._plan = plan
        self._run = run
        self._people = people
        self._target = self._answering_within(_ANSWERS_WITHIN_S)
        self._folder: StageFolder | None = None
        self._guardian: Guardian | None = None
        self._app: UserApp | None = None
        self._sole: SoleRehearsal | None = None

    def __enter__(self) -> Self:
        """Reset the target, start the app where the plan says how, and see that it answers.

        A command resets before the app is started, a request once it answers.

        Raises:
            StageError: it does not start, cannot be reset, does not answer or turns all away, has
                no such event, or is being rehearsed already; what had been started is gone again.
        """
        if self._plan.target.command is None:
            self._look()  # before anything is made
        sweep()
        # A plain Locust file has no ledger and no reset that another would disturb.
        self._sole = None if self._plan.load else SoleRehearsal(self.url)
        try:
            self._folder = StageFolder.create()
            self._guardian = Guardian.start(self._folder, self._run.logs / "guardian.log")
            with self._folder.living():
                write_roster(self.roster_path, self._people)
            tokens = (os.environ.get(ADMIN_VARIABLE, ""), self.entry_token)
            self._app = UserApp(self._plan, self._folder, self._run.logs, self._target, tokens)
            self._prepare(self._app)
            if not self._speaks_otherwise():
                self.ramp = self._checked_ramp()
            if self._plan.target.command is not None:
                self._look()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop what was started here, and let the guardian go.

        Raises:
            StageError: something is left, which the sentence names.
        """
        app = self._app
        if self._folder is None or self._guardian is None or app is None:
            return
        try:
            ended = app.lost_at_last()  # who ended after the last look
            self.unclean_stops += [loss for loss in ended if not loss.replaced]
            self.unclean_stops += app.stop_all()
            self.unclean_stops += guardian_lost(self._guardian)
            self._clear_folder()
            self._let_others()
        except BaseException:
            self._abandon()
            raise

    def _prepare(self, app: UserApp) -> None:
        """Put the target back to where a sale begins, and have it up."""
        app.reset()
        app.start_app()
        reset = self._plan.target.reset
        if reset is not None and reset.request is not None:
            ask_success(self._answering_within(reset.within), reset, "reset", {})

    def _speaks_otherwise(self) -> bool:
        """Return whether a plain Locust file's target listens and does not speak HTTP (gRPC, say).

        Then nobody but the file itself knows what to ask it.
        """
        if self._plan.load is None:
            return False
        try:
            self._target.ask("GET", self._harmless_path())
        except TargetRefusedError:
            parts = urlsplit(self.url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            with suppress(OSError), socket.create_connection((parts.hostname or "", port), 1.0):
                return True
        return False

    def _checked_ramp(self) -> Ramp:
        """Return what a handful of requests shows, and keep it on the timeline.

        Raises:
            TargetRefusedError: it answers none, turns all away, or opens by a clock that is
                another than ours.
        """
        ramp = check_ramp(self._target, self._harmless_path())
        ahead_s = ramp.clock_s and list(ramp.clock_s)
        self._run.stamp("phase", "ramp_check", statuses=list(ramp.statuses), clock_ahead_s=ahead_s)
        if self._plan.opens_at_t0 and ramp.words is not None:
            raise TargetRefusedError(
                f"{ramp.words}, so it would open at another T-0 than the students': nothing that "
                f"came of that could be believed; set both clocks by NTP."
            )
        return ramp

    def _answering_within(self, seconds: float) -> Target:
        target = self._plan.target
        return Target(
            self.url,
            seconds,
            reach=reach_of(target.ca_file, target.proxy),
            headers={name: resolved(value) for name, value in target.headers.items()},
        )

    def _look(self) -> None:
        """Check that the target is one of those that the bundled scenario is for.

        Raises:
            TargetRefusedError: it does not answer, or it has no such event.
        """
        if not self._plan.bundled:
            return
        path = self._harmless_path()
        status, _ = self._target.ask("GET", path)
        if status != 200:
            raise TargetRefusedError(
                f"The target {self.url} answered {status} to GET {path}; "
                f"it must be up and know the event {self._plan.event.id}."
            )

    def _harmless_path(self) -> str:
        """Return a path that may be asked for without any effect."""
        if not self._plan.bundled:
            return self._plan.target.ready or "/"
        return f"/events/{self._plan.event.id}/countdown"

    def _abandon(self) -> None:
        """Clear the stage quickly, owing nobody a clean end."""
        if self._app is not None:
            self._app.abandon()
        self._clear_folder()
        self._let_others()

    def _let_others(self) -> None:
        if self._sole is not None:
            self._sole.release()

    def _clear_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            clear_guarded(folder, self._guardian)

    @property
    def roster_path(self) -> Path:
        """The roster as CSV, readable by this user only; gone with the stage."""
        return entered(self._folder).path / "roster.csv"

    @property
    def data_root(self) -> Path | None:
        """None: whatever is kept here is kept in its own folder."""
        return None

    @property
    def entry_token(self) -> str:
        """What the scanners at the entrance show as bearer token, from the environment."""
        return os.environ.get(ENTRY_VARIABLE, "")

    @property
    def marker(self) -> dict[str, str]:
        """Environment by which processes of this stage are found even when their parent is gone."""
        return entered(self._folder).marker

    @property
    def guardian(self) -> Guardian:
        """Stops the generator should the conductor die."""
        return entered(self._guardian)

    def open_at(self, t0_ns: int) -> None:
        """Have the sale open at `t0_ns`, by the way that the plan names.

        Raises:
            StageUnusableError: the admin token is not in the environment.
            TargetRefusedError: the target said no.
        """
        entered(self._app).seal()
        opening = self._plan.target.opening
        if opening is not None and opening.request is not None:
            open_by_request(self._target, opening, t0_ns)
        elif opening is None and self._plan.bundled:
            self._open_by_token(t0_ns)
        # Else it opens by itself then, is open already, or nobody here knows of an opening.

    def _open_by_token(self, t0_ns: int) -> None:
        token = os.environ.get(ADMIN_VARIABLE)
        if not token:
            raise StageUnusableError(
                f"The sale at {self.url} cannot be opened: its admin token is not known; "
                f"set the environment variable {ADMIN_VARIABLE}."
            )
        self._target.open_at(self._plan.event.id, t0_ns, token, _AGREEING)

    def components(self) -> list[tuple[str, int]]:
        """List the processes of the app that was started here; else they are somebody else's."""
        return [] if self._app is None else self._app.members()

    def containers(self) -> list[tuple[str, int]]:
        """List the containers that were made here: none."""
        return []

    def lost(self) -> list[Loss]:
        """List what of the app that was started here ended though nobody stopped it."""
        return [] if self._app is None else self._app.lost()

    def lost_at_last(self) -> list[Loss]:
        """List the same once the rush is over: who may still be replaced has had time for it."""
        return [] if self._app is None else self._app.lost_at_last()

    def strike(self, fault: Fault) -> None:
        """Refuse: its processes are somebody else's.

        Raises:
            StageUnusableError: always.
        """
        raise StageUnusableError(
            f"The fault {fault.name} cannot be done to {self.url}: it is external."
        )

    def relieve(self, fault: Fault) -> None:
        """End nothing: nothing was begun."""

    def alerts(self) -> list[Alert]:
        """List nothing: its operators are somebody else's."""
        return []
