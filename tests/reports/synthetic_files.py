"""The files of a synthetic run: what its story left behind, as the conductor writes it."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dress_rehearsal.plans import plan_toml
from dress_rehearsal.records import RunDirectory, tables
from tests.reports.synthetic_defects import GENERATOR_PID, SECOND, T0_NS, table_of
from tests.reports.synthetic_meters import Meters
from tests.reports.synthetic_story import Story

_ENVIRONMENT = {
    "machine": "synthetic",
    "cpu": {"model": "none", "count": 2},
    "kernel": {"release": "6.1", "nofile": 1048576, "somaxconn": 4096},
    "versions": {"python": "3.11", "dress-rehearsal": "0.1.0"},
    "git_commit": None,
}


class Files:
    """Writes what a story left behind."""

    def __init__(self, story: Story) -> None:
        self.story, self.plan, self.defects = story, story.plan, story.defects

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
            ("metrics", lambda: Meters(self.story).parts()),
        ):
            if name not in absent:
                for file, table in tabled().items():
                    run.write_table(file, table)

    def _request_parts(self) -> dict[str, pa.Table]:
        requests, middle = self.story.requests.copy(), len(self.story.requests) // 2
        requests["worker"] = requests["worker"].astype(str).where(requests["app_us"].notna())
        if self.defects.no_timestamps:
            requests[["first_byte_ns", "done_ns"]] = None
        shards = (requests[:middle], requests[middle:])
        return {
            f"requests/{GENERATOR_PID}-{number:04d}.parquet": table_of(rows, tables.REQUESTS)
            for number, rows in enumerate(shards)
        }

    def _ledger(self) -> dict[str, pa.Table]:
        return {"ledger.parquet": table_of(self.story.ledger, tables.LEDGER)}

    def _students(self) -> dict[str, pa.Table]:
        n = self.plan.event.students
        known = self.story.acked
        issued = known & ~np.isin(np.arange(n), self.story.stuck)
        outcome = self.story.outcome.copy()
        if self.defects.interrupted or self.defects.aborted:
            unfinished = self.story.buy_done > self.story.end_ns
            outcome[unfinished] = "in_flight"
            known, issued = known & ~unfinished, issued & (self.story.issued < self.story.end_ns)
        rows = pd.DataFrame(
            {
                "student": np.arange(n),
                "journey": self.story.journey,
                "enrolled": self.story.enrolled,
                "arrival_ns": self.story.arrival,
                "clicked_ns": self.story.clicked,
                "outcome": outcome,
                "ticket": np.where(known, self.story.ticket, None),
                "acked_ns": pd.array(self.story.buy_done, dtype="Int64"),
                "issued_ns": pd.array(self.story.issued, dtype="Int64"),
                "attempts": np.where(self.story.clicked < T0_NS, 2, 1),
                "more_tickets": None,
                "pending_ns": None,
                "pending_tickets": None,
                "open_tickets": None,
            }
        )
        rows.loc[~known, "acked_ns"] = None
        rows.loc[~issued, "issued_ns"] = None
        rows = rows[~rows["student"].isin(self.story.absent())]
        doubled = rows[rows["outcome"] == "sold_out"].head(self.defects.contradictory)
        rows = pd.concat([rows, doubled.assign(outcome="gave_up")], ignore_index=True)
        return {"students.parquet": table_of(rows, tables.STUDENTS)}

    def _write_timeline(self, run: RunDirectory, ledger_read: bool) -> None:
        defects, start = self.defects, self.story.start_ns
        run.stamp("phase", "stage_starting", t_ns=start - 5 * SECOND)
        run.stamp("phase", "stage_ready", t_ns=start - 3 * SECOND)
        run.stamp("phase", "generator_ready", t_ns=start - SECOND)
        run.stamp("phase", "arrivals", t_ns=start)
        if not defects.no_t0:
            run.stamp("t0", "open", t_ns=T0_NS)
        lost = "app" if defects.worker_lost else defects.component_lost
        if lost:
            what = f"The {lost} process 4102 ended with signal 9 though nobody asked it to stop."
            planned = {"planned": True} if defects.planned else {}
            run.stamp("process", lost, t_ns=T0_NS + SECOND, pid=4102, exit=-9, what=what, **planned)
        self._stamp_mishaps(run)
        if defects.killed or defects.no_t0:
            return
        if defects.interrupted:
            run.stamp("abort", "interrupted", t_ns=self.story.end_ns, reason="Ctrl-C was pressed.")
        elif defects.aborted:
            why = "60 of 100 requests of the last 2 s failed or got no answer."
            run.stamp("abort", "aborted", t_ns=self.story.end_ns, reason=why)
        else:
            run.stamp("phase", "closed", t_ns=T0_NS + int(self.plan.schedule.sale * SECOND))
        run.stamp("phase", "performed", t_ns=self.story.end_ns)
        run.stamp("phase", "settled", t_ns=self.story.end_ns + SECOND)
        for store in self.story.stores if ledger_read or defects.store_unreadable else ():
            detail: dict[str, Any] = {"error": f"{store} did not answer: connection refused."}
            if store != defects.store_unreadable:
                count = int((self.story.ledger["source"] == store).sum())
                detail = {"tickets": count, "settle_ms": 40.0}
            run.stamp("ledger", store, t_ns=self.story.end_ns + SECOND, **detail)
        run.stamp("phase", "torn_down", t_ns=self.story.end_ns + 4 * SECOND)

    def _stamp_mishaps(self, run: RunDirectory) -> None:
        defects = self.defects
        for name, since_s, until_s in defects.faults:
            run.stamp("fault", name, t_ns=T0_NS + int(since_s * SECOND), on=True, grade="20%")
            if until_s is not None:
                run.stamp("fault", name, t_ns=T0_NS + int(until_s * SECOND), on=False)
        if defects.undone_fault:
            error = "There is no such switch."
            run.stamp("fault", defects.undone_fault, t_ns=T0_NS + SECOND, error=error)
        for number in range(defects.alerts):
            moment = T0_NS + number * SECOND // 10
            run.stamp("alert", "enrolment", t_ns=moment, message="Enrolment cannot be asked.")
