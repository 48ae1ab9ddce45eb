"""*Integrity*: whether what was promised is what was kept, in every store, for every student."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.boards.judgement import NOT_JUDGED
from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json
from dress_rehearsal.dashboards.kit.panels import stat, timeseries, words
from dress_rehearsal.dashboards.kit.promql import (
    highest,
    last,
    of_app,
    of_run,
    or_absent,
    or_value,
    or_zero,
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
)
from dress_rehearsal.plans.names import WRONGS

UID: Final = "rehearsal-integrity"

_GRANTED: Final = of_run("tickets_granted_total")
_COMMITTED: Final = of_run("writeback_committed_total")
_HELD: Final = of_run("tickets_held")
_IN_POSTGRES: Final = of_run("tickets_held", 'store="postgres"')
_BACKLOG: Final = of_run("writeback_backlog")
_OLDEST: Final = of_run("writeback_oldest_age_seconds")
_LAG: Final = of_run("kafka_consumergroup_lag", 'consumergroup=~".*-writeback"')


_WRONGS: Final = {word: (name.title, colours.GREY) for word, name in WRONGS.items()}


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
            Section("Refusals and audit", _judged()),
            Section("Entrances", (_entrances(),), optional=True),
        ],
    )


def _at_a_glance() -> tuple[Panel, ...]:
    poisoned = or_value(total(of_run("writeback_poisoned_total")))
    dead = or_value(f"max({last(of_run('writeback_dead_letters'))})")
    in_redis, in_postgres = (
        f"max({last(of_run('tickets_held', f'store={store}'))})"
        for store in ('"redis"', '"postgres"')
    )
    return (
        stat(
            "Tickets",
            "Granted by the app, those lost on the way included; committed by the write-back, or "
            "written where the allocation writes rows itself; held by each store. At the end all "
            "are one number; Redis holds none where the allocation keeps none there.",
            Query(or_value(total(_GRANTED)), "granted", colours.OK),
            Query(
                f"({total(_COMMITTED)} or {in_postgres}) or vector(0)",
                "committed",
                colours.FELT_P99,
            ),
            Query(or_value(in_redis), "held by redis", colours.REDIS),
            Query(or_value(in_postgres), "held by postgres", colours.POSTGRES),
            limits=plain(colours.OK),
            span=14,
            named=True,
        ),
        stat(
            "Given up",
            "Grants the write-back gave up on: dead letters and poisoned ones. Each is a student "
            "with a promise and no row.",
            Query(f"({poisoned}) + ({dead})", "given up"),
            limits=fail_from(1),
            span=5,
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
            span=5,
            mappings=[words({"-1": (NOT_JUDGED, colours.GREY)})],
        ),
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
            "Oldest grant without a row, commit of a batch",
            "How long a student has had a promise without a row, and how long a batch of rows "
            "takes, p99; zero in a plan without write-back. Orange from 5 s, red from 30 s.",
            [
                Query(or_absent(f"max({_OLDEST})", _OLDEST), "oldest grant", colours.UNKNOWN),
                Query(or_absent(batch, batches), "batch p99", colours.SERVER),
            ],
            unit="s",
            span=12,
            limits=warn_fail(5, 30),
        ),
        timeseries(
            "Stream or topic of grants, and what went wrong in it so far",
            "Entries in the stream, delivered and not acknowledged, and not yet delivered; what "
            "the group has not committed in Kafka; grants delivered again (harmless if writing is "
            "idempotent), found unreadable, and given up.",
            [
                Query(length, "in the stream", colours.GREY),
                Query(pending, "not acknowledged", colours.FELT_P99),
                Query(lag, "not delivered", colours.REDIS),
                Query(or_absent(f"max({_LAG})", _LAG), "not committed in Kafka", colours.SERVER),
                Query(again, "redelivered", colours.UNKNOWN),
                Query(poisoned, "poisoned", colours.FAILED),
                Query(or_zero(dead), "dead letters", colours.FAULT),
            ],
            span=12,
            stepped=True,
        ),
    )


def _judged() -> tuple[Panel, ...]:
    audited = of_run("rehearsal_audit", 'counter!~"settle.*"')
    return (
        timeseries(
            "Refusals and lost races",
            "Purchases turned away by code, a second: `overloaded` and `dependency_unavailable` "
            "are errors of the target, any other is an answer and tells who came. Attempts to "
            "grant that lost a race begin again.",
            [
                Query(rates(of_app("tickets_refused_total"), "code"), "{{code}}"),
                Query(
                    rates(of_app("allocator_retries_total"), "allocation"), "again: {{allocation}}"
                ),
            ],
            unit="suffix:/s",
            span=12,
            height=10,
        ),
        table(
            "Audit",
            "Who was wronged, counted one wrong at a time, once judged; all should be zero. The "
            "report says what each of them is, and whom it befell.",
            [Key("counter", "Wrong", words=words(_WRONGS))],
            [
                Column(
                    or_value(f"max by (counter) ({last(audited)})", -1, counter=NOT_JUDGED),
                    "Students or tickets",
                    limits=JUDGED_ZERO,
                    width=180,
                )
            ],
            sort="Students or tickets",
            span=12,
            height=10,
        ),
    )


def _entrances() -> Panel:
    return timeseries(
        "Codes shown at the entrances",
        "What became of the QR codes shown, a second; a code admits once.",
        [Query(rates(of_app("gate_scans_total"), "result"), "{{result}}")],
        unit="reqps",
        span=24,
    )
