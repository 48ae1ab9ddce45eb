"""A stage that is already there: a URL the plan names, and allows."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from dress_rehearsal.compose.errors import (
    HostNotAllowedError,
    StageUnusableError,
    TargetRefusedError,
)
from dress_rehearsal.compose.guardian import Guardian
from dress_rehearsal.compose.stage import Alert, Loss, entered, guardian_lost
from dress_rehearsal.compose.stage_folder import StageFolder, sweep
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Fault, Person, Plan, refusal, write_roster
from dress_rehearsal.records import RunDirectory

ADMIN_VARIABLE = "REHEARSE_ADMIN_TOKEN"
"""Environment variable with the external target's admin token."""

ENTRY_VARIABLE = "REHEARSE_GATE_TOKEN"
"""Environment variable with the token of the scanners at the external target's entrance."""

_AGREEING = 8


class ExternalStage:
    """Nothing is started here but the guardian of the generator; nothing is stopped there."""

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
        self._event = plan.event.id
        self._run = run
        self._people = people
        self._target = Target(self.url)
        self._opens = plan.load is None
        self._folder: StageFolder | None = None
        self._guardian: Guardian | None = None

    def __enter__(self) -> Self:
        """Check that the target answers.

        Raises:
            TargetRefusedError: it does not, or it has no such event.
        """
        if self._opens:
            self._check_event()
        sweep()
        self._folder = StageFolder.create()
        try:
            self._guardian = Guardian.start(self._folder, self._run.logs / "guardian.log")
            with self._folder.living():
                write_roster(self.roster_path, self._people)
        except BaseException:
            self._folder.remove()
            raise
        return self

    def _check_event(self) -> None:
        status, _ = self._target.ask("GET", f"/events/{self._event}/countdown")
        if status != 200:
            raise TargetRefusedError(
                f"The target {self.url} answered {status} to GET /events/{self._event}/countdown; "
                f"it must be up and know the event {self._event}."
            )

    def __exit__(self, *raised: object) -> None:
        """Let the guardian go."""
        if self._folder is not None and self._guardian is not None:
            self.unclean_stops += guardian_lost(self._guardian)
            try:
                self._folder.remove()
            finally:
                self._guardian.release()

    @property
    def roster_path(self) -> Path:
        """The roster as CSV, readable by this user only; gone with the stage."""
        return entered(self._folder).path / "roster.csv"

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
        """Have the sale open at `t0_ns`.

        Raises:
            StageUnusableError: the admin token is not in the environment.
            TargetRefusedError: the target said no.
        """
        if not self._opens:
            return
        token = os.environ.get(ADMIN_VARIABLE)
        if not token:
            raise StageUnusableError(
                f"The sale at {self.url} cannot be opened: its admin token is not known; "
                f"set the environment variable {ADMIN_VARIABLE}."
            )
        self._target.open_at(self._event, t0_ns, token, _AGREEING)

    def components(self) -> list[tuple[str, int]]:
        """List nothing: its processes are somebody else's."""
        return []

    def lost(self) -> list[Loss]:
        """List nothing: its processes are somebody else's."""
        return []

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
