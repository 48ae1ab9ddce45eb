"""A run on somebody else's app, played out: clicks, a pool that they wait for, and its metrics."""

import heapq
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.records.collectors.pool_metrics import FOUND, UP
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from tests.reports.synthetic_defects import BUY, SECOND, T0_NS
from tests.reports.synthetic_run import build_run

_TIMINGS = ("queue", "pool", "db_connect", "db", "redis_connect", "redis", "external", "app")


@dataclass
class Shop:
    """An app whose purchases need one connection each for `hold_s`.

    Attributes:
        size: of the pool; of each instance.
        slow_from_s: from then on connections are held for `slow_s`.
        leaks: how many of the connections are never given back.
        told: what its metrics tell, of used, max, pending, sum (and count), buckets, timeouts.
        edges: of the buckets.
        restarted_s: when its counters begin anew, from T-0.
        rest_s: how long is measured after the last answer.
        silent: from when to when its metrics are not read.
    """

    size: int = 20
    hold_s: float = 0.01
    instances: int = 1
    clicks: int = 400
    spread_s: float = 3.0
    slow_from_s: float = 99.0
    slow_s: float = 1.0
    leaks: int = 0
    told: tuple[str, ...] = ("used", "max", "pending", "sum", "timeouts")
    edges: tuple[str, ...] = ("0.01", "0.1", "1.0", "+Inf")
    timeouts: int = 0
    restarted_s: float | None = None
    rest_s: float = 5.0
    silent: tuple[float, float] | None = None
    preset: Any = "hikaricp"
    extra: Mapping[str, Any] = field(default_factory=dict)

    def evidence(self, tmp_path: Path) -> Evidence:
        """Return the evidence of a run on it."""
        run = build_run(tmp_path, students=self.clicks, tickets=self.clicks)
        base = read_evidence(run)
        requests, served = self._played(base.requests)
        urls = [f"http://127.0.0.1:{8000 + place}/m" for place in range(self.instances)]
        document = base.plan.model_dump(mode="json", exclude_none=True)
        document |= {
            "target": {"stage": "external", "url": "http://127.0.0.1:8000"},
            "metrics": [{"name": "shop", "urls": urls, "pools": self.preset}],
            **self.extra,
        }
        plan = check_plan(document, "plan.toml")
        metrics = base.metrics
        own = metrics["source"].astype(str)
        kept = metrics[~own.str.startswith(("app", "postgres", "redis", "writeback"))]
        end_ns = int(requests["done_ns"].max()) + round(self.rest_s * SECOND)
        kept = kept[(kept["t_ns"] < end_ns)]
        kept = kept.assign(value=self._under_way(kept, requests))
        frames = [kept.astype({"source": str, "name": str, "labels": str})]
        frames += [self._told(served[place], place, end_ns) for place in range(self.instances)]
        table = pd.concat(frames, ignore_index=True).sort_values("t_ns", kind="stable")
        words = dict.fromkeys(("source", "name", "labels"), "category")
        table = table.reset_index(drop=True).astype(words)
        return replace(base, plan=plan, requests=requests, metrics=table)

    def _under_way(self, kept: pd.DataFrame, requests: pd.DataFrame) -> Any:
        """Return the values of samples, with how many requests are under way as it was."""
        times = kept["t_ns"].to_numpy()
        begun, done = (
            np.sort(requests[name].dropna().to_numpy("int64")) for name in ("sent_ns", "done_ns")
        )
        under_way = np.searchsorted(begun, times, "right") - np.searchsorted(done, times, "right")
        of_it = (kept["name"].astype(str) == "generator_in_flight").to_numpy()
        return np.where(of_it, under_way, kept["value"].to_numpy())

    def _played(self, requests: pd.DataFrame) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
        """Have every purchase wait its turn; return the requests, and who was served when."""
        rows = requests.copy()
        for part in _TIMINGS:
            rows[f"{part}_us"] = pd.array([pd.NA] * len(rows), dtype="Int32")
        rows["worker"] = None
        buys = rows[(rows["step"].astype(str) == BUY) & (rows["intended_ns"] > T0_NS - SECOND)]
        sent = np.sort(T0_NS + np.linspace(0, self.spread_s, len(buys)) * SECOND).astype("int64")
        served = []
        for place in range(self.instances):
            mine = np.arange(len(buys)) % self.instances == place
            served.append(self._queue(sent[mine]))
        at = pd.concat(served).sort_values("sent_ns", kind="stable")
        index = buys.index
        for column, values in (
            ("intended_ns", at["sent_ns"]),
            ("sent_ns", at["sent_ns"]),
            ("first_byte_ns", at["done_ns"]),
            ("done_ns", at["done_ns"]),
            ("read_ns", at["done_ns"]),
        ):
            rows.loc[index, column] = values.to_numpy()
        rows.loc[index, "new_connection"] = False
        rows.loc[index, "connect_us"] = pd.NA
        order = ["intended_ns", "student", "seq"]
        return rows.sort_values(order, kind="stable", ignore_index=True), served

    def _queue(self, sent_ns: Any) -> pd.DataFrame:
        """Return when each got a connection, and gave it back (never: far away)."""
        free = [0] * self.size
        heapq.heapify(free)
        found = []
        for position, sent in enumerate(sent_ns):
            got = max(int(sent), heapq.heappop(free))
            slow = (got - T0_NS) / SECOND >= self.slow_from_s
            done = got + round((self.slow_s if slow else self.hold_s) * SECOND)
            lost = self.leaks and position % 20 == 10 and position // 20 < self.leaks
            back = 2**62 if lost else done
            heapq.heappush(free, back)
            found.append((int(sent), got, done, back))
        return pd.DataFrame(found, columns=["sent_ns", "got_ns", "done_ns", "back_ns"])

    def _told(self, served: pd.DataFrame, place: int, end_ns: int) -> pd.DataFrame:
        """Return what the metrics of one instance say, once a second."""
        source = "shop" if self.instances == 1 else f"shop:{place + 1}"
        ticks = np.arange(T0_NS - 5 * SECOND + 7_000_000, end_ns, SECOND)
        if self.silent is not None:
            since = (ticks - T0_NS) / SECOND
            ticks = ticks[~((since > self.silent[0]) & (since < self.silent[1]))]

        def seen(times: Any) -> Any:
            return np.searchsorted(np.sort(times), ticks, side="right").astype(float)

        got, back = served["got_ns"].to_numpy(), served["back_ns"].to_numpy()
        sent = served["sent_ns"].to_numpy()
        waits = (got - sent) / SECOND
        order = np.argsort(got, kind="stable")
        sums = np.concatenate([[0.0], np.cumsum(waits[order])])[seen(got).astype(int)]
        pool = {"pool": "shop.main"}
        series: list[tuple[str, dict[str, str], Any]] = [
            (UP, {}, 1.0),
            (FOUND, {"of": "hikaricp", "near": ""}, 5.0),
        ]
        name = "db_client_connection_"
        values = {
            "used": [("db_client_connections", {"state": "used"}, seen(got) - seen(back))],
            "max": [(name + "max", {}, self.size)],
            "pending": [(name + "pending_requests", {}, seen(sent) - seen(got))],
            "sum": [
                (name + "wait_time_seconds_sum", {}, self._anew(ticks, 70 + sums)),
                (name + "wait_time_seconds_count", {}, self._anew(ticks, 900 + seen(got))),
            ],
            "buckets": [
                (
                    name + "wait_time_seconds_bucket",
                    {"le": str(edge)},
                    self._anew(ticks, 900 + seen(got[waits <= float(edge)])),
                )
                for edge in self.edges
            ],
            "timeouts": [
                (name + "timeouts_total", {}, np.where(ticks > T0_NS + SECOND, self.timeouts, 0))
            ],
        }
        for what in self.told:
            series += [(each, pool | labels, value) for each, labels, value in values[what]]
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "t_ns": ticks,
                        "source": source,
                        "name": each,
                        "labels": json.dumps(labels, sort_keys=True, separators=(",", ":")),
                        "value": np.broadcast_to(np.asarray(value, dtype=float), ticks.shape),
                    }
                )
                for each, labels, value in series
            ]
        )

    def _anew(self, ticks: Any, counted: Any) -> Any:
        """Return a counter that may begin anew."""
        if self.restarted_s is None:
            return counted
        after = ticks >= T0_NS + self.restarted_s * SECOND
        before = counted[~after][-1]
        return np.where(after, counted - before, counted)


def also_told(
    evidence: Evidence, source: str, series: Mapping[tuple[str, str], Callable[[Any], Any]]
) -> Evidence:
    """Return evidence with further samples of one source, once a second.

    Args:
        series: by metric and labels (JSON) the values at seconds from T-0.
    """
    ends_ns = int(evidence.requests["done_ns"].max()) + 5 * SECOND
    ticks = np.arange(T0_NS - 5 * SECOND + 9_000_000, ends_ns, SECOND)
    since_s = (ticks - T0_NS) / SECOND
    frames = [
        pd.DataFrame(
            {
                "t_ns": ticks,
                "source": source,
                "name": name,
                "labels": labels,
                "value": np.broadcast_to(np.asarray(values(since_s), dtype=float), ticks.shape),
            }
        )
        for (name, labels), values in {(UP, "{}"): lambda _: 1.0, **series}.items()
    ]
    words = ("source", "name", "labels")
    before = evidence.metrics.astype(dict.fromkeys(words, str))
    table = pd.concat([before, *frames], ignore_index=True).sort_values("t_ns", kind="stable")
    table = table.reset_index(drop=True).astype(dict.fromkeys(words, "category"))
    return replace(evidence, metrics=table)
