"""How requests are counted: by which rule each number of them on the page is one of how many."""

import numpy as np

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.cause.slowest import BEFORE_T0_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.page.tables.table import Table, row
from dress_rehearsal.reports.throughput import busiest_second
from dress_rehearsal.reports.words import offset, written


def counts_table(evidence: Evidence) -> Table | None:
    """Return how many requests there are by each rule, with those to buy beside them; None where
    there are no students, for then every number is of all of them.

    The first rows add up: on record are those that were waited for, and those no longer needed.
    """
    latency, requests = evidence.latency, evidence.requests
    if evidence.plan.load is not None or latency.empty:
        return None
    buying = (latency["role"] == PURCHASE).to_numpy(dtype=bool)
    every = np.ones(len(latency), dtype=bool)
    needless = latency["abandoned"].to_numpy(dtype=bool)
    untimed = ~needless & ~latency["counts"].to_numpy(dtype=bool)
    unsent = requests["sent_ns"].isna().to_numpy(dtype=bool)
    answered = (requests["status"] > 0).to_numpy(dtype=bool, na_value=False)
    early = latency.values("intended_s") < -BEFORE_T0_S
    since = f"Waited for, from {offset(-BEFORE_T0_S)} on"
    rules = [
        (
            "Waited for",
            ~needless & ~untimed,
            "their answer was wanted, whatever the result",
            "latency by step, p99s, gates, errors, the slowest requests (without streams)",
        ),
        (
            "No longer needed (abandoned)",
            needless,
            "before they were answered: a page that was reloaded, a countdown at T-0",
            "their own columns; in no latency and no error",
        ),
        (
            "Of no known time",
            untimed,
            "they were wanted, and when they ended is not recorded",
            "errors; in no latency",
        ),
        (
            "All on record",
            every,
            "the sum of these",
            "the first screen, the generator",
        ),
        (
            since,
            ~needless & ~untimed & ~early,
            "what came earlier is no part of the rush",
            "the cause, where the slowest spent their time",
        ),
        (
            "Sent",
            ~unsent,
            "they left the generator; others had no connection, or were no longer needed before",
            "how often students had to ask",
        ),
        (
            "Answered",
            answered,
            "well, with a refusal or an error",
            "kernel timestamps, counted on both sides",
        ),
    ]
    optional = ("Of no known time",)
    if evidence.t0_ns is None:  # nobody knows which came before
        rules = [rule for rule in rules if rule[0] != since]
    rows = [
        row(name, written(int(which.sum())), written(int((which & buying).sum())), rule, where)
        for name, which, rule, where in rules
        if name not in optional or which.any()
    ]
    busiest = [requests["sent_ns"][chosen] for chosen in (every, buying)]
    rows.append(
        row(
            "Sent in the busiest second",
            *(written(busiest_second(sent_ns)) for sent_ns in busiest),
            "the most that were sent within any one second; those to buy have one of their own",
            "the first screen, where nobody had a bad end (load.busiest_second)",
        )
    )
    columns = (
        ("Requests", "text"),
        ("All", "number"),
        ("To buy", "number"),
        ("Which", "meaning"),
        ("Where the page counts these", "text"),
    )
    return Table("counts", "How requests are counted", columns, rows)
