"""A history folder: a small file a run, written whole; what else stands there is left alone."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.files import kind_of, named
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import listed, reason, regular, remedy
from dress_rehearsal.reports.alike import scenario_digest
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.history.entry import Entry, entry_of
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.words import agreeing, counted

_SUFFIX: Final = ".json"
_LARGEST: Final = 2**20
"""Bytes of an entry: one has some thousands."""
_MOST_REMARKS: Final = 20


def remember(folder: Path, entry: Entry) -> None:
    """Keep a run's entry in a folder, which is made; one that is there of the same run is replaced.

    Raises:
        RunDirectoryUnusableError: it cannot be written; what was there is as it was.
    """
    target = folder / f"{entry.run}{_SUFFIX}"
    partial = folder / f".{entry.run}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_text(entry.text(), encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise RunDirectoryUnusableError(
            f"The run is not in the history: {target} cannot be written: {reason(error)}; "
            f"{remedy(error, 'name another folder')}. Add it with `rehearse history add`."
        ) from error


def read_history(folder: Path) -> tuple[list[Entry], list[str]]:
    """Return the entries of a folder, the oldest first, and a sentence on each file left out.

    Raises:
        PlanError: there is no such folder, or it cannot be read.
    """
    if kind_of(folder) != "a folder":
        kind = kind_of(folder) or "not there"
        raise PlanError(
            f"{named(folder)} is no history: it is {kind}; give a folder that `rehearse history "
            f"add` or `--history` made."
        )
    entries, remarks = [], []
    try:
        files = listed(folder, _SUFFIX)
    except OSError as error:
        raise PlanError(f"{named(folder)} cannot be read: {reason(error)}.") from error
    for path in files:
        try:
            entries.append(_read(path))
        except (OSError, ValueError) as error:
            remarks.append(f"{named(path)} is left out: {_why(error)}.")
    if len(remarks) > _MOST_REMARKS:
        others = len(remarks) - _MOST_REMARKS
        more = f"{counted(others, 'more file')} {agreeing(others, 'is', 'are')} left out."
        remarks = [*remarks[:_MOST_REMARKS], more]
    return sorted(entries, key=lambda entry: (entry.when, entry.run)), remarks


def entry_in(run: RunDirectory, label: str | None = None) -> Entry:
    """Return the entry of a run from its files: by its verdict as it is written, else judged anew.

    Args:
        label: which build of the target it was; None: what was said when it was rehearsed.

    Raises:
        RunDirectoryUnreadableError: a file of the run is missing or damaged.
        MetricUnknownError: a gate of its plan names a number that no verdict holds.
    """
    verdict = _written_verdict(run) or judge(read_evidence(run))
    t0_ns = next((event.t_ns for event in run.timeline([]) if event.kind == "t0"), None)
    return entry_of(
        verdict,
        run.plan(),
        run.environment([]),
        t0_ns,
        scenario=scenario_digest(run),
        label=label,
    )


def _written_verdict(run: RunDirectory) -> Verdict | None:
    """Return a run's verdict, None where it has none that says all that an entry is made of."""
    path = run.path / "verdict.json"
    try:
        verdict = Verdict.model_validate_json(regular(path).read_bytes())
    except (OSError, ValidationError):
        return None
    return None if verdict.doubts is None or verdict.run != run.id else verdict


def _read(path: Path) -> Entry:
    """Return the entry that a file holds.

    Raises:
        OSError, ValueError: it cannot be read, or is none.
    """
    with regular(path).open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError("it is larger than an entry of a history can be")
    entry = Entry.model_validate_json(content)
    if entry.run != path.name.removesuffix(_SUFFIX):
        raise ValueError(f"it is the entry of the run {entry.run}, under another name")
    return entry


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return reason(error)
    if isinstance(error, ValidationError):
        return "it is no entry of a history, or is damaged, or another version wrote it"
    return str(error)
