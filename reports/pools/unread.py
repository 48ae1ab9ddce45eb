"""What of the plan's `[[metrics]]` was not there: no text, or none of the names in it."""

from collections.abc import Iterator

import pandas as pd

from dress_rehearsal.plans.sections.metrics import Metrics
from dress_rehearsal.records.collectors.pool_metrics import UP
from dress_rehearsal.records.collectors.pool_series import FOUND, NO_NUMBER
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import label
from dress_rehearsal.reports.pools.implausible import implausible
from dress_rehearsal.reports.pools.turns import takes_turns
from dress_rehearsal.reports.words import counted


def foreign_notes(evidence: Evidence) -> list[str]:
    """Return what of the plan's `[[metrics]]` could not be read, or had none of the names, or says
    what cannot be."""
    notes = []
    for metrics in evidence.plan.metrics:
        notes += [*_notes(evidence, metrics), *implausible(evidence, metrics)]
    return notes


def matches(evidence: Evidence, metrics: Metrics) -> list[tuple[str, int, str]]:
    """Return of each preset, or name of the plan's map, the most series ever there, and what is
    near."""
    rows = evidence.samples.named(FOUND, metrics.name)
    if rows.empty:
        return []
    frame = pd.DataFrame(
        {"of": label(rows, "of"), "near": label(rows, "near"), "value": rows["value"]}
    )
    return [
        (str(of), int(own["value"].max()), str(own["near"].iloc[-1]))
        for of, own in frame.groupby("of", sort=True)
    ]


def _notes(evidence: Evidence, metrics: Metrics) -> Iterator[str]:
    up = evidence.samples.named(UP, metrics.name)
    for position in range(len(metrics.addresses)):
        source = metrics.source(position)
        own = up[up["source"] == source]
        failed = own[own["value"] == 0]
        if own.empty or len(failed) == len(own):
            why = f": {label(failed, 'why').iloc[-1]}" if len(failed) else ""
            yield (
                f"Nothing is known of the pools of {source}, for its metrics were never read{why}."
            )
        elif len(failed):
            yield (
                f"The metrics of {source} could not be read {counted(len(failed), 'time')} of "
                f"{len(own):,}, the last time because: {label(failed, 'why').iloc[-1]}."
            )
    if takes_turns(evidence, metrics):
        yield (
            f"Nothing is known of the pools of {metrics.name}, for several processes answer there "
            f"in turn: its counters fall again and again. Give the address of each process in urls."
        )
    for of, number, near in matches(evidence, metrics):
        if not number:
            there = f"; nearest names there: {near}" if near else "; no name there is like its own"
            what = f"preset {of}" if of in metrics.presets else f"the name given as {of}"
            if near == NO_NUMBER:
                yield f"Pools: {what} is there in {metrics.name}, and says no number (NaN)."
            else:
                yield f"Pools: {what} matched no series of {metrics.name}{there}."
