"""The story of a synthetic run: the sale, and what everybody asked for and was told meanwhile."""

import math
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import tables
from tests.reports.synthetic_defects import (
    BUY,
    COUNTDOWN,
    JOIN,
    LOGIN,
    PAGE,
    QR,
    SCAN,
    SECOND,
    T0_NS,
    TICKET,
    Defects,
)
from tests.reports.synthetic_sale import Sale


class Story(Sale):
    """A sale and its requests."""

    def __init__(self, plan: Plan, defects: Defects) -> None:
        super().__init__(plan, defects)
        self.requests = self._requests()
        if defects.killed or defects.interrupted or defects.aborted or defects.no_t0:
            stop = self.start_ns + 2 * SECOND if defects.no_t0 else T0_NS + 2 * SECOND
            self.requests = self.requests[self.requests["intended_ns"] < stop]
            self.end_ns = stop

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
                BUY, doubles, self.buy_done[doubles] + 120_000_000, "already_holds_ticket", device=2
            ),
        ]
        if self.defects.told_too_early:
            parts.append(self._answered(BUY, self.put_off, self.put_off_at, "too_early"))
        if self.pending:
            parts.append(self._answered(TICKET, acked, self.buy_done[acked] + SECOND))
            late = np.repeat(self.stuck, 4)
            since = np.tile(np.arange(2, 6) * SECOND, len(self.stuck))
            parts.append(self._answered(TICKET, late, self.buy_done[late] + since))
        issued = acked[~np.isin(acked, self.stuck)]
        parts.append(self._answered(QR, issued, self.issued[issued] + SECOND))
        if self.plan.app.waiting_room != "off":
            parts.append(self._answered(JOIN, everyone, self.join))
        if len(self.visitors):
            parts.append(self._answered(SCAN, *self.scans))
        rows = pd.concat(parts, ignore_index=True)
        if len(self.absent()):
            rows = rows[~rows["student"].isin(self.absent())]
        rows["journey"] = self.journey[rows["student"].to_numpy()]
        rows = rows.sort_values(["intended_ns", "student"], kind="stable", ignore_index=True)
        rows["seq"] = rows.groupby("student").cumcount()
        self._tell(rows)
        rows["worker"] = np.array(self.pids)[rows["student"].to_numpy() % len(self.pids)]
        if self.defects.worker_lost:
            gone = (rows["worker"] == self.pids[1]) & (rows["sent_ns"] > T0_NS + SECOND)
            _without_answer(rows, gone, "failed", "connect_refused")
        return rows

    def _tell(self, rows: pd.DataFrame) -> None:
        """Let each answer of a success tell what was so between its question and its arrival."""
        now = ((rows["sent_ns"] + rows["done_ns"]) // 2).astype("int64")
        places, student = self.plan.event.tickets, rows["student"].to_numpy()
        gone = np.searchsorted(self.grants_ns, now, side="right")
        state = np.where(gone >= places, "sold_out", "open")
        state = np.where(now < T0_NS, "waiting", state)
        inside = np.searchsorted(np.sort(self.let_in), now, side="right")
        ahead = np.maximum(self.position[student] - 1 - inside, 0)
        admitted = self.let_in[student] <= now
        told = {
            (PAGE, COUNTDOWN): {
                "told_now_ns": now,
                "told_opens_ns": T0_NS,
                "told_state": state,
            },
            (PAGE,): {"told_tickets": places},
            (COUNTDOWN,): {"told_remaining": np.maximum(places - gone, 0)},
            (BUY, TICKET): {"told_ticket": self.ticket[student]},
            (TICKET,): {"told_number": self.number[student]},
            (JOIN,): {
                "told_position": self.position[student],
                "told_ahead": ahead,
                "told_admitted": admitted,
            },
            (QR,): {"told_code": student, "told_ticket": self.ticket[student]},
        }
        answers = {field.name: np.full(len(rows), None) for field in tables.CLAIMS}
        for steps, columns in told.items():
            which = (rows["step"].isin(steps) & (rows["outcome"] == "ok")).to_numpy(dtype=bool)
            for name, value in columns.items():
                answers[name][which] = np.broadcast_to(value, len(rows))[which].astype(object)
        for name, answer in answers.items():
            rows[name] = pd.Series(answer, rows.index, dtype=object)

    def absent(self) -> Any:
        """Students without a row."""
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
        waited = self.defects.waits or self.defects.starved
        rows["pool"] = self.defects.exhausted_pool if waited else None
        own_us = 3_000 + round(1e3 * self.defects.own_ms)
        rows["app_us"] = np.minimum(took_us, own_us + self.buy_wait_us)
        rows["queue_us"] = took_us - rows["app_us"]
        timed_out = self.outcome == "unknown"
        _without_answer(rows, timed_out, "unknown", "timeout")
        given_up = self.buy + int(self.plan.students.timeout * SECOND)
        for column in ("done_ns", "read_ns"):
            rows[column] = np.where(timed_out, given_up, rows[column])
        return rows

    def _answered(
        self, step: str, student: Any, intended: Any, error: Any = None, device: int = 0
    ) -> pd.DataFrame:
        """Make requests that were answered; `error` is a problem code, or one for each."""
        n = len(student)
        errors = [error] * n if error is None or isinstance(error, str) else list(error)
        sent = intended + self.generator_lag(n)
        took = (self.rng.lognormal(math.log(2.5), 0.5, n) * 1e6).astype(np.int64)
        fine = {None: 201 if step == BUY else 200, "not_enrolled": 403, "overloaded": 503}
        outcomes = {None: "ok", "overloaded": "failed"}
        new = np.full(n, step == PAGE)
        return pd.DataFrame(
            {
                "intended_ns": intended,
                "sent_ns": sent,
                "first_byte_ns": sent + took - 20_000,
                "done_ns": sent + took,
                "read_ns": sent
                + took
                + self.generator_lag(n)
                + int(self.defects.slow_reading_ms * 1e6),
                "student": student,
                "device": device,
                "step": pd.Series(step, range(n), dtype=object),
                "status": np.array([fine.get(code, 409) for code in errors], dtype=np.int64),
                "outcome": pd.Series(
                    [outcomes.get(code, "refused") for code in errors], dtype=object
                ),
                "error": pd.Series(errors, dtype=object),
                "bytes": 420,
                "new_connection": new,
                "connect_us": pd.array(np.where(new, 180, 0), dtype="Int64"),
                "queue_us": took // 5000,
                "pool_us": 20,
                "db_us": took // 4000,
                "redis_us": took // 8000,
                "external_us": None,
                "db_connect_us": None,
                "redis_connect_us": None,
                "app_us": took // 1250,
                "pool": None,
            }
        )


def _without_answer(rows: pd.DataFrame, which: Any, outcome: str, error: str) -> None:
    if not which.any():
        return
    rows.loc[which, ["first_byte_ns", "queue_us", "pool_us", "db_us", "redis_us", "app_us"]] = None
    rows.loc[which, "bytes"] = 0
    rows.loc[which, "status"] = 0
    rows.loc[which, "outcome"] = outcome
    rows.loc[which, "error"] = error
