"""The sale of a synthetic run: who came and bought when, and what the stores hold of it."""

import math
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.plans import Plan
from tests.reports.synthetic_defects import (
    IN_REDIS,
    SECOND,
    T0_NS,
    WORKER_PIDS,
    WRITES_BACK,
    Defects,
)


class Sale:
    """Who bought and held what when, drawn from the plan's seed."""

    def __init__(self, plan: Plan, defects: Defects) -> None:
        self.plan, self.defects = plan, defects
        self.rng = np.random.default_rng(plan.seed)
        self.end_ns = T0_NS + int((plan.schedule.sale + plan.schedule.drain) * SECOND)
        self.start_ns = T0_NS - int(plan.schedule.lead * SECOND)
        self.pids = WORKER_PIDS[: plan.app.workers]
        self._people()
        self._purchases()
        self._stores()

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
        eager = order[late + double :]
        journey[eager[: round(len(eager) * plan.students.multi_device)]] = "multi-device"
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
        self.join = self.login + SECOND // 4
        self.position, self.let_in = np.zeros(n, dtype=np.int64), self.join
        if plan.app.waiting_room != "off":
            self._queue_up()
        if self.defects.ineligible:  # they come while there is something left
            self.buy[np.flatnonzero(~self.enrolled)[: self.defects.ineligible]] = (
                T0_NS + SECOND // 50
            )
        if self.defects.told_too_early:
            self._open_late()
        if self.defects.overtakers:
            self.buy[np.argsort(self.buy)[-self.defects.overtakers :]] += 4 * SECOND

    def _open_late(self) -> None:
        """Have the second worker open 2 s late: who clicks there before then clicks again."""
        mine = np.arange(len(self.buy)) % len(self.pids) == 1
        mine &= self.enrolled & (self.buy < T0_NS + 2 * SECOND)
        self.put_off = np.flatnonzero(mine)[: self.defects.told_too_early]
        self.put_off_at = np.maximum(self.buy[self.put_off], T0_NS + SECOND // 20)
        later = self.rng.uniform(0, 1, len(self.put_off)) * SECOND
        self.buy[self.put_off] = T0_NS + 2 * SECOND + later.astype(np.int64)

    def _queue_up(self) -> None:
        """Let students in one after another, by when they joined; polling costs up to half a s."""
        rng, apart = self.rng, SECOND / self.plan.app.admission_rate
        line = np.argsort(self.join, kind="stable")
        if self.defects.queue_jumped:
            jumpers = line[-self.defects.queue_jumped :]
            self.journey[jumpers] = "queue-jumper"
            line = np.concatenate([jumpers, line[: -self.defects.queue_jumped]])
        turn = T0_NS + (np.arange(len(line)) * apart).astype(np.int64)
        let_in = np.empty(len(line), dtype=np.int64)
        let_in[line] = np.maximum(turn, self.join[line])
        self.position[np.argsort(self.join, kind="stable")] = np.arange(1, len(line) + 1)
        self.let_in = let_in
        self.buy = let_in + (rng.uniform(0.05, 0.5, len(line)) * SECOND).astype(np.int64)
        self.clicked = self.buy

    def _purchases(self) -> None:
        plan, rng, defects = self.plan, self.rng, self.defects
        n = plan.event.students
        self.buy_lag = self.generator_lag(n)
        near = np.abs(self.buy - T0_NS) < 2 * SECOND
        self.buy_lag += np.where(near, int(defects.generator_late_ms * 1e6), 0)
        sent = self.buy + self.buy_lag
        order = np.argsort(sent, kind="stable")
        step_ns = 180_000  # one worker's time for one purchase, two workers
        queue = np.arange(n) * step_ns
        finished = np.empty(n, dtype=np.int64)
        finished[order] = np.maximum.accumulate(sent[order] - queue) + queue + step_ns
        added_ms = defects.slow_ms + defects.own_ms
        service = rng.lognormal(math.log(3.5), 0.4, n) * 1e6 + added_ms * 1e6
        self.buy_done = finished + service.astype(np.int64)
        self.buy_wait_us = np.full(n, 20, dtype=np.int64)
        if defects.waits:
            from_ns, until_ns = defects.full_ns
            full = (sent > T0_NS + from_ns) & (sent < T0_NS + until_ns)
            waited = np.where(full, rng.lognormal(math.log(1e3 * defects.wait_ms), 0.3, n), 20)
            self.buy_wait_us = waited.astype(np.int64)
            self.buy_done += self.buy_wait_us * 1000
        starved = order[n - defects.starved :]
        self.buy_wait_us[starved] = 8_000_000
        self.buy_done[starved] = sent[starved] + 8 * SECOND + 4_000_000

        outcome = np.where(self.enrolled, "sold_out", "refused").astype(object)
        outcome[starved] = "failed"
        eligible = np.flatnonzero(self.enrolled & (outcome != "failed"))
        line = eligible[np.argsort(self.buy_done[eligible], kind="stable")]
        if defects.overtakers:
            line = np.roll(line, defects.overtakers)
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
        behind = plan.app.allocation in WRITES_BACK
        early = self.granted[:: max(len(self.granted) // max(defects.early, 1), 1)][: defects.early]
        granted_ns[early] = self.buy_done[early] = T0_NS - SECOND // 5
        self.buy[early], self.clicked[early] = T0_NS - SECOND // 4, T0_NS
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
            ticket=rows["ticket"].head(defects.duplicate_rows) + "-again",
            number=rows["number"].head(defects.duplicate_rows) + 10_000,
        )
        strangers = rows.head(defects.strangers).assign(
            student=-1,
            granted_ns=T0_NS + SECOND,
            ticket=rows["ticket"].head(defects.strangers) + "-stranger",
            number=rows["number"].head(defects.strangers) + 20_000,
        )
        rows = pd.concat([rows, second, strangers], ignore_index=True)
        self.grants_ns = np.sort(np.concatenate([rows["granted_ns"], granted_ns[self.lost]]))
        written = rows.iloc[: len(rows) - defects.rows_dropped]
        postgres = pd.concat([written, rows.head(defects.repeated_rows)], ignore_index=True)
        redis = rows[~rows["student"].isin(self.drifted)].assign(source="redis", committed_ns=None)
        self.stores = ("postgres", "redis") if plan.app.allocation in IN_REDIS else ("postgres",)
        self.ledger = pd.concat([postgres, redis]) if len(self.stores) > 1 else postgres
        self.visitors = held[np.isin(held, np.flatnonzero(self.acked))][: defects.visitors]
        if defects.visitors:
            self._gate()
        if defects.store_unreadable:
            self.ledger = self.ledger[self.ledger["source"] != defects.store_unreadable]

    def _gate(self) -> None:
        """Let the visitors in, some of them twice."""
        twice = np.concatenate([self.visitors, self.visitors[: self.defects.entered_twice]])
        self.scans = twice, self.end_ns - 2 * SECOND + np.arange(len(twice)) * 1_000_000
        gate = pd.DataFrame(
            {
                "source": "gate",
                "ticket": self.ticket[twice],
                "student": twice,
                "number": None,
                "granted_ns": self.scans[1],
                "committed_ns": None,
            }
        )
        lost = self.visitors[len(self.visitors) - self.defects.entries_lost :]
        self.ledger = pd.concat([self.ledger, gate[~gate["student"].isin(lost)]])
        self.stores = (*self.stores, "gate")

    def generator_lag(self, n: int) -> Any:
        return (self.rng.lognormal(math.log(0.3), 0.5, n) * 1e6).astype(np.int64)
