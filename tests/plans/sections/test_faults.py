"""A plan's faults can occur in it, and none of them ends another; else it says why not."""

import re
from pathlib import Path
from typing import get_args

import pytest

from dress_rehearsal.plans import FAULTS, STRATEGIES, Plan, PlanInvalidError
from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.plans.sections.faults import FaultName

WAITING = {"waiting_room": "poll"}


def plan(*faults, app=None, students=None, stage="embedded"):
    written = [{"at": "T", **fault} for fault in faults]
    document = {
        "name": "faulty",
        "target": {"stage": stage},
        "app": app or {},
        "students": students or {},
        "faults": written,
    }
    return check_plan(document, "faulty.toml")


def accepted(name, strategy):
    app = {"allocation": strategy, "enrolment": "external", **WAITING}
    fault = {"name": name, "at": "T-1s"}
    if FAULTS[name].place == "service":
        fault["service"] = "redis"
    people = {"queue_jumpers": "10%", "entry": "50%"}
    try:
        plan(fault, app=app, students=people, stage=FAULTS[name].stages[-1])
    except PlanInvalidError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_each_fault_is_for_the_strategies_in_which_it_can_occur(name):
    postgres = {"row_lock", "optimistic", "atomic_update", "skip_locked", "redis_lock"}
    expected = {
        "redelivery": {"redis_writeback", "sqs_writeback", "kafka_writeback"},
        "drop_queue_items": {"redis_writeback", "sqs_writeback", "kafka_writeback"},
        "duplicate_check_before_lock": postgres,
        "unique_off": {"atomic_update", "skip_locked"},
        "double_decrement": set(STRATEGIES) - {"naive"},
    }.get(name, set(STRATEGIES))
    assert {strategy for strategy in STRATEGIES if accepted(name, strategy)} == expected


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("redelivery", {"app": {"allocation": "row_lock"}}, 'app.allocation = "row_lock", only'),
        ("slow_external", {}, 'needs app.enrolment = "external"'),
        ("client_position", {}, "needs app.waiting_room"),
        ("client_position", {"app": WAITING}, "needs somebody who tells a position"),
        ("qr_replay", {}, "needs somebody at the entrance: students.entry above 0%"),
        ("entry_refused", {}, "needs somebody at the entrance: students.entry above 0%"),
        ("not_admitted_again", {}, "needs app.waiting_room"),
        (
            "replay_forgotten",
            {"students": {"double_clickers": "0%"}},
            "needs somebody who clicks twice",
        ),
        ("ineligible_granted", {"students": {"outsiders": "0%"}}, "needs somebody who is not on"),
    ],
)
def test_a_fault_that_cannot_occur_is_refused_with_what_it_needs(name, settings, sentence):
    with pytest.raises(PlanInvalidError) as caught:
        plan({"name": name}, **settings)
    (problem,) = caught.value.problems
    assert sentence in problem
    assert problem.endswith(".")


def test_sales_cannot_open_early_once_they_are_open():
    for at in ("T", "T+1s"):
        with pytest.raises(PlanInvalidError, match="fault early_open needs to begin before T-0"):
            plan({"name": "early_open", "at": at})


@pytest.mark.parametrize("name", ["late_open", "last_first"])
def test_what_is_over_soon_after_t_0_begins_before(name):
    assert plan({"name": name, "at": "T+1s", "grade": "1500ms"})
    with pytest.raises(PlanInvalidError, match=f"fault {name} needs to begin before its grade"):
        plan({"name": name, "at": "T+2s", "grade": "1500ms"})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"at": "T", "lasts": "2s"}, {"at": "T+1s", "lasts": "4s"}),
        ({"at": "T", "lasts": "1s"}, {"at": "T+1s"}),
        ({"at": "T"}, {"at": "T+9s", "lasts": "1s"}),
        ({"at": "T+1s", "lasts": "1s"}, {"at": "T-1s", "lasts": "5s"}),
    ],
)
def test_two_entries_of_one_fault_must_not_overlap(first, second):
    with pytest.raises(PlanInvalidError, match="two entries of fault leak overlap"):
        plan({"name": "leak", **first}, {"name": "leak", **second})
    assert plan({"name": "leak", **first}, {"name": "loop_block", **second})


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            ("database_stopped", None),
            ("pause", "postgres"),
            "database_stopped, which is also pause",
        ),
        (("kill", "redis"), ("redis_down", None), "kill redis, which is also redis_down, overlap"),
        (("pause", "app"), ("pause", "app-1"), "pause app, which is also pause app-1, overlap"),
        (("pause", "app-2"), ("pause", "app-2"), "fault pause app-2 overlap"),
        (("kill", "app-1"), ("restart", "app"), "kill app-1 and restart app, which end the same"),
        (("kill", "app-1"), ("sigterm_mid_sale", None), "kill app-1 and sigterm_mid_sale, which"),
        (("restart", "redis"), ("redis_down", None), "restart redis and redis_down, which end"),
    ],
)
def test_one_fault_under_two_names_is_one_fault(first, second, words):
    entries = [
        {"name": name, "at": "T+1s", "lasts": "2s"} | ({"service": service} if service else {})
        for name, service in (first, second)
    ]
    with pytest.raises(PlanInvalidError, match=words):
        plan(*entries, stage="docker")


def test_one_container_may_end_while_another_is_down():
    kill = {"name": "kill", "service": "app-2", "at": "T+1s", "lasts": "3s"}
    assert plan(kill, {"name": "restart", "service": "app", "at": "T+2s"}, stage="docker")


def test_what_is_done_to_a_service_is_told_in_words():
    (pause,) = plan({"name": "pause", "service": "postgres", "lasts": "5s"}).faults
    assert (pause.title, pause.what) == (
        "pause postgres",
        "PostgreSQL stands still, and goes on after 5s",
    )
    latency = {"name": "latency", "service": "app-2", "grade": "100ms", "jitter": "20ms"}
    (slow,) = plan(latency, stage="docker").faults
    assert slow.strength == "100ms ± 20ms"
    assert slow.what.startswith("what goes to app-2 and what comes back")


def test_entries_of_one_fault_may_follow_each_other():
    leaks = [{"name": "leak", "at": f"T+{s}s", "lasts": "1s"} for s in (0, 2, 4)]
    assert len(plan(*leaks).faults) == 3
    crashes = [{"name": "worker_crash", "at": f"T+{s}s"} for s in (1, 2)]
    assert len(plan(*crashes).faults) == 2
    with pytest.raises(PlanInvalidError, match="worker_crash overlap"):
        plan(crashes[0], crashes[0])


@pytest.mark.parametrize("name", [["leak"], {"a": 1}, 5, "earthquake"])
def test_a_name_that_is_none_is_one_sentence(name):
    with pytest.raises(PlanInvalidError) as caught:
        plan({"name": name})
    (problem,) = caught.value.problems
    assert "faults.0.name" in problem


def test_a_plan_takes_every_fault_of_the_catalogue_and_no_other():
    assert get_args(FaultName) == tuple(FAULTS)
    assert Plan.model_json_schema()["$defs"]["Fault"]["properties"]["name"]["enum"] == list(FAULTS)


def test_what_is_over_at_once_has_no_usual_length():
    momentary = {name for name, kind in FAULTS.items() if kind.momentary}
    stage = {"worker_crash", "redis_wipe", "sigterm_mid_sale", "restart"}
    assert momentary == {"kill_after_grant", *stage}
    outages = {name: kind.usually_lasts for name, kind in FAULTS.items() if kind.usually_lasts}
    assert outages == {
        "redis_down": "2s",
        "database_down": "2s",
        "worker_stopped": "3s",
        "database_stopped": "3s",
        "cpu_hogs": "8s",
        "pause": "3s",
        "kill": "2s",
        "network_cut": "3s",
        "latency": "10s",
        "packet_loss": "10s",
        "cpu_squeeze": "10s",
        "memory_limit": "10s",
    }


def test_the_reference_names_every_fault_as_the_catalogue_does():
    page = Path("docs/reference.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| ([\w%. ]+) \| .+ \|$", page, flags=re.MULTILINE))
    usual = {name: kind.usual for name, kind in FAULTS.items()}
    assert {name: told.get(name) for name in usual} == usual


def test_a_fault_ends_with_its_time_or_with_the_sale():
    leak, crash, down, killed = Plan.model_validate(
        {
            "name": "faulty",
            "faults": [
                {"name": "leak", "at": "T+1s"},
                {"name": "worker_crash", "at": "T+1s"},
                {"name": "redis_down", "at": "T+1s", "lasts": "1h"},
                # Momentary too, but nobody knows when: its switch stays on until a grant comes.
                {"name": "kill_after_grant", "at": "T+1s"},
            ],
        }
    ).faults
    ends = [fault.ends(30.0) for fault in (leak, crash, down, killed)]
    assert ends == [30.0, 1.0, 30.0, 30.0]


@pytest.mark.parametrize(
    ("fault", "stage", "sentence"),
    [
        ({"name": "pause"}, "embedded", 'pause needs a service: service = "postgres", say'),
        (
            {"name": "redis_down", "service": "redis"},
            "embedded",
            "redis_down is done to no service",
        ),
        ({"name": "pause", "service": "web"}, "embedded", "service"),
        ({"name": "network_cut", "service": "redis"}, "embedded", 'needs target.stage = "docker"'),
        ({"name": "cpu_squeeze", "service": "app"}, "embedded", 'needs target.stage = "docker"'),
        ({"name": "pause", "service": "nginx"}, "embedded", "has no nginx, only postgres, redis"),
        ({"name": "kill", "service": "kafka"}, "docker", "has no kafka, only postgres, redis"),
        ({"name": "kill", "service": "app-3"}, "docker", "has no app-3"),
        ({"name": "kill", "service": "neighbours"}, "docker", "has no neighbours"),
        (
            {"name": "latency", "service": "redis", "jitter": "1s"},
            "docker",
            "more than the latency",
        ),
        ({"name": "latency", "service": "writeback"}, "docker", "nobody connects to writeback"),
        ({"name": "packet_loss", "service": "writeback"}, "docker", "such as postgres"),
        ({"name": "pause", "service": "redis", "jitter": "1s"}, "docker", "jitter is for latency"),
        ({"name": "cpu_squeeze", "service": "redis", "grade": "0"}, "docker", "above zero"),
        ({"name": "cpu_squeeze", "service": "redis", "grade": "1 CPU"}, "docker", "above zero"),
        ({"name": "memory_limit", "service": "redis", "grade": "64"}, "docker", "a size with its"),
    ],
)
def test_what_a_stage_cannot_do_is_said(fault, stage, sentence):
    with pytest.raises(PlanInvalidError) as refused:
        plan(fault, stage=stage)
    assert sentence in str(refused.value)


def test_a_fault_is_named_with_its_service_and_told_of_in_a_sentence():
    found = plan({"name": "pause", "service": "app-2"}, stage="docker").faults[0]
    assert found.title == "pause app-2"
    assert found.what == "app-2 stands still, and goes on after 3s"
    assert plan({"name": "leak"}).faults[0].title == "leak"


def test_one_fault_may_strike_two_services_at_a_time_but_not_one_twice():
    both = [{"name": "pause", "service": service} for service in ("redis", "postgres")]
    assert len(plan(*both).faults) == 2
    with pytest.raises(PlanInvalidError, match="two entries of fault pause redis overlap"):
        plan(both[0], both[0])


def test_sizes_and_cpus_are_grades():
    squeeze, limit = plan(
        {"name": "cpu_squeeze", "service": "app", "grade": "0.25"},
        {"name": "memory_limit", "service": "app", "grade": "128 MiB"},
        stage="docker",
    ).faults
    assert (squeeze.level, limit.level) == (0.25, 128 * 2**20)


@pytest.mark.parametrize(
    ("fault", "students", "sentence"),
    [
        ({"name": "memory_limit", "service": "app", "grade": "1 MiB"}, 300, "at least 6 MiB"),
        ({"name": "cpu_squeeze", "service": "app", "grade": "0.001"}, 300, "at least 0.01"),
        ({"name": "latency", "service": "nginx"}, 12_000, "at most 9,000 students before nginx"),
        ({"name": "packet_loss", "service": "nginx"}, 12_000, "at most 9,000 students"),
    ],
)
def test_what_docker_could_not_do_is_refused_before(fault, students, sentence):
    document = {
        "name": "faulty",
        "event": {"students": students},
        "target": {"stage": "docker"},
        "faults": [{"at": "T", **fault}],
    }
    with pytest.raises(PlanInvalidError) as refused:
        check_plan(document, "faulty.toml")
    assert sentence in str(refused.value)
