"""Writes a whole run directory from a seed, without a target: healthy, or with defects on purpose.

`build_run(tmp_path, students=600, tickets=200, seed=7, oversell=3)` gives a `RunDirectory` as the
conductor would leave it behind. Every keyword that is a field of `Defects` seeds that defect.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from plans import Plan, plan_toml
from records import RunDirectory, tables

T0_NS = 1_795_197_600_000_000_000  # 2026-11-20 18:00:00 UTC
SECOND = 1_000_000_000
PAGE, COUNTDOWN, LOGIN, BUY, TICKET, QR = tables.STEPS
WORKER_PIDS = (4101, 4102, 4103, 4104)
WRITEBACK_PID, GENERATOR_PID = 4201, 4301
APP_PORT = 8000
WAIT_EDGES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defects:
    """What goes wrong in a run; the defaults are a healthy one."""

    oversell: int = 0
    """Tickets granted beyond the capacity, acknowledged like the others."""
    duplicate_rows: int = 0
    """Holders with a second, different ticket in every store."""
    repeated_rows: int = 0
    """PostgreSQL rows delivered twice, same ticket."""
    missing_rows: int = 0
    """Acknowledged and issued tickets that are in no store at the end."""
    ineligible: int = 0
    """Places of the capacity that went to outsiders."""
    strangers: int = 0
    """Places of the capacity that went to people who are not on the roster at all."""
    false_sold_out: int = 0
    """Places left though students were told `sold out`."""
    drift: int = 0
    """Tickets that PostgreSQL holds and Redis lost."""
    unacked: int = 0
    """Holders who were answered with an error."""
    unknown: int = 0
    """Purchases that timed out; every second one holds a ticket."""
    stuck: int = 0
    """Holders told `pending` for ever though their row is committed."""
    lost_views: int = 0
    """Page views missing from the counter; negative: counted twice."""
    counter_off: int = 0
    """Purchases the server counted and the generator did not record; negative: the reverse."""
    failed: int = 0
    """Students who met 503 overloaded and ended there."""
    never_started: int = 0
    """Students without a row."""
    contradictory: int = 0
    """Students with two rows that disagree."""
    generator_late_ms: float = 0.0
    """How much later than intended purchases are sent within 2 s of T-0."""
    slow_reading_ms: float = 0.0
    """How much later than received answers are read."""
    slow_ms: float = 0.0
    """Time the server adds to every purchase."""
    pool_exhausted: bool = False
    """The PostgreSQL pool is full from T-0 + 0.25 s for 2 s; use time stays flat."""
    slow_holder: bool = False
    """As pool_exhausted, but connections are held ten times longer within 2.25 s of T-0."""
    pool_timeouts: int = 0
    """Waits for a PostgreSQL connection that ran out, at T-0 + 1 s."""
    leak: int = 0
    """PostgreSQL connections never given back after T-0."""
    accept_overflows: int = 0
    """Connections the kernel dropped at T-0 because the accept queue was full."""
    cpu_full: bool = False
    """All CPUs busy and the app's loops late from T-0 to T-0 + 3 s."""
    writeback_slow: bool = False
    """Rows are committed 3 s after their grant."""
    worker_lost: bool = False
    """The second app worker dies at T-0 + 1 s."""
    component_lost: str | None = None
    """Name of another component that was lost at T-0 + 1 s."""
    interrupted: bool = False
    """Ctrl-C at T-0 + 2 s; students are still under way."""
    killed: bool = False
    """kill -9 at T-0 + 2 s: no students, no ledger, no last phases."""
    no_t0: bool = False
    """The run ended before a T-0 was set; nobody clicked."""
    no_timestamps: bool = False
    """The kernel gave no receive times."""
    store_unreadable: str | None = None
    """Store that could not be read at the end."""
    without: Sequence[str] = ()
    """Files left out: requests, students, ledger, metrics, environment, timeline."""
    without_metrics: Sequence[str] = ()
    """Names of metrics that were never collected (prefixes)."""


def build_run(
    tmp_path: Path,
    *,
    students: int = 600,
    tickets: int = 200,
    seed: int = 7,
    workers: int = 2,
    allocation: str = "redis_writeback",
    gates: Sequence[tuple[str, str]] = (),
    plan: Mapping[str, Mapping[str, Any]] | None = None,
    **defects: Any,
) -> RunDirectory:
    """Write a run directory under `tmp_path`, the same bytes for the same arguments.

    Args:
        gates: (metric, limit) pairs.
        plan: further sections of the plan, such as `{"schedule": {"lead": "30s"}}`.
        defects: fields of `Defects`.
    """
    resolved = _plan(students, tickets, seed, workers, allocation, gates, plan or {})
    story = _Story(resolved, Defects(**defects))
    run = RunDirectory(tmp_path / f"20261120T180000Z-synthetic-{seed:06x}")
    for folder in (run.requests, run.metrics, run.logs, run.figures):
        folder.mkdir(parents=True)
    story.write(run)
    return run


def _plan(
    students: int,
    tickets: int,
    seed: int,
    workers: int,
    allocation: str,
    gates: Sequence[tuple[str, str]],
    sections: Mapping[str, Mapping[str, Any]],
) -> Plan:
    document: dict[str, Any] = {
        "name": "synthetic",
        "seed": seed,
        "event": {"students": students, "tickets": tickets},
        "schedule": {"lead": "6s", "sale": "8s", "drain": "4s"},
        "students": {"late_mean": "1s", "login_at_open": "2s", "countdown_poll": "1s"},
        "app": {"workers": workers, "allocation": allocation},
        "gates": [{"metric": metric, "limit": limit} for metric, limit in gates],
    }
    for name, section in sections.items():
        document[name] = {**document.get(name, {}), **section}
    return Plan.model_validate(document)


class _Story:
    """Who did what when; then what each file says about it."""

    def __init__(self, plan: Plan, defects: Defects) -> None:
        self.plan, self.defects = plan, defects
        self.rng = np.random.default_rng(plan.seed)
        self.end_ns = T0_NS + int((plan.schedule.sale + plan.schedule.drain) * SECOND)
        self.start_ns = T0_NS - int(plan.schedule.lead * SECOND)
        self.pids = WORKER_PIDS[: plan.app.workers]
        self._people()
        self._purchases()
        self._stores()
        self.requests = self._requests()
        if defects.killed or defects.interrupted or defects.no_t0:
            stop = self.start_ns + 2 * SECOND if defects.no_t0 else T0_NS + 2 * SECOND
            self.requests = self.requests[self.requests["intended_ns"] < stop]
            self.end_ns = stop

    # -- the people and their purchases ------------------------------------------------------

    def _people(self) -> None:
        plan, rng = self.plan, self.rng
        n = plan.event.students
        journey = np.full(n, "eager", dtype=object)
        outsiders = round(n * plan.students.outsiders)
        self.enrolled = np.arange(n) < n - outsiders
        order = rng.permutation(n - outsiders)
        late, double = round(n * plan.students.late), round(n * plan.students.double_clickers)
        journey[order[:late]] = "late"
        journey[order[late : late + double]] = "double-clicker"
        journey[n - outsiders :] = "outsider"
        self.journey = journey
        is_late = journey == "late"
        waiting = self.start_ns + rng.uniform(0, plan.schedule.lead - 2, n) * SECOND
        coming = T0_NS + np.minimum(rng.exponential(plan.students.late_mean, n), 4) * SECOND
        self.arrival = np.where(is_late, coming, waiting).astype(np.int64)
        before = rng.random(n) < plan.students.login_before
        early = self.arrival + (rng.random(n) * (T0_NS - SECOND - self.arrival)).astype(np.int64)
        at_open = T0_NS + (rng.random(n) * plan.students.login_at_open * SECOND).astype(np.int64)
        login = np.where(before, early, at_open)
        self.login = np.where(is_late, self.arrival + SECOND // 5, login).astype(np.int64)
        offset = rng.normal(plan.students.click_offset, plan.students.click_spread, n) * SECOND
        click = np.maximum(T0_NS + offset.astype(np.int64), self.login + SECOND // 2)
        self.clicked = click
        retry = rng.lognormal(math.log(0.5), 0.4, n) * SECOND
        self.buy = np.where(click < T0_NS, T0_NS + retry.astype(np.int64), click)

    def _purchases(self) -> None:
        plan, rng, defects = self.plan, self.rng, self.defects
        n = plan.event.students
        self.buy_lag = self._generator_lag(n)
        near = np.abs(self.buy - T0_NS) < 2 * SECOND
        self.buy_lag += np.where(near, int(defects.generator_late_ms * 1e6), 0)
        sent = self.buy + self.buy_lag
        order = np.argsort(sent, kind="stable")
        step_ns = 180_000  # one worker's time for one purchase, two workers
        queue = np.arange(n) * step_ns
        finished = np.empty(n, dtype=np.int64)
        finished[order] = np.maximum.accumulate(sent[order] - queue) + queue + step_ns
        service = rng.lognormal(math.log(3.5), 0.4, n) * 1e6 + defects.slow_ms * 1e6
        self.buy_done = finished + service.astype(np.int64)
        self.buy_wait_us = np.full(n, 20, dtype=np.int64)
        if defects.pool_exhausted or defects.slow_holder:
            full = (sent > T0_NS + SECOND // 4) & (sent < T0_NS + 9 * SECOND // 4)
            waited = np.where(full, rng.lognormal(math.log(80_000), 0.3, n), 20)
            self.buy_wait_us = waited.astype(np.int64)
            self.buy_done += self.buy_wait_us * 1000

        outcome = np.where(self.enrolled, "sold_out", "refused").astype(object)
        eligible = np.flatnonzero(self.enrolled)
        line = eligible[np.argsort(self.buy_done[eligible], kind="stable")]
        taken = defects.false_sold_out + defects.ineligible + defects.strangers
        granted = line[: max(plan.event.tickets - taken, 0) + defects.oversell]
        outcome[granted] = "ticket"
        if defects.ineligible:
            lucky = np.flatnonzero(~self.enrolled)[: defects.ineligible]
            outcome[lucky] = "ticket"
            granted = np.concatenate([granted, lucky])
        self.granted = granted
        self.number = np.zeros(n, dtype=np.int64)
        self.number[granted] = np.arange(1, len(granted) + 1)
        self.holds = outcome == "ticket"
        used = 0
        for count, word in ((defects.unacked, "failed"), (defects.unknown, "unknown")):
            outcome[granted[used : used + count]] = word
            used += count
        timed_out = np.flatnonzero(outcome == "unknown")
        self.holds[timed_out[1::2]] = False
        losers = np.flatnonzero(outcome == "sold_out")
        outcome[losers[: defects.failed]] = "failed"
        self.stuck = granted[used : used + defects.stuck]
        used += defects.stuck
        self.lost = granted[used : used + defects.missing_rows]
        used += defects.missing_rows
        self.drifted = granted[used : used + defects.drift]
        self.outcome = outcome

    def _stores(self) -> None:
        plan, rng, defects = self.plan, self.rng, self.defects
        n = plan.event.students
        self.acked = self.outcome == "ticket"
        self.ticket = np.array([f"{plan.seed:04x}-{k:06d}" for k in range(n)], dtype=object)
        granted_ns = self.buy_done - 400_000
        behind = plan.app.allocation == "redis_writeback"
        delay = rng.uniform(2, 40, n) * 1e6 + (3e9 if defects.writeback_slow else 0)
        self.committed = granted_ns + (delay if behind else 100_000.0 * np.ones(n)).astype(np.int64)
        issued = np.where(behind, self.buy_done + plan.students.ticket_poll * 1e9, self.buy_done)
        if defects.writeback_slow and behind:
            issued = issued + 3 * SECOND
        self.issued = issued.astype(np.int64)
        self.pending = behind
        held = np.flatnonzero(self.holds & ~np.isin(np.arange(n), self.lost))
        held = held[np.argsort(self.number[held], kind="stable")]
        rows = pd.DataFrame(
            {
                "source": "postgres",
                "ticket": self.ticket[held],
                "student": held,
                "number": self.number[held],
                "granted_ns": granted_ns[held],
                "committed_ns": self.committed[held],
            }
        )
        second = rows.head(defects.duplicate_rows).assign(
            ticket=rows["ticket"].head(defects.duplicate_rows) + "-again"
        )
        strangers = rows.head(defects.strangers).assign(
            student=-1, ticket=rows["ticket"].head(defects.strangers) + "-stranger"
        )
        rows = pd.concat([rows, second, strangers], ignore_index=True)
        postgres = pd.concat([rows, rows.head(defects.repeated_rows)], ignore_index=True)
        redis = rows[~rows["student"].isin(self.drifted)].assign(source="redis", committed_ns=None)
        self.ledger = pd.concat([postgres, redis]) if self.pending else postgres
        self.stores = ("postgres", "redis") if self.pending else ("postgres",)
        if defects.store_unreadable:
            self.ledger = self.ledger[self.ledger["source"] != defects.store_unreadable]

    # -- the requests ------------------------------------------------------------------------

    def _generator_lag(self, n: int) -> Any:
        return (self.rng.lognormal(math.log(0.3), 0.5, n) * 1e6).astype(np.int64)

    def _requests(self) -> pd.DataFrame:
        everyone = np.arange(self.plan.event.students)
        clicked_early = everyone[self.clicked < T0_NS]
        doubles = everyone[(self.journey == "double-clicker") & self.acked]
        acked = everyone[self.acked]
        parts = [
            self._answered(PAGE, everyone, self.arrival),
            self._answered(LOGIN, everyone, self.login),
            self._countdowns(),
            self._answered(BUY, clicked_early, self.clicked[clicked_early], "too_early"),
            self._buys(),
            self._answered(
                BUY, doubles, self.buy_done[doubles] + 120_000_000, "already_holds_ticket", device=1
            ),
        ]
        if self.pending:
            parts.append(self._answered(TICKET, acked, self.buy_done[acked] + SECOND))
            late = np.repeat(self.stuck, 4)
            since = np.tile(np.arange(2, 6) * SECOND, len(self.stuck))
            parts.append(self._answered(TICKET, late, self.buy_done[late] + since))
        issued = acked[~np.isin(acked, self.stuck)]
        parts.append(self._answered(QR, issued, self.issued[issued] + SECOND))
        rows = pd.concat(parts, ignore_index=True)
        rows = rows[~rows["student"].isin(self._absent())]
        rows["journey"] = self.journey[rows["student"].to_numpy()]
        rows = rows.sort_values(["intended_ns", "student"], kind="stable", ignore_index=True)
        rows["seq"] = rows.groupby("student").cumcount()
        rows["worker"] = np.array(self.pids)[rows["student"].to_numpy() % len(self.pids)]
        if self.defects.worker_lost:
            gone = (rows["worker"] == self.pids[1]) & (rows["sent_ns"] > T0_NS + SECOND)
            _without_answer(rows, gone, "failed", "connect_refused")
        return rows

    def _absent(self) -> Any:
        return np.arange(self.plan.event.students)[::-1][: self.defects.never_started]

    def _countdowns(self) -> pd.DataFrame:
        poll = int(self.plan.students.countdown_poll * SECOND)
        waits = np.flatnonzero(self.arrival < T0_NS)
        counts = ((T0_NS - self.arrival[waits]) // poll).astype(int)
        student = np.repeat(waits, counts)
        turn = np.concatenate([np.arange(1, count + 1) for count in counts] or [np.array([], int)])
        return self._answered(COUNTDOWN, student, self.arrival[student] + turn * poll)

    def _buys(self) -> pd.DataFrame:
        student = np.arange(self.plan.event.students)
        words = {
            "ticket": None,
            "sold_out": "sold_out",
            "refused": "not_enrolled",
            "failed": "overloaded",
            "unknown": None,
        }
        rows = self._answered(BUY, student, self.buy, [words[word] for word in self.outcome])
        if self.pending:
            rows.loc[self.acked, "status"] = 202
        rows["sent_ns"] = self.buy + self.buy_lag
        rows["done_ns"] = self.buy_done
        rows["first_byte_ns"] = self.buy_done - 20_000
        rows["read_ns"] = self.buy_done + 300_000 + int(self.defects.slow_reading_ms * 1e6)
        took_us = (rows["done_ns"] - rows["sent_ns"]) // 1000
        rows["pool_us"] = self.buy_wait_us
        rows["app_us"] = np.minimum(took_us, 3_000 + self.buy_wait_us)
        rows["queue_us"] = took_us - rows["app_us"]
        timed_out = self.outcome == "unknown"
        _without_answer(rows, timed_out, "unknown", "timeout")
        given_up = self.buy[timed_out] + int(self.plan.students.timeout * SECOND)
        rows.loc[timed_out, ["done_ns", "read_ns"]] = np.column_stack([given_up, given_up])
        return rows

    def _answered(
        self, step: str, student: Any, intended: Any, error: Any = None, device: int = 0
    ) -> pd.DataFrame:
        """Make requests that were answered; `error` is a problem code, or one for each."""
        n = len(student)
        errors = [error] * n if error is None or isinstance(error, str) else list(error)
        code = pd.Series(errors, dtype=object)
        sent = intended + self._generator_lag(n)
        took = (self.rng.lognormal(math.log(2.5), 0.5, n) * 1e6).astype(np.int64)
        status = code.map(
            {"not_enrolled": 403, "overloaded": 503, "too_early": 409, "sold_out": 409}
        )
        status = status.where(code.isna() | status.notna(), 409)
        fine = 201 if step == BUY else 200
        overloaded = (code == "overloaded").to_numpy(dtype=bool)
        outcome = np.where(code.isna(), "ok", np.where(overloaded, "failed", "refused"))
        new = np.full(n, step == PAGE)
        return pd.DataFrame(
            {
                "intended_ns": intended,
                "sent_ns": sent,
                "first_byte_ns": sent + took - 20_000,
                "done_ns": sent + took,
                "read_ns": sent
                + took
                + self._generator_lag(n)
                + int(self.defects.slow_reading_ms * 1e6),
                "student": student,
                "device": device,
                "step": step,
                "status": status.fillna(fine).astype(int),
                "outcome": outcome,
                "error": code,
                "bytes": 420,
                "new_connection": new,
                "connect_us": pd.array(np.where(new, 180, 0), dtype="Int64"),
                "queue_us": took // 5000,
                "pool_us": 20,
                "db_us": took // 4000,
                "redis_us": took // 8000,
                "external_us": None,
                "app_us": took // 1250,
            }
        )

    # -- the files ---------------------------------------------------------------------------

    def write(self, run: RunDirectory) -> None:
        """Write every file that this run left behind."""
        absent = set(self.defects.without)
        if self.defects.killed or self.defects.no_t0:
            absent |= {"students", "ledger"}
        run.write_text("plan.toml", plan_toml(self.plan))
        if "environment" not in absent:
            run.write_json("environment.json", _ENVIRONMENT)
        if "timeline" not in absent:
            self._write_timeline(run, "ledger" not in absent)
        for name, tabled in (
            ("requests", self._request_parts),
            ("students", self._students),
            ("ledger", self._ledger),
            ("metrics", lambda: _Meters(self).parts()),
        ):
            if name not in absent:
                for file, table in tabled().items():
                    run.write_table(file, table)

    def _request_parts(self) -> dict[str, pa.Table]:
        requests, middle = self.requests.copy(), len(self.requests) // 2
        if self.defects.no_timestamps:
            requests[["first_byte_ns", "done_ns"]] = None
        shards = (requests[:middle], requests[middle:])
        return {
            f"requests/{GENERATOR_PID}-{number:04d}.parquet": _table(rows, tables.REQUESTS)
            for number, rows in enumerate(shards)
        }

    def _ledger(self) -> dict[str, pa.Table]:
        return {"ledger.parquet": _table(self.ledger, tables.LEDGER)}

    def _students(self) -> dict[str, pa.Table]:
        n = self.plan.event.students
        known = self.acked
        issued = known & ~np.isin(np.arange(n), self.stuck)
        outcome = self.outcome.copy()
        if self.defects.interrupted:
            unfinished = self.buy_done > self.end_ns
            outcome[unfinished] = "in_flight"
            known, issued = known & ~unfinished, issued & (self.issued < self.end_ns)
        rows = pd.DataFrame(
            {
                "student": np.arange(n),
                "journey": self.journey,
                "enrolled": self.enrolled,
                "arrival_ns": self.arrival,
                "clicked_ns": self.clicked,
                "outcome": outcome,
                "ticket": np.where(known, self.ticket, None),
                "acked_ns": pd.array(self.buy_done, dtype="Int64"),
                "issued_ns": pd.array(self.issued, dtype="Int64"),
                "attempts": np.where(self.clicked < T0_NS, 2, 1),
            }
        )
        rows.loc[~known, "acked_ns"] = None
        rows.loc[~issued, "issued_ns"] = None
        rows = rows[~rows["student"].isin(self._absent())]
        doubled = rows[rows["outcome"] == "sold_out"].head(self.defects.contradictory)
        rows = pd.concat([rows, doubled.assign(outcome="gave_up")], ignore_index=True)
        return {"students.parquet": _table(rows, tables.STUDENTS)}

    def _write_timeline(self, run: RunDirectory, ledger_read: bool) -> None:
        defects, start = self.defects, self.start_ns
        run.stamp("phase", "stage_starting", t_ns=start - 5 * SECOND)
        run.stamp("phase", "stage_ready", t_ns=start - 3 * SECOND)
        run.stamp("phase", "generator_ready", t_ns=start - SECOND)
        run.stamp("phase", "arrivals", t_ns=start)
        if not defects.no_t0:
            run.stamp("t0", "open", t_ns=T0_NS)
        lost = "app" if defects.worker_lost else defects.component_lost
        if lost:
            what = f"The {lost} process 4102 ended with signal 9 though nobody asked it to stop."
            run.stamp("process", lost, t_ns=T0_NS + SECOND, pid=4102, exit=-9, what=what)
        if defects.killed or defects.no_t0:
            return
        if defects.interrupted:
            run.stamp("abort", "interrupted", t_ns=self.end_ns, reason="Ctrl-C was pressed.")
        else:
            run.stamp("phase", "closed", t_ns=T0_NS + int(self.plan.schedule.sale * SECOND))
        run.stamp("phase", "performed", t_ns=self.end_ns)
        run.stamp("phase", "settled", t_ns=self.end_ns + SECOND)
        for store in self.stores if ledger_read or defects.store_unreadable else ():
            detail: dict[str, Any] = {"error": f"{store} did not answer: connection refused."}
            if store != defects.store_unreadable:
                count = int((self.ledger["source"] == store).sum())
                detail = {"tickets": count, "settle_ms": 40.0}
            run.stamp("ledger", store, t_ns=self.end_ns + SECOND, **detail)
        run.stamp("phase", "torn_down", t_ns=self.end_ns + 4 * SECOND)


class _Meters:
    """The metrics table: what every source showed at every tick."""

    def __init__(self, story: _Story) -> None:
        self.story, self.defects = story, story.defects
        interval = int(story.plan.collect.interval * SECOND)
        last = story.end_ns + (0 if story.defects.killed else 3 * SECOND)
        self.ticks = np.arange(story.start_ns - 2 * SECOND, last, interval, dtype=np.int64)
        self.sale = (self.ticks >= T0_NS) & (self.ticks < T0_NS + 2 * SECOND)
        self.rng = np.random.default_rng(story.plan.seed + 1)
        self._parts: list[tuple[str, str, str, Any, Any]] = []
        for position, pid in enumerate(story.pids):
            self._app(pid, position)
        if story.pending:
            self._writeback()
        self._postgres_and_redis()
        self._kernel_and_processes()
        self._generator()

    def parts(self) -> dict[str, pa.Table]:
        """Give the samples in two parts, in the order of their times."""
        columns: dict[str, list[Any]] = {
            "t_ns": [part[3] for part in self._parts],
            "value": [part[4] for part in self._parts],
        }
        lengths = [len(part[3]) for part in self._parts]
        frame = pd.DataFrame({name: np.concatenate(parts) for name, parts in columns.items()})
        for position, name in enumerate(("source", "name", "labels")):
            words = sorted({part[position] for part in self._parts})
            codes = np.repeat([words.index(part[position]) for part in self._parts], lengths)
            frame[name] = pd.Categorical.from_codes(codes, words)
        frame = frame.sort_values("t_ns", kind="stable", ignore_index=True)
        middle = len(frame) // 2
        return {
            f"metrics.parquet/part-{number:04d}.parquet": _table(rows, tables.METRICS)
            for number, rows in enumerate((frame[:middle], frame[middle:]))
        }

    def _add(self, source: str, name: str, values: Any, **labels: Any) -> None:
        if name.startswith(tuple(self.defects.without_metrics)):
            return
        ticks = self.ticks
        kept = np.ones(len(ticks), dtype=bool)
        if self.defects.worker_lost and source == f"app:{self.story.pids[1]}":
            kept = ticks < T0_NS + SECOND
        text = json.dumps(labels, sort_keys=True, separators=(",", ":"))
        values = np.broadcast_to(np.asarray(values, dtype=float), ticks.shape)
        self._parts.append((source, name, text, ticks[kept], values[kept]))

    def _add_once_seen(self, source: str, name: str, values: Any, **labels: Any) -> None:
        """Add a labelled counter, which exists only from its first increment on."""
        whole, self.ticks = self.ticks, self.ticks[values > 0]
        self._add(source, name, values[values > 0], **labels)
        self.ticks = whole

    def _seen(self, times: Any) -> Any:
        return np.searchsorted(np.sort(times), self.ticks, side="right")

    def _app(self, pid: int, position: int) -> None:
        source, rows = f"app:{pid}", self.story.requests
        mine = rows[(rows["worker"] == pid) & rows["done_ns"].notna()]
        answered = mine[mine["status"] > 0]
        for (step, status), group in answered.groupby(["step", "status"], observed=True):
            method, route = step.split(" ")
            count = self._seen(group["done_ns"].to_numpy(np.int64))
            if position == 0 and step == BUY and status == 409:
                count = count + np.where(self.ticks > T0_NS, self.defects.counter_off, 0)
            name = "http_server_requests_total"
            self._add_once_seen(source, name, count, method=method, route=route, status=str(status))
        probes = "http_server_requests_total"
        self._add(source, probes, 3.0, method="GET", route="/readyz", status="200")
        for step, group in answered.groupby("step", observed=True):
            method, route = step.split(" ")
            took = (group["done_ns"] - group["sent_ns"]).to_numpy(np.int64) / 1e9
            name = "http_server_request_duration_seconds"
            self._histogram(source, name, group, took, method=method, route=route)
        lag = 0.002 + self.rng.exponential(0.001, len(self.ticks))
        if self.defects.cpu_full:
            lag = lag + np.where(self.sale, 0.2, 0)
        self._add(source, "app_event_loop_lag_seconds", lag)
        self._add(source, "http_server_active_requests", np.where(self.sale, 12.0, 0.0))
        self._pool(source, "redis", answered, answered["redis_us"], self.story.plan.app.redis_pool)
        database = answered[answered["step"].isin([BUY, TICKET, QR])]
        self._pool(
            source, "postgres", database, database["db_us"], self.story.plan.app.postgres_pool
        )

    def _pool(self, source: str, pool: str, rows: pd.DataFrame, use_us: Any, size: int) -> None:
        wait = rows["pool_us"].to_numpy(float) / 1e6
        use = use_us.to_numpy(float) / 1e6
        done = rows["done_ns"].to_numpy(np.int64)
        used = np.where(self.sale, min(4.0, size), 0.0)
        pending, timeouts = np.zeros(len(self.ticks)), np.zeros(len(self.ticks))
        if pool == "postgres":
            shift = self.ticks - T0_NS
            full = (shift >= SECOND // 4) & (shift < 9 * SECOND // 4)
            if self.defects.slow_holder:
                use = np.where(np.abs(done - T0_NS) < 9 * SECOND // 4, use * 10, use)
            if self.defects.pool_exhausted or self.defects.slow_holder:
                used, pending = np.where(full, size, used), np.where(full, 25.0, pending)
            if source == f"app:{self.story.pids[0]}":
                timeouts = np.where(shift >= SECOND, self.defects.pool_timeouts, 0)
                used = np.where(shift > 0, np.maximum(used, self.defects.leak), used)
        else:
            wait = np.full(len(wait), 0.00002)
        prefix = "db_client_connection_"
        self._add(source, prefix + "count", used, pool=pool, state="used")
        self._add(source, prefix + "count", size - used, pool=pool, state="idle")
        self._add(source, prefix + "max", size, pool=pool)
        self._add(source, prefix + "pending_requests", pending, pool=pool)
        self._add(source, prefix + "timeouts_total", timeouts, pool=pool)
        self._add(source, prefix + "used_peak", np.maximum.accumulate(used), pool=pool)
        self._add(source, prefix + "pending_peak", np.maximum.accumulate(pending), pool=pool)
        self._histogram(source, prefix + "wait_time_seconds", rows, wait, pool=pool)
        self._histogram(source, prefix + "use_time_seconds", rows, use, pool=pool)

    def _histogram(
        self, source: str, name: str, rows: pd.DataFrame, seconds: Any, **labels: Any
    ) -> None:
        done = rows["done_ns"].to_numpy(np.int64)
        order = np.argsort(done, kind="stable")
        for edge in WAIT_EDGES:
            text = "+Inf" if edge == math.inf else repr(edge)
            self._add(
                source, name + "_bucket", self._seen(done[seconds <= edge]), le=text, **labels
            )
        total = np.concatenate([[0.0], np.cumsum(seconds[order])])
        self._add(source, name + "_sum", total[self._seen(done)], **labels)
        self._add(source, name + "_count", self._seen(done), **labels)

    def _writeback(self) -> None:
        story = self.story
        rows = story.ledger[story.ledger["source"] == "postgres"]
        granted = self._seen(rows["granted_ns"].to_numpy(np.int64))
        committed = self._seen(rows["committed_ns"].to_numpy(np.int64))
        backlog = granted - committed
        age = np.where(backlog > 0, 3.0 if self.defects.writeback_slow else 0.03, 0.0)
        source = f"writeback:{WRITEBACK_PID}"
        self._add(source, "writeback_backlog", backlog)
        self._add(source, "writeback_oldest_age_seconds", age)
        self._add(source, "writeback_committed_total", committed)
        self._add(source, "writeback_redelivered_total", 0.0)
        stream = {"stream": f"event:{story.plan.event.id}:grants"}
        self._add("redis", "redis_stream_length", granted, **stream)
        self._add("redis", "redis_stream_pending", backlog // 2, **stream, group="writeback")
        self._add("redis", "redis_stream_lag", backlog - backlog // 2, **stream, group="writeback")

    def _postgres_and_redis(self) -> None:
        plan, rows = self.story.plan, self.story.requests
        connections = plan.app.workers * plan.app.postgres_pool + 2
        for state, count in (("active", 3), ("idle", connections - 3), ("idle in transaction", 0)):
            self._add("postgres", "pg_stat_activity_count", count, state=state)
        self._add("postgres", "pg_connections_used", connections)
        self._add("postgres", "pg_settings_max_connections", plan.postgres.max_connections)
        self._add("postgres", "pg_lock_waiting", 0.0)
        self._add("postgres", "pg_up", 1.0)
        committed = self._seen(self.story.committed)
        self._add("postgres", "pg_stat_database_xact_commit_total", 40.0 + committed)
        views = rows[(rows["step"] == PAGE) & (rows["outcome"] == "ok")]
        seen = self._seen(views["done_ns"].fillna(views["read_ns"]).to_numpy(np.int64))
        lost = np.where(self.ticks > self.story.end_ns, self.defects.lost_views, 0)
        self._add("redis", "event_views_total", seen - lost, event=plan.event.id)
        self._add("redis", "redis_connected_clients", 20.0)
        self._add("redis", "redis_used_memory_bytes", 3e6)
        self._add("redis", "redis_maxclients", 10_000.0)
        self._add("redis", "redis_up", 1.0)

    def _kernel_and_processes(self) -> None:
        defects = self.defects
        overflows = 11 + np.where(self.ticks >= T0_NS, defects.accept_overflows, 0)
        limit = float(self.story.plan.app.backlog)
        waiting = np.where(self.sale, limit if defects.accept_overflows else 3.0, 0.0)
        self._add("kernel", "tcp_listen_overflows_total", overflows)
        self._add("kernel", "tcp_listen_drops_total", overflows)
        self._add("kernel", "tcp_syn_retrans_total", 5.0)
        self._add("kernel", "listen_queue_length", waiting, port=str(APP_PORT))
        self._add("kernel", "listen_queue_limit", limit, port=str(APP_PORT))
        used = np.where(self.sale, 1.0 if defects.cpu_full else 0.7, 0.2)
        self._add("kernel", "machine_cpu_used_ratio", used)
        pids = [("app", pid) for pid in self.story.pids]
        pids += [("generator", GENERATOR_PID), ("postgres", 4401), ("redis", 4501)]
        for component, pid in pids:
            seconds = np.cumsum(np.where(self.sale, 0.6, 0.1)) * self.story.plan.collect.interval
            labels = {"component": component, "pid": str(pid)}
            self._add("processes", "process_cpu_seconds_total", seconds, **labels)
            self._add("processes", "process_resident_memory_bytes", 8e7, **labels)
            self._add("processes", "process_open_fds", 40.0, **labels)

    def _generator(self) -> None:
        rows = self.story.requests
        sent = rows["sent_ns"].dropna().to_numpy(np.int64)
        done = rows["read_ns"].dropna().to_numpy(np.int64)
        late = np.where(self.sale, self.defects.generator_late_ms / 1000, 0.0)
        self._add("generator", "generator_loop_lag_seconds", 0.002 + late)
        self._add("generator", "generator_requests_total", self._seen(done))
        self._add("generator", "generator_in_flight", self._seen(sent) - self._seen(done))
        self._add("generator", "generator_connections", self._seen(self.story.arrival))
        self._add("generator", "generator_unwritten_rows", 100.0)
        arrived = self._seen(self.story.arrival)
        self._add("generator", "generator_students", arrived, state="arrived")
        self._add("collector", "collector_tick_seconds", 0.012)


def _without_answer(rows: pd.DataFrame, which: Any, outcome: str, error: str) -> None:
    rows.loc[which, ["first_byte_ns", "queue_us", "pool_us", "db_us", "redis_us", "app_us"]] = None
    rows.loc[which, "bytes"] = 0
    rows.loc[which, "status"] = 0
    rows.loc[which, "outcome"] = outcome
    rows.loc[which, "error"] = error


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Give the frame as a table of `schema`, column by column; integers keep their nulls."""
    columns = []
    for field in schema:
        column = frame[field.name]
        if pa.types.is_integer(field.type):
            column = pd.array(column, dtype="Int64")
        columns.append(pa.array(column, type=field.type, from_pandas=True))
    return pa.Table.from_arrays(columns, schema=schema)


_ENVIRONMENT = {
    "machine": "synthetic",
    "cpu": {"model": "none", "count": 2},
    "kernel": {"release": "6.1", "nofile": 1048576, "somaxconn": 4096},
    "versions": {"python": "3.11", "dress-rehearsal": "0.1.0"},
    "git_commit": None,
}
