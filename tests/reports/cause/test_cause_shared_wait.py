"""Busy CPUs are a cause only of what the requests of other steps lost in the same seconds too."""

import dataclasses
import re

import pytest

from dress_rehearsal.reports.cause.shared_wait import FEWEST_BESIDE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.page.strip import key_numbers
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.words import UNSURE
from tests.reports.cause.altered_runs import (
    SECOND,
    SMALL,
    TIMES,
    cause_of,
    measured,
    slowed,
    waiting_for_a_cpu,
)
from tests.reports.foreign import foreign
from tests.reports.synthetic_defects import QR
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow

SAID = ("queue_us", "pool_us", "db_us", "redis_us", "external_us", "app_us")
SLEPT_MS = 1_500


@pytest.fixture
def shop(evidence_of):
    """A shop of somebody else's, whose answers say nothing, while the CPUs were busy."""
    evidence = measured(evidence_of(**SMALL), "machine_cpu_used_ratio", 0.99)
    return foreign(silenced(evidence), "everything")


def silenced(evidence: Evidence) -> Evidence:
    """The same run whose answers do not say where their time went."""
    requests = evidence.requests.copy()
    for column in SAID:
        requests[column] = requests[column].mask(requests[column].notna())
    return dataclasses.replace(evidence, requests=requests)


def sleeping(evidence: Evidence, ms: float, step: str = PURCHASE) -> Evidence:
    return silenced(slowed(evidence, step, own=ms))


def alike(evidence: Evidence, ms: float) -> Evidence:
    """The same run in which everything but buying took so much longer."""
    for step in sorted(set(evidence.requests["step"].dropna()) - {PURCHASE}):
        evidence = sleeping(evidence, ms, step)
    return evidence


def beside(evidence: Evidence, number: int) -> Evidence:
    """The same run in which nobody asked for more than to buy, but for so many."""
    requests = evidence.requests
    assert evidence.t0_ns is not None
    other = requests["step"] != PURCHASE
    other &= requests["intended_ns"] > evidence.t0_ns - 5 * SECOND
    gone = requests.index[other & (requests["step"] != QR)]
    gone = gone.append(requests.index[other & (requests["step"] == QR)][number:])
    return dataclasses.replace(evidence, requests=requests.drop(gone).reset_index(drop=True))


def hanging(evidence: Evidence, every: int) -> Evidence:
    """The same run in which some of those who buy get no answer within 10 s."""
    requests = evidence.requests.copy()
    mine = (requests["step"] == PURCHASE) & (requests["intended_ns"] >= evidence.t0_ns)
    mine &= requests["student"] % every == 0
    for name in TIMES:
        requests.loc[mine, name] = requests.loc[mine, "sent_ns"] + 10 * SECOND
    requests.loc[mine, "first_byte_ns"] = None
    for column in ("outcome", "error"):
        requests[column] = requests[column].astype("object")
    for column, value in (("status", 0), ("outcome", "unknown"), ("error", "timeout")):
        requests.loc[mine, column] = value
    return dataclasses.replace(evidence, requests=requests)


def test_a_step_that_sleeps_is_not_the_busy_cpus_fault_while_others_are_quick(shop):
    finding = cause_of(sleeping(shop, SLEPT_MS))
    assert finding.bottleneck.resource == "target"
    assert f"; at {PURCHASE}; all CPUs were 99% busy" in finding.cause
    said = re.search(
        r"explains at most ([\d.]+)% of it, .* took ([\d.]+) ms or less", finding.cause
    )
    assert float(said[1]) < 5
    assert float(said[2]) < 0.05 * SLEPT_MS


def test_a_busy_cpu_that_slows_all_steps_alike_is_the_cause(shop):
    finding = cause_of(alike(sleeping(shop, SLEPT_MS), SLEPT_MS))
    assert finding.bottleneck.resource == "cpu"
    assert finding.bottleneck.certainty > 0.95
    assert finding.cause.startswith("Cause of slowness: the CPU, from ")
    assert "nine of ten" not in finding.cause


def test_it_is_less_certain_the_less_the_others_lost(shop):
    finding = cause_of(alike(sleeping(shop, SLEPT_MS), 0.7 * SLEPT_MS))
    assert finding.bottleneck.resource == "cpu"
    assert finding.bottleneck.certainty == pytest.approx(0.7, abs=0.05)
    assert "perhaps" not in finding.cause
    little = cause_of(alike(sleeping(shop, SLEPT_MS), 0.3 * SLEPT_MS))
    assert little.bottleneck.resource == "target"


def test_what_slows_one_other_step_alone_is_perhaps_not_the_cpu(shop):
    finding = cause_of(sleeping(sleeping(shop, SLEPT_MS), SLEPT_MS, QR))
    assert finding.bottleneck.resource == "cpu"
    assert finding.bottleneck.certainty < 0.1
    assert finding.cause.startswith("Cause of slowness: perhaps the CPU, from ")
    assert "it may be something that the slow ones have to themselves" in finding.cause


def test_the_page_s_first_numbers_say_perhaps_too(shop):
    shown = {}
    for name, slow in (
        ("one", sleeping(sleeping(shop, SLEPT_MS), SLEPT_MS, QR)),
        ("all", alike(sleeping(shop, SLEPT_MS), SLEPT_MS)),
    ):
        verdict = judge(slow)
        shown[name] = [number.value for number in key_numbers(slow, verdict)]
    assert "Perhaps the CPU" in shown["one"]
    assert "The CPU" in shown["all"]


def test_beside_too_few_other_requests_it_is_the_cpu_but_less_certain(shop):
    slow = sleeping(shop, SLEPT_MS)
    finding = cause_of(beside(slow, FEWEST_BESIDE - 1))
    assert finding.bottleneck.resource == "cpu"
    assert finding.bottleneck.certainty <= UNSURE
    assert finding.cause.startswith("Cause of slowness: perhaps the CPU, from ")
    assert "too few requests of other steps were under way" in finding.cause
    assert cause_of(beside(slow, FEWEST_BESIDE)).bottleneck.resource == "target"


def test_what_nobody_answered_was_never_answered_however_busy_the_cpus(shop):
    hung = hanging(shop, every=20)
    for evidence in (hung, beside(hung, FEWEST_BESIDE - 1)):
        finding = cause_of(evidence)
        assert finding.bottleneck.resource == "unanswered"
        assert "nothing was seen to saturate" not in finding.cause
    assert "explains at most" in cause_of(hung).cause
    idle = cause_of(measured(hung, "machine_cpu_used_ratio", 0.4))
    assert "no answer came, and nothing was seen to saturate" in idle.cause


def test_where_other_steps_hang_too_the_busy_cpu_is_why_nobody_answers(shop):
    hung = alike(hanging(shop, every=20), 10_000)
    assert cause_of(hung).bottleneck.resource == "cpu"


def test_of_idle_cpus_nothing_is_said(shop):
    slow = measured(sleeping(shop, SLEPT_MS), "machine_cpu_used_ratio", 0.4)
    finding = cause_of(slow)
    assert finding.bottleneck.resource == "target"
    assert "busy" not in finding.cause


def resting(evidence: Evidence) -> Evidence:
    """The same run whose app used no processor from T-0 on."""
    metrics = evidence.metrics.copy()
    assert evidence.t0_ns is not None
    app = metrics["labels"].astype(str).str.contains('"component":"app"', regex=False)
    app &= (metrics["name"] == "process_cpu_seconds_total").to_numpy(dtype=bool)
    since = metrics["t_ns"] >= evidence.t0_ns
    before = metrics[app & ~since].groupby("labels", observed=True)["value"].max()
    metrics.loc[app & since, "value"] = metrics.loc[app & since, "labels"].map(before).astype(float)
    return dataclasses.replace(evidence, metrics=metrics)


def test_an_app_that_stands_still_lacks_no_processor_though_all_steps_wait_and_all_are_busy(shop):
    slow = alike(sleeping(shop, SLEPT_MS), SLEPT_MS)
    finding = cause_of(resting(slow))
    assert finding.bottleneck.resource == "target"
    assert "the app neither used a CPU nor waited for one" in finding.cause
    # One that is ready to run and gets no processor is another matter.
    starved = cause_of(resting(waiting_for_a_cpu(slow, ran=1, waited=0.5)))
    assert starved.bottleneck.resource == "cpu"
