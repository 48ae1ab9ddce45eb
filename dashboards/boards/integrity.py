"""*Integrity*: whether what was promised is what was kept, in every store, for every student."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.boards.shared_panels import AUDITED, NOT_JUDGED
from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json
from dress_rehearsal.dashboards.kit.panels import note, stat, timeseries, words
from dress_rehearsal.dashboards.kit.promql import (
    highest,
    last,
    of_app,
    of_run,
    or_absent,
    or_value,
    or_zero,
    per_second,
    quantile,
    rates,
    so_far,
    total,
)
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import (
    JUDGED_ZERO,
    Thresholds,
    fail_from,
    plain,
    warn_fail,
    warn_from,
)

UID: Final = "rehearsal-integrity"

_GRANTED: Final = of_run("tickets_granted_total")
_COMMITTED: Final = of_run("writeback_committed_total")
_HELD: Final = of_run("tickets_held")
_IN_REDIS: Final = of_run("tickets_held", 'store="redis"')
_IN_POSTGRES: Final = of_run("tickets_held", 'store="postgres"')
_DUPLICATE: Final = 'code="already_holds_ticket"'
_BACKLOG: Final = of_run("writeback_backlog")
_OLDEST: Final = of_run("writeback_oldest_age_seconds")


def integrity() -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard_json(
        UID,
        "Integrity",
        "Granted, committed and held: no ticket twice, none lost, none beyond the last.",
        [
            Section("At a glance", _at_a_glance()),
            Section("From the grant to the row", _tickets()),
            Section("Write-back", _writeback()),
            Section("Refusals and entries", _refusals()),
            Section("Audit", _audit()),
        ],
    )


def _at_a_glance() -> tuple[Panel, ...]:
    return (
        _number(
            "Granted",
            "Tickets the app granted, all processes together, those lost on the way included.",
            or_value(total(_GRANTED)),
        ),
        _number(
            "Committed",
            "Rows the write-back committed; where the allocation writes rows itself, the rows.",
            f"({total(_COMMITTED)} or max({last(_IN_POSTGRES)})) or vector(0)",
        ),
        _number(
            "Held by Redis",
            "Tickets Redis holds; zero where the allocation keeps none there.",
            or_value(f"max({last(_IN_REDIS)})"),
        ),
        _number(
            "Held by PostgreSQL",
            "Tickets PostgreSQL holds: at the end all that were granted.",
            or_value(f"max({last(_IN_POSTGRES)})"),
        ),
        stat(
            "Drift between stores",
            "Tickets one store holds and the other does not, now. During the rush it is the "
            "backlog, and what was sold between reading the one store and the other; when all is "
            "settled it must be zero.",
            Query(f"max({_HELD}) - min({_HELD})", "drift"),
            limits=warn_from(1),
            span=3,
            sparkline=True,
        ),
        _number(
            "Duplicates refused",
            "Second tickets asked for and refused: double clicks, second devices, cheats.",
            or_value(total(of_run("tickets_refused_total", _DUPLICATE))),
            plain(colours.REFUSED),
        ),
        _number(
            "Given up",
            "Grants the write-back gave up on: dead letters and poisoned ones. Each is a student "
            "with a promise and no row.",
            _given_up(),
            fail_from(1),
        ),
        stat(
            "Time to settle",
            "From the last answer until all stores agreed. Orange from 10 s, red from 60 s.",
            Query(or_value(f"max({last(of_run('rehearsal_settle_seconds'))})", -1), "settled in"),
            unit="s",
            limits=Thresholds(
                colours.GREY,
                ((0, colours.OK), (10, colours.WARNING), (60, colours.FAILED)),
            ),
            span=3,
            mappings=[words({"-1": (NOT_JUDGED, colours.GREY)})],
        ),
    )


def _given_up() -> str:
    poisoned = or_value(total(of_run("writeback_poisoned_total")))
    dead = or_value(f"max({last(of_run('writeback_dead_letters'))})")
    return f"({poisoned}) + ({dead})"


def _number(title: str, description: str, expr: str, limits: Thresholds | None = None) -> Panel:
    return stat(
        title,
        description,
        Query(expr, title.lower()),
        limits=limits or plain(colours.OK),
        span=3,
    )


def _tickets() -> tuple[Panel, ...]:
    return (
        timeseries(
            "Granted, committed, held so far",
            "The lines rise together and end on one level. A gap that stays is a promise that "
            "was not kept.",
            [
                Query(so_far(_GRANTED), "granted", colours.OK),
                Query(f"{total(_COMMITTED)} or max({_IN_POSTGRES})", "committed", colours.FELT_P99),
                Query(f"max by (store) ({_HELD})", "held by {{store}}"),
                Query(
                    f"max({of_run('rehearsal_event_tickets')})",
                    "tickets of the event",
                    colours.LIMIT,
                    dashed=True,
                ),
            ],
            span=12,
            height=9,
            stepped=True,
            colours={"held by redis": colours.REDIS, "held by postgres": colours.POSTGRES},
        ),
        timeseries(
            "Drift and backlog",
            "Drift is what one store holds and the other does not; backlog is what the write-back "
            "knows it still has to do. The stores are read up to a quarter of a second apart, so "
            "in the rush what was sold meanwhile counts as drift too, and is no loss. Drift that "
            "stays when the rush is over and the backlog is zero is one.",
            [
                Query(f"max({_HELD}) - min({_HELD})", "drift", colours.SERVER),
                Query(or_absent(f"max({_BACKLOG})", _BACKLOG), "backlog", colours.UNKNOWN),
            ],
            span=12,
            height=9,
            stepped=True,
        ),
    )


def _writeback() -> tuple[Panel, ...]:
    again, poisoned = (
        so_far(of_run(f"writeback_{name}_total")) for name in ("redelivered", "poisoned")
    )
    dead = highest(of_run("writeback_dead_letters"))
    batches = of_run("writeback_batch_seconds_bucket")
    batch = quantile(0.99, "writeback_batch_seconds", series=batches)
    length, pending, lag = (
        or_absent(f"sum({series})", series)
        for series in (of_run(f"redis_stream_{name}") for name in ("length", "pending", "lag"))
    )
    return (
        timeseries(
            "Age of the oldest grant without a row",
            "How long a student has had a promise without a row. Orange from 5 s, red from 30 s.",
            [Query(or_absent(f"max({_OLDEST})", _OLDEST), "oldest", colours.UNKNOWN)],
            unit="s",
            limits=warn_fail(5, 30),
        ),
        timeseries(
            "Commit of a batch, p99",
            "How long a batch of rows takes; nothing is drawn while none is written, and zero in "
            "a plan without write-back. "
            "Orange from 0.5 s, red from 2 s.",
            [Query(or_absent(batch, batches), "batch p99", colours.SERVER)],
            unit="s",
            limits=warn_fail(0.5, 2),
        ),
        timeseries(
            "Rows committed",
            "Rows the write-back commits, a second.",
            [Query(or_zero(per_second(_COMMITTED)), "rows", colours.OK)],
            unit="suffix:rows/s",
        ),
        timeseries(
            "Redelivered, poisoned, dead letters so far",
            "Grants delivered again (harmless if writing is idempotent), found unreadable, and "
            "given up.",
            [
                Query(again, "redelivered", colours.UNKNOWN),
                Query(poisoned, "poisoned", colours.FAILED),
                Query(or_zero(dead), "dead letters", colours.FAULT),
            ],
            span=12,
            stepped=True,
        ),
        timeseries(
            "Stream of grants in Redis",
            "Entries in the stream, delivered and not acknowledged, and not yet delivered.",
            [
                Query(length, "in the stream", colours.GREY),
                Query(pending, "not acknowledged", colours.UNKNOWN),
                Query(lag, "not delivered", colours.REDIS),
            ],
            span=12,
            stepped=True,
        ),
    )


def _refusals() -> tuple[Panel, ...]:
    duplicates = of_app("tickets_refused_total", _DUPLICATE)
    return (
        timeseries(
            "Refusals by code",
            "Purchases turned away, a second. `overloaded` and `dependency_unavailable` are errors "
            "of the target; any other is an answer, and tells who came.",
            [Query(rates(of_app("tickets_refused_total"), "code"), "{{code}}")],
            unit="reqps",
            stacked=True,
        ),
        timeseries(
            "Duplicates refused so far",
            "Tries of students who hold a ticket to get another.",
            [Query(so_far(duplicates), "duplicates", colours.REFUSED)],
            stepped=True,
        ),
        timeseries(
            "Codes shown at the gates",
            "What became of the QR codes shown, a second; a code admits once.",
            [Query(rates(of_app("gate_scans_total"), "result"), "{{result}}")],
            unit="reqps",
        ),
    )


def _audit() -> tuple[Panel, ...]:
    return (
        table(
            "Audit",
            "Who was wronged, counted one wrong at a time, once judged; all should be zero.",
            [Key("counter", "Wrong")],
            [
                Column(
                    or_value(f"max by (counter) ({last(AUDITED)})", -1, counter=NOT_JUDGED),
                    "Students or tickets",
                    limits=JUDGED_ZERO,
                    width=180,
                )
            ],
            sort="Students or tickets",
            span=9,
            height=12,
        ),
        table(
            "Page views counted",
            "Views of each event's page as Redis counts them; the audit compares them with the "
            "requests sent.",
            [Key("event", "Event")],
            [
                Column(
                    or_value(f"max by (event) ({last(of_run('event_views_total'))})", event="none"),
                    "Views",
                    width=120,
                )
            ],
            sort="Views",
            span=7,
            height=12,
        ),
        note(
            "The wrongs by name",
            "- **oversold**: more tickets than there were\n"
            "- **duplicate_students**: two tickets for one student\n"
            "- **acked_but_missing**: a student was told of it, and PostgreSQL does not have it\n"
            "- **held_without_ack**: held, and the student was told no\n"
            "- **ineligible**: sold to somebody not on the roster\n"
            "- **sold_early**: sold before T-0\n"
            "- **false_sold_out**: told sold out while tickets were left\n"
            "- **store_drift**: the stores disagree after settling\n"
            "- **stuck_students**: told that the ticket is pending, which was never issued\n"
            "- **double_entry**: one code let two in\n"
            "- **lost_views**: page views nobody counted",
            span=8,
            height=12,
        ),
    )
