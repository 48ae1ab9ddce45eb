"""The metrics of a synthetic run: what every source showed at every tick."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dress_rehearsal.records import tables
from tests.reports.synthetic_defects import (
    APP_PORT,
    BUY,
    GENERATOR_PID,
    PAGE,
    QR,
    SECOND,
    T0_NS,
    TICKET,
    WAIT_EDGES,
    WRITEBACK_PID,
    table_of,
)

_MEASURED = ["step", "status", "sent_ns", "done_ns", "pool_us", "db_us", "redis_us"]
"""What the app's own meters take from the requests that it answered."""


class Meters:
    """The metrics table: what every source showed at every tick."""

    def __init__(self, story: Any) -> None:
        self.story, self.defects = story, story.defects
        interval = int(story.plan.collect.interval * SECOND)
        rest_ns = int(story.defects.rest_s * SECOND)
        last = story.end_ns
        if not story.defects.killed:
            last = max(last, int(story.requests["done_ns"].max())) + rest_ns
        if story.defects.rest_s < 3 and not story.defects.killed:
            last = int(story.requests["done_ns"].max()) + rest_ns
        self.ticks = np.arange(story.start_ns - 2 * SECOND, last, interval, dtype=np.int64)
        self.rng = np.random.default_rng(story.plan.seed + 1)
        self._parts: list[tuple[str, str, str, Any, Any]] = []
        for position, pid in enumerate(story.pids):
            self._app(pid, position)
        if story.pending:
            self._writeback()
        self._postgres_and_redis()
        self._kernel_and_processes()
        self._generator()

    @property
    def sale(self) -> Any:
        """Which ticks are within 2 s of T-0."""
        return (self.ticks >= T0_NS) & (self.ticks < T0_NS + 2 * SECOND)

    def parts(self) -> dict[str, pa.Table]:
        """Return the samples in two parts, in the order of their times."""
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
        later = frame["t_ns"] >= self.defects.clock_step_ns
        frame.loc[later, "t_ns"] += round(self.defects.clock_step_s * SECOND)
        frame = frame.sort_values("t_ns", kind="stable", ignore_index=True)
        middle = len(frame) // 2
        return {
            f"metrics.parquet/part-{number:04d}.parquet": table_of(rows, tables.METRICS)
            for number, rows in enumerate((frame[:middle], frame[middle:]))
        }

    def _add(self, source: str, name: str, values: Any, **labels: Any) -> None:
        if name.startswith(tuple(self.defects.without_metrics)):
            return
        ticks = self.ticks
        kept = np.ones(len(ticks), dtype=bool)
        if self.defects.worker_lost and source == f"app:{self.story.pids[1]}":
            kept = ticks < T0_NS + SECOND
        for silent, from_s, until_s in self.defects.silent:
            if source.startswith(silent):
                since = (ticks - T0_NS) / SECOND
                kept = kept & ~((since > from_s) & (since < until_s))
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
        mine = (rows["worker"] == pid) & rows["done_ns"].notna() & (rows["status"] > 0)
        answered = rows.loc[mine, _MEASURED]
        done_ns = answered["done_ns"].to_numpy(np.int64)
        steps, statuses = answered["step"].to_numpy(), answered["status"].to_numpy(np.int64)
        for step, status in sorted(set(zip(steps, statuses, strict=True))):
            method, route = step.split(" ")
            count = self._seen(done_ns[(steps == step) & (statuses == status)])
            if position == 0 and step == BUY and status == 409:
                count = count + np.where(self.ticks > T0_NS, self.defects.counter_off, 0)
            name = "http_server_requests_total"
            self._add_once_seen(source, name, count, method=method, route=route, status=str(status))
        probes = "http_server_requests_total"
        self._add(source, probes, 3.0, method="GET", route="/readyz", status="200")
        took_s = (done_ns - answered["sent_ns"].to_numpy(np.int64)) / 1e9
        name = "http_server_request_duration_seconds"
        for step in sorted(set(steps)):
            method, route = step.split(" ")
            own = steps == step
            self._observed(source, name, done_ns[own], took_s[own], method=method, route=route)
        lag = 0.002 + self.rng.exponential(0.001, len(self.ticks))
        if self.defects.cpu_full:
            lag = lag + np.where(self.sale, 0.2, 0)
        if self.defects.late_loops:
            lag = lag + np.where(self.sale, 0.08, 0)
        self._add(source, "app_event_loop_lag_seconds", lag)
        self._add(source, "http_server_active_requests", np.where(self.sale, 12.0, 0.0))
        if self.story.plan.app.enrolment == "external":
            buys = answered[answered["step"] == BUY]
            limit = self.story.plan.app.enrolment_limit
            self._pool(source, "enrolment", buys, buys["db_us"], limit)
        self._pool(source, "redis", answered, answered["redis_us"], self.story.plan.app.redis_pool)
        turns = {
            "redis_lock": ("redis_lock", 1),
            "sqs_writeback": ("sqs", 8),
            "kafka_writeback": ("kafka", 8),
        }
        if self.story.plan.app.allocation in turns:
            buys = answered[answered["step"] == BUY]
            pool, size = turns[self.story.plan.app.allocation]
            self._pool(source, pool, buys, buys["redis_us"], size)
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
        if pool == self.defects.exhausted_pool:
            shift = self.ticks - T0_NS
            from_ns, until_ns = self.defects.full_ns
            full = (shift >= from_ns) & (shift < until_ns)
            if self.defects.held_long:
                long_ns = -99 * SECOND if self.defects.slow_from_start else -9 * SECOND // 4
                long = (done - T0_NS > long_ns) & (done - T0_NS < until_ns)
                use = np.where(long, 0.12, use)
            if self.defects.waits:
                used, pending = np.where(full, size, used), np.where(full, 25.0, pending)
            if self.defects.nested:
                # Nothing is given back but at the time-outs, 2 s after the pool was full.
                full = (shift >= SECOND // 4) & (shift < 17 * SECOND // 4)
                used, pending = np.where(full, size, used), np.where(full, 25.0, pending)
                back = T0_NS + SECOND * np.where(done < T0_NS + 2 * SECOND, 9, 17) // 4
                held = (done > T0_NS + SECOND // 4) & (done < T0_NS + 17 * SECOND // 4)
                done, use = np.where(held, back, done), np.where(held, 2.0, use)
            if self.defects.leak_fills:
                gone = np.clip(shift // (SECOND // 8), 0, size)
                used = np.where(shift > 0, np.maximum(np.minimum(used + gone, size), gone), used)
                pending = np.where((used >= size) & (shift < 7 * SECOND), 25.0, pending)
                lost = done > T0_NS + size * SECOND // 8
                rows, wait, use, done = rows[~lost], wait[~lost], use[~lost], done[~lost]
            if source == f"app:{self.story.pids[0]}":
                timeouts = np.where(shift >= SECOND, self.defects.pool_timeouts, 0)
                used = np.where(shift > 0, np.maximum(used, self.defects.leak), used)
        else:
            wait = np.full(len(wait), 0.00002)
        prefix = "db_client_connection_"
        self._add(source, "db_client_connections", used, pool=pool, state="used")
        self._add(source, "db_client_connections", size - used, pool=pool, state="idle")
        self._add(source, prefix + "max", size, pool=pool)
        self._add(source, prefix + "pending_requests", pending, pool=pool)
        self._add(source, prefix + "timeouts_total", timeouts, pool=pool)
        self._add(source, prefix + "used_peak", np.maximum.accumulate(used), pool=pool)
        self._add(source, prefix + "pending_peak", np.maximum.accumulate(pending), pool=pool)
        self._observed(source, prefix + "wait_time_seconds", done, wait, pool=pool)
        self._observed(source, prefix + "use_time_seconds", done, use, pool=pool)

    def _observed(self, source: str, name: str, done: Any, seconds: Any, **labels: Any) -> None:
        order = np.argsort(done, kind="stable")
        done, seconds = done[order], seconds[order]
        for edge in WAIT_EDGES:
            text = "+Inf" if edge == math.inf else repr(edge)
            seen = np.searchsorted(done[seconds <= edge], self.ticks, side="right")
            self._add(source, name + "_bucket", seen, le=text, **labels)
        total, seen = np.concatenate([[0.0], np.cumsum(seconds)]), self._seen(done)
        self._add(source, name + "_sum", total[seen], **labels)
        self._add(source, name + "_count", seen, **labels)

    def _writeback(self) -> None:
        story = self.story
        rows = story.ledger[story.ledger["source"] == "postgres"]
        granted = self._seen(rows["granted_ns"].to_numpy(np.int64))
        committed = self._seen(rows["committed_ns"].to_numpy(np.int64))
        backlog = granted - committed
        oldest = np.sort(rows["granted_ns"].to_numpy(np.int64))
        since = oldest[np.minimum(committed, max(len(oldest) - 1, 0))] if len(oldest) else 0
        age = np.where(backlog > 0, (self.ticks - since) / SECOND, 0.0)
        if self.defects.rows_dropped:
            backlog = backlog + self.defects.rows_dropped * (self.ticks > T0_NS + SECOND)
            age = np.maximum(age, (self.ticks - T0_NS - SECOND) / SECOND)
        source = f"writeback:{WRITEBACK_PID}"
        self._add(source, "writeback_backlog", backlog)
        self._add(source, "writeback_oldest_age_seconds", age)
        self._add(source, "writeback_committed_total", committed)
        self._add(source, "writeback_redelivered_total", 0.0)
        stream = {"stream": f"event:{story.plan.event.id}:grants"}
        if story.plan.app.strategy.queue:
            return
        self._add("redis", "redis_stream_length", granted, **stream)
        self._add("redis", "redis_stream_pending", backlog // 2, **stream, group="writeback")
        self._add("redis", "redis_stream_lag", backlog - backlog // 2, **stream, group="writeback")

    def _postgres_and_redis(self) -> None:
        plan, rows = self.story.plan, self.story.requests
        connections = plan.app.workers * plan.app.postgres_pool + 2
        leaks = bool(self.defects.leak_fills or self.defects.leak)
        over = leaks & (self.ticks > T0_NS + SECOND)
        active = np.where(self.defects.nested | over, 0.0, np.where(self.sale, 3.0, 0.0))
        shift = self.ticks - T0_NS
        open_idle = np.where(
            self._held_in_transaction(shift), plan.app.workers * plan.app.postgres_pool, 0
        )
        idle = connections - active - open_idle
        states = (("active", active), ("idle", idle), ("idle in transaction", open_idle))
        for state, count in states:
            self._add("postgres", "pg_stat_activity_backends", count, state=state)
        self._add("postgres", "pg_connections_used", connections)
        self._add("postgres", "pg_settings_max_connections", plan.postgres.max_connections)
        from_ns, until_ns = self.defects.full_ns
        full = (shift >= from_ns) & (shift < until_ns)
        locked = np.where(full, plan.app.workers * plan.app.postgres_pool, 0.0)
        self._add("postgres", "pg_lock_waiting", locked if self.defects.lock_waits else 0.0)
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

    def _held_in_transaction(self, shift: Any) -> Any:
        defects = self.defects
        if not (defects.nested if defects.in_transaction is None else defects.in_transaction):
            return np.zeros(len(shift), dtype=bool)
        from_ns, to_ns = (SECOND // 4, 17 * SECOND // 4) if defects.nested else (SECOND, np.inf)
        return (shift >= from_ns) & (shift < to_ns)

    def _kernel_and_processes(self) -> None:
        defects = self.defects
        overflows = 11 + np.where(self.ticks >= T0_NS, defects.accept_overflows, 0)
        limit = float(self.story.plan.app.backlog)
        own = defects.accept_overflows if defects.accept_drops is None else defects.accept_drops
        waiting = np.where(self.sale, limit if own else 3.0, 0.0)
        self._add("kernel", "tcp_listen_overflows_total", overflows)
        self._add("kernel", "tcp_listen_drops_total", overflows)
        self._add("kernel", "tcp_syn_retrans_total", 5.0)
        self._add("kernel", "listen_queue_length", waiting, port=str(APP_PORT))
        self._add("kernel", "listen_queue_limit", limit, port=str(APP_PORT))
        drops = np.where(self.ticks >= T0_NS, own, 0)
        self._add("kernel", "listen_queue_drops_total", drops, port=str(APP_PORT))
        taken = not defects.spare and bool(defects.foreign_cores or defects.stolen_cores)
        used = np.where(self.sale, 1.0 if defects.cpu_full or taken else 0.7, 0.2)
        self._add("kernel", "machine_cpu_used_ratio", used)
        self._add("kernel", "clock_offset_seconds", self._clock())
        self._machine(used)
        pids = [("app", pid) for pid in self.story.pids]
        pids += [("generator", GENERATOR_PID), ("postgres", 4401), ("redis", 4501)]
        for component, pid in pids:
            seconds = np.cumsum(np.where(self.sale, 0.6, 0.1)) * self.story.plan.collect.interval
            labels = {"component": component, "pid": str(pid)}
            self._add("processes", "process_cpu_seconds_total", seconds, **labels)
            self._add("processes", "process_resident_memory_bytes", 8e7, **labels)
            self._add("processes", "process_open_fds", 40.0, **labels)

    def _machine(self, used: Any) -> None:
        cpus, interval = 64 if self.defects.spare else 2, self.story.plan.collect.interval
        for name, cores in (
            ("machine_foreign_cpu_seconds_total", 0.02 + self.defects.foreign_cores),
            ("machine_cpu_steal_seconds_total", self.defects.stolen_cores),
            ("machine_cpu_idle_seconds_total", cpus * (1 - used)),
        ):
            seconds = np.cumsum(np.broadcast_to(cores, self.ticks.shape)) * interval
            self._add("processes", name, 7.0 + seconds)
        self._add("processes", "machine_cpus", cpus)

    def _clock(self) -> Any:
        """Return what the two clocks differ by, read to some microseconds."""
        step = np.where(self.ticks >= self.defects.clock_step_ns, self.defects.clock_step_s, 0.0)
        return step + self.rng.normal(0, 5e-6, len(self.ticks))

    def _generator(self) -> None:
        rows = self.story.requests
        # It speaks of its own accord, four times a second.
        self.ticks = np.arange(self.ticks[0], self.ticks[-1] + 1, SECOND // 4, dtype=np.int64)
        sent = rows["sent_ns"].dropna().to_numpy(np.int64)
        done = rows["read_ns"].dropna().to_numpy(np.int64)
        late = np.where(self.sale, self.defects.generator_late_ms / 1000, 0.0)
        self._add("generator", "generator_loop_lag_seconds", 0.002 + late)
        self._add("generator", "generator_clock_offset_seconds", self._clock())
        self._add("generator", "generator_requests_total", self._seen(done))
        self._add("generator", "generator_in_flight", self._seen(sent) - self._seen(done))
        self._add("generator", "generator_connections", self._seen(self.story.arrival))
        self._add("generator", "generator_unwritten_rows", 100.0)
        arrived = self._seen(self.story.arrival)
        self._add("generator", "generator_students", arrived, state="arrived")
        self._add("collector", "collector_tick_seconds", 0.012)
