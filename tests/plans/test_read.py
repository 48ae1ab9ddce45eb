"""The plan: what people write is read, and everything wrong is said at once."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from dress_rehearsal.plans import (
    PlanError,
    PlanInvalidError,
    bundled_plans,
    plan_schema,
    plan_toml,
    read_plan,
)
from dress_rehearsal.plans.files import named
from dress_rehearsal.plans.overrides import in_effect
from dress_rehearsal.plans.plan import Plan


@pytest.mark.parametrize("path", bundled_plans(), ids=lambda path: path.stem)
def test_bundled_plans_are_fine_and_survive_writing(path):
    plan = read_plan(path)
    assert Plan.model_validate(tomllib.loads(plan_toml(plan))) == plan
    assert plan.name == path.stem


@pytest.fixture(scope="module")
def valid():
    """Hold a document against the published schema, which itself is checked only once."""
    schema = plan_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema).validate


@pytest.mark.parametrize("path", bundled_plans(), ids=lambda path: path.stem)
def test_bundled_plans_obey_the_published_schema(path, valid):
    valid(tomllib.loads(path.read_text()))
    valid(tomllib.loads(plan_toml(read_plan(path))))


def test_the_schema_knows_every_key_and_refuses_others(valid):
    with pytest.raises(jsonschema.ValidationError):
        valid({"name": "x", "app": {"workerz": 2}})
    with pytest.raises(jsonschema.ValidationError):
        valid({"name": "x", "schedule": {"lead": "20 parsecs"}})


@pytest.mark.parametrize("name", ["festival", "plans/festival.toml"])
def test_a_bundled_plan_is_found_by_name_from_anywhere(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert read_plan(Path(name)).event.students == 12_000


def test_overrides_apply_in_order_and_take_bare_words():
    plan = read_plan(
        Path("festival"),
        ["app.workers=3", "app.workers=4", "app.allocation=naive", 'schedule.lead = "5s"'],
    )
    assert (plan.app.workers, plan.app.allocation, plan.schedule.lead) == (4, "naive", 5.0)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("app.workerz=3", "there is no such key; did you mean workers?"),
        ("zzz=1", "there is no such key; known keys there: abort, "),
        ("app.workers=0", "app.workers = 0: expected greater than or equal to 1."),
        ("app.workers=two", "app.workers = …: expected a valid integer"),
        (
            "app.allocation=luck",
            "expected 'naive', 'row_lock', 'optimistic', 'atomic_update', 'skip_locked', "
            "'redis_lock', 'redis_script', 'redis_writeback', 'sqs_writeback' or "
            "'kafka_writeback'.",
        ),
        (
            "schedule.lead=20",
            'schedule.lead = 20: expected a duration with its unit, such as "20s"',
        ),
        ("schedule.lead=20 parsecs", "expected a duration with its unit"),
        ("students.late=10", 'students.late = 10: expected a share in per cent, such as "30%"'),
        ("students.late=130%", "students.late = "),
        ("students.late=90%", "late, outsiders, double_clickers and bots together are more than"),
        (
            'students={multi_device="60%", queue_jumpers="50%"}',
            "multi_device and queue_jumpers together are more than 100%",
        ),
        ("target.stage=external", 'stage = "external" needs url'),
        ("target.url=http://x", 'url is only for stage = "external"'),
        ("app.postgres_pool=90", "do not fit postgres.max_connections = 100"),
        ("name=No Spaces", "name = "),
        ("a.b=1", "--set a.b: there is no key a"),
        ("students.timeout=0s", "students.timeout = 0.0: expected greater than 0."),
        ("schedule.lead=9999h", "expected less than or equal to 604800"),
    ],
)
def test_each_mistake_is_a_sentence(override, sentence):
    with pytest.raises(PlanInvalidError) as caught:
        read_plan(Path("festival"), [override])
    (problem,) = caught.value.problems
    assert sentence in problem
    assert problem.endswith((".", "?"))


def test_everything_wrong_is_said_at_once_with_file_and_key(tmp_path):
    plan = tmp_path / "mine.toml"
    plan.write_text(
        'name = "mine"\n[app]\nworkers = 0\nspeed = 9\n[event]\ntickets = -1\n'
        '[[gates]]\nmetric = "census.failed"\nlimit = "about 3"\n'
    )
    with pytest.raises(PlanInvalidError) as caught:
        read_plan(plan, ["app.backlog=1"])
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    for words in ("app.workers", "app.speed", "event.tickets", "gates.0.limit"):
        assert f"{plan}: " in problems
        assert words in problems
    assert "--set app.backlog = 1" in problems


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"name = ", "is not valid TOML"), (b"\xff\xfe", "cannot be read")],
)
def test_what_is_not_a_plan_is_a_sentence(tmp_path, content, sentence):
    plan = tmp_path / "plan.toml"
    plan.write_bytes(content)
    with pytest.raises(PlanError, match=sentence):
        read_plan(plan)


def test_a_plan_that_is_not_there_names_those_that_are():
    with pytest.raises(PlanError, match="bundled plan: festival, hundred-thousand, late-crowd, "):
        read_plan(Path("nowhere.toml"))


@pytest.mark.parametrize("text", ["app.workers", "=3", "app..workers=3", "name.x=1"])
def test_a_malformed_override_is_a_sentence(text):
    with pytest.raises(PlanError, match="--set"):
        read_plan(Path("festival"), [text])


def test_the_schema_is_json_and_names_its_dialect():
    assert json.loads(json.dumps(plan_schema()))["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize(
    ("overrides", "recorded"),
    [
        (["app.workers=3", "app.workers = 4"], ["app.workers=4"]),
        (["schedule.lead=60s"], ["schedule.lead=1m"]),
        (["gates=[]"], ["gates=[]"]),
        (["app={workers=3, backlog=200}", "app.backlog=300"], ["app.workers=3", "app.backlog=300"]),
        (["description=https://u:hunter2@h", "description=fine"], ["description=fine"]),
        (
            ["notify={slack_webhook_env='https://h/x'}", "notify.slack_webhook_env=HOOK"],
            ["notify.slack_webhook_env=HOOK"],
        ),
        ([], []),
    ],
)
def test_what_overrides_came_to_is_recorded(overrides, recorded):
    plan = read_plan(Path("festival"), overrides)
    assert in_effect(overrides, plan) == recorded
    assert read_plan(Path("festival"), recorded) == plan


@pytest.mark.parametrize(
    "description",
    [
        "see https://me:hunter2@ci.example.org",
        "https://hooks.slack.com/services/T0/B0/x",
        "password=hunter2",
        "token: abc12345",
        "Authorization: Bearer 0123456789abcdef0123",
    ],
)
def test_a_text_that_looks_like_a_secret_is_refused_for_plans_are_written(description):
    with pytest.raises(PlanInvalidError, match="description seems to hold a password") as caught:
        read_plan(Path("smoke"), [f"description={description}"])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "description",
    ["the bearer of a ticket enters", "tokens: one each", "no secret: all are told"],
)
def test_a_text_about_secrets_is_none(description):
    assert read_plan(Path("smoke"), [f"description={description}"]).description == description


def test_of_many_problems_the_first_are_said(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text("name = 'x'\n" + "".join(f"key_{n} = 1\n" for n in range(2000)))
    with pytest.raises(PlanInvalidError, match="1,970 more problems"):
        read_plan(plan)


def test_a_secret_that_an_option_set_is_blamed_on_the_option():
    with pytest.raises(PlanError, match=r"^--set name seems to hold"):
        read_plan(Path("smoke"), ["name=xoxb-hunter2-1234567890"])


@pytest.mark.parametrize(
    "path",
    [
        "xoxb-hunter2-1234567890",
        "Bearer hunter2aaaaaaaaaaaaaaaa",
        "password=hunter2",
        "//u:hunter2@h",
        "hunter2:hunter2@host/x",
        "../https://u:hunter2@h",
    ],
)
def test_a_secret_in_place_of_a_path_is_not_shown(path):
    with pytest.raises(PlanError) as caught:
        read_plan(Path(path), [])
    assert "hunter2" not in str(caught.value)
    assert named(Path("plans/my festival.toml")) == "plans/my festival.toml"
