"""The exporter: what a rehearsal shows to Prometheus while it goes, and its verdict at the end.

One endpoint for all of it: what the collectors read last, the generators' own account, the
timeline (for annotations), and every verdict in the runs folder (for the index).
"""

import json
import threading
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory, TimelineEvent
from dress_rehearsal.records.collectors.collector import Collector
from dress_rehearsal.records.exporter import families, family_of
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.generators import Line
from dress_rehearsal.rehearsal.last_seconds import LastSeconds
from dress_rehearsal.reports.evidence.timeline import event_words
from dress_rehearsal.reports.schema import Verdict

_NEWEST: Final = 50
_TEXT_MAX: Final = 200
_NOT_OURS: Final = "unknown"


class Exporter:
    """The metrics of one rehearsal; everything may be called from any thread."""

    def __init__(self, plan: Plan, run: RunDirectory) -> None:
        self._plan, self._run = plan, run
        self._collector: Collector | None = None
        self._histograms: dict[str, Any] = {}
        self._outcomes: dict[str, dict[str, int]] = {}
        self._students: dict[str, dict[str, int]] = {}
        self._seconds = LastSeconds()
        self._verdict: Verdict | None = None
        self._index: dict[Path, tuple[int, dict[str, str]]] = {}
        self._indexing = threading.Lock()
        self.scrapes = 0
        """How often all of it has been read."""

    def follow(self, collector: Collector | None) -> None:
        """Show what these collectors read from now on; none: they have ended, so nothing."""
        self._collector = collector

    def take(self, status: Line) -> None:
        """Show a generator's status line from now on."""
        self._histograms[status["generator"]] = status["meter"]
        self._outcomes[status["generator"]] = status["outcomes"]
        self._students[status["generator"]] = status["students"]
        self._seconds.take(status["generator"], status["seconds"])

    def conclude(self, verdict: Verdict) -> None:
        """Show the verdict from now on."""
        self._verdict = verdict

    def collect(self) -> Iterator[Metric]:
        """Return every metric."""
        collector = self._collector
        if collector is not None:
            yield from families(collector.newest())
        yield from self._generators()
        yield from self._seconds.collect()
        events = self._events()
        yield from self._about(events)
        yield _timeline(events)
        if self._verdict is not None:
            yield from _judged(self._verdict)
        yield self._runs()
        self.scrapes += 1

    def _generators(self) -> Iterator[Metric]:
        felt = HistogramMetricFamily(
            "generator_felt_seconds",
            "What students felt: from when they meant to act to the end of the answer.",
            labels=["generator", "step", "role"],
        )
        late = HistogramMetricFamily(
            "generator_start_late_seconds",
            "How much later than meant requests were sent.",
            labels=["generator"],
        )
        for name, histograms in list(self._histograms.items()):
            for step, histogram in histograms["felt"].items():
                felt.add_metric(
                    [name, step, histogram["role"]],
                    _buckets(histograms, histogram),
                    histogram["sum_s"],
                )
            late.add_metric(
                [name], _buckets(histograms, histograms["late"]), histograms["late"]["sum_s"]
            )
        yield from (felt, late)
        yield family_of(
            "generator_outcomes_total",
            "Requests by outcome; abandoned: the student needed the answer no more.",
            [
                ({"generator": name, "outcome": word}, count)
                for name, outcomes in list(self._outcomes.items())
                for word, count in outcomes.items()
            ],
        )

        # Shown to the end, when nobody collects any more: how every student's story ended.
        yield family_of(
            "generator_students",
            "Students by what has become of them so far.",
            [
                ({"generator": name, "state": word}, count)
                for name, students in list(self._students.items())
                for word, count in students.items()
            ],
        )

    def _about(self, events: list[TimelineEvent]) -> Iterator[Metric]:
        plan = self._plan
        ours = plan.target.ours  # else these are the defaults of another app
        facts = {
            "plan": plan.name,
            "stage": plan.target.stage,
            "allocation": plan.app.allocation if ours else _NOT_OURS,
            "waiting_room": plan.app.waiting_room if ours else _NOT_OURS,
            "workers": str(plan.app.workers) if ours else _NOT_OURS,
        }
        yield family_of("rehearsal_info", "What is being rehearsed.", [(facts, 1)])
        for name, text, number in (
            ("rehearsal_event_tickets", "Tickets there are.", plan.event.tickets),
            ("rehearsal_event_students", "Students who act.", plan.event.students),
        ):
            yield family_of(name, text, [({}, number)])
        t0 = [event.t_ns / NS_PER_S for event in events if event.kind == "t0"]
        yield family_of(
            "rehearsal_opens_at_timestamp_seconds",
            "T-0, the instant the sale opens.",
            [({}, t0_s) for t0_s in t0[-1:]],
        )

    def _events(self) -> list[TimelineEvent]:
        return self._run.timeline([])  # without half a line, from when the disk was full

    def _runs(self) -> Metric:
        return family_of(
            "rehearsal_started_timestamp_seconds",
            "When a rehearsal of the runs folder started; its verdict and report.",
            [(labels, _started_s(labels["rehearsal"])) for labels in self._verdicts()],
        )

    def _verdicts(self) -> list[dict[str, str]]:
        """Return the newest runs' verdicts, each file read only when it has changed."""
        files = sorted(self._run.path.parent.glob("*/verdict.json"), reverse=True)[:_NEWEST]
        found = []
        with self._indexing:
            for file in files:
                try:
                    changed_ns = file.stat().st_mtime_ns
                    known = self._index.get(file)
                    if known is None or known[0] != changed_ns:
                        known = self._index[file] = (changed_ns, self._labels(file))
                except (OSError, ValueError, KeyError, TypeError):
                    continue  # deleted meanwhile, or none of ours
                found.append(known[1])
        return found

    def _labels(self, file: Path) -> dict[str, str]:
        document = json.loads(file.read_text(encoding="utf-8"))
        run = file.parent.name
        base = _published(file.with_name("plan.toml"))
        _started_s(run)
        return {
            "rehearsal": run,
            "plan": str(document["plan"]),
            "verdict": str(document["verdict"]),
            "report": f"{base.rstrip('/')}/{run}/report.html" if base else str(file.parent),
        }


def _timeline(events: list[TimelineEvent]) -> Metric:
    samples: dict[tuple[str, ...], tuple[dict[str, str], float]] = {}
    for event in events:
        if event.kind == "ledger":
            continue
        on = event.detail.get("on")
        labels = {
            "kind": event.kind,
            "name": event.name,
            "state": "" if on is None else "on" if on else "off",
            "text": _text(event),
        }
        samples[tuple(labels.values())] = labels, event.t_ns / NS_PER_S  # the last of its kind
    return family_of(
        "rehearsal_timeline_timestamp_seconds",
        "When something happened: phases, T-0, faults, alerts, losses.",
        samples.values(),
    )


def _buckets(histograms: Any, histogram: Any) -> list[tuple[str, float]]:
    total, buckets = 0, []
    edges = [*histograms["edges_s"], float("inf")]
    for edge, count in zip(edges, histogram["counts"], strict=True):
        total += count
        buckets.append((floatToGoString(edge), total))  # type: ignore[no-untyped-call]
    return buckets


def _judged(verdict: Verdict) -> Iterator[Metric]:
    yield family_of("rehearsal_verdict", "The verdict.", [({"verdict": verdict.verdict}, 1)])
    first = verdict.bottleneck
    yield family_of(
        "rehearsal_cause",
        "The cause as the report's line has it, and the resource that it names.",
        [({"cause": verdict.cause, "resource": first.resource if first else "none"}, 1)],
    )
    yield family_of(
        "rehearsal_gate",
        "The number that a limit was held against; in ms where it is a latency. With the bound "
        "at_least it is a lower one: requests were given up that took no longer.",
        [
            (
                {
                    "metric": gate.name,
                    "limit": gate.limit,
                    "status": gate.status,
                    "bound": "none" if gate.given_up is None else "at_least",
                },
                float(gate.value) if gate.value is not None else float("nan"),
            )
            for gate in verdict.gates
        ],
    )
    audit = verdict.audit.model_dump()
    settle_ms = audit.pop("settle_ms")
    yield family_of(
        "rehearsal_audit",
        "Who was wronged, by counter; all should be zero.",
        [({"counter": name}, float(found)) for name, found in audit.items() if found is not None],
    )
    if settle_ms is not None:
        text = "From the last promise until the durable store had every row."
        yield family_of("rehearsal_settle_seconds", text, [({}, settle_ms / 1e3)])


def _text(event: TimelineEvent) -> str:
    if event.kind in ("fault", "alert"):
        words = event_words(event)
    else:
        words = str(event.detail.get("what") or event.detail.get("reason") or "")
    return words[:_TEXT_MAX]


def _published(plan: Path) -> str | None:
    """Return where a run's own plan, of whatever version, says that runs are published."""
    if not plan.is_file():
        return None
    url = tomllib.loads(plan.read_text(encoding="utf-8")).get("notify", {}).get("reports_url")
    return None if url is None else str(url)


def _started_s(run: str) -> float:
    """Return when a run began, in s since the Unix epoch, by its name."""
    stamp = run.partition("-")[0].removesuffix("Z") + "+0000"
    return datetime.strptime(stamp, "%Y%m%dT%H%M%S%z").timestamp()
