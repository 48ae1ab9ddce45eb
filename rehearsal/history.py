"""What is kept of a run: in which history, and of which build of the target it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.alike import scenario_digest
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.history.entry import LABEL, entry_of
from dress_rehearsal.reports.history.snapshot import keep
from dress_rehearsal.reports.page.headroom import Ahead
from dress_rehearsal.reports.schema import Verdict


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a run's numbers are kept besides in itself.

    Attributes:
        folder: the history; None: in none.
        build: which build of the target it is of, such as a commit.
        ahead: what a search for the capacity of its plan would take; None: not known.
    """

    folder: Path | None = None
    build: str | None = None
    ahead: Ahead | None = None

    @property
    def facts(self) -> dict[str, str]:
        """What `environment.json` says of it."""
        return {} if self.build is None else {LABEL: self.build}

    def keeper(
        self, run: RunDirectory, tell: Callable[[str], None]
    ) -> Callable[[Evidence, Verdict], None] | None:
        """Return what puts a run into the history once it is judged; None where there is none.

        Args:
            tell: shows a sentence for whatever could not be done: the verdict stands all the same.
        """
        folder = self.folder
        if folder is None:
            return None

        def put(evidence: Evidence, verdict: Verdict) -> None:
            entry = entry_of(
                verdict,
                evidence.plan,
                evidence.environment,
                evidence.t0_ns,
                scenario=scenario_digest(run),
                label=self.build,
            )
            for sentence in keep(run, entry, folder):
                tell(sentence)

        return put
