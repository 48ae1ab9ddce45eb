"""Who plays the students: as many processes as are named, and of whom nobody would be in vain."""

import pytest

from dress_rehearsal.plans import PlanInvalidError, read_plan
from dress_rehearsal.plans.sections.generator import host_and_port, processes_of


def planned(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_text(f'name = "x"\n{text}')
    return read_plan(path)


EXTERNAL = '[target]\nstage = "external"\nurl = "{}"\nallow = ["10.0.0.7"]\n'


@pytest.mark.parametrize(
    ("target", "url", "processes"),
    [
        ("", "http://127.0.0.1:20000", 1),
        ('[target]\nstage = "docker"\n', "http://127.0.0.1:20000", 1),
        (EXTERNAL.format("http://localhost:8000"), "http://localhost:8000", 1),
        (EXTERNAL.format("http://10.0.0.7"), "http://10.0.0.7", 7),
    ],
)
def test_a_target_on_this_machine_is_left_the_other_processors(tmp_path, target, url, processes):
    assert processes_of(planned(tmp_path, target), url, 8) == processes


@pytest.mark.parametrize("processors", [1, 2])
def test_there_is_always_one(tmp_path, processors):
    plan = planned(tmp_path, EXTERNAL.format("http://10.0.0.7"))
    assert processes_of(plan, "http://10.0.0.7", processors) == 1


def test_what_is_named_is_so_many_wherever_the_target_is(tmp_path):
    plan = planned(tmp_path, "[generator]\nprocesses = 3\n")
    assert processes_of(plan, "http://127.0.0.1:1", 2) == 3
    assert plan.generator.listens_at == ("127.0.0.1", 5557)
    assert plan.generator.workers_within_s == 0


def test_workers_of_elsewhere_are_waited_for_where_the_plan_says(tmp_path):
    text = (
        '[generator]\nprocesses = 0\nworkers = 2\nworkers_within = "5m"\nlisten = "0.0.0.0:6000"\n'
    )
    plan = planned(tmp_path, EXTERNAL.format("http://10.0.0.7") + text)
    assert plan.generator.listens_at == ("0.0.0.0", 6000)
    assert plan.generator.workers_within_s == 300
    assert processes_of(plan, "http://10.0.0.7", 8) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("processes = 0", "nobody would play"),
        ("processes = -1", "generator.processes"),
        ("processes = true", "generator.processes"),
        ("workers = 300", "generator.workers"),
        ('listen = "127.0.0.1:6000"', "listen without workers has no effect"),
        ('workers_within = "1m"', "workers_within without workers has no effect"),
        ('workers = 1\nlisten = "10.0.0.5:6000"', "cannot reach a stage of our own"),
        ('workers = 1\nlisten = "somewhere:x"', "expected a host and a port"),
        ('workers = 1\nlisten = "::1"', "expected a host and a port"),
    ],
)
def test_what_could_not_be_is_refused(tmp_path, text, words):
    with pytest.raises(PlanInvalidError, match=words):
        planned(tmp_path, f"[generator]\n{text}\n")


def test_a_plain_locust_file_is_performed_by_one_process(tmp_path):
    (tmp_path / "locustfile.py").touch()
    load = (
        '[scenario]\nfile = "locustfile.py"\n[load]\nrun_time = "1s"\n[generator]\nprocesses = 2\n'
    )
    with pytest.raises(PlanInvalidError, match="are for students"):
        planned(tmp_path, EXTERNAL.format("http://127.0.0.1:1") + load)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("10.0.0.5", ("10.0.0.5", 5557)),
        ("10.0.0.5:6000", ("10.0.0.5", 6000)),
        ("load-1.example:1", ("load-1.example", 1)),
    ],
)
def test_a_host_has_locusts_port_unless_it_says_another(text, where):
    assert host_and_port(text) == where


@pytest.mark.parametrize("text", ["", ":", "a:", "a:0", "a:70000", "a:1:2", "a b", "http://a:1"])
def test_what_names_no_host_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        host_and_port(text)
