"""How an external target is started, reset and opened: what a plan may say, and what it may not."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanInvalidError, plan_schema, plan_toml, read_plan

URL = 'url = "http://127.0.0.1:8000"\n'


def written(folder: Path, target: str, rest: str = "") -> Path:
    path = folder / "shop.toml"
    path.write_text(f'name = "shop"\n{rest}\n[target]\nstage = "external"\n{URL}{target}')
    return path


@pytest.mark.parametrize(
    "target",
    [
        "opening.already = true",
        'opening.at = "2026-12-01T10:00:00+09:00"',
        "opening.at = 2026-12-01T10:00:00Z",
        'opening.request = "POST /-/on-sale"\nopening.json = { atMs = "{t0_ms}" }\n'
        'opening.headers = { X-Admin-Key = "env:SHOP_KEY" }',
        'opening.request = "PUT /sales/1?from={t0_iso}"',
        'reset.request = "POST /-/reset"',
        'command = "gunicorn shop:app"\nready = "/health"\nready_within = "5 s"\n'
        'environment = { SHOP_DSN = "env:SHOP_DSN" }\nreset.command = ["make", "reset"]',
        'reset.command = "make reset"\nenvironment = { A = "b" }',
    ],
)
def test_a_plan_says_how_and_is_read_again_from_its_run(target: str, tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, target))
    resolved = tmp_path / "resolved.toml"
    resolved.write_text(plan_toml(plan))
    assert read_plan(resolved) == plan


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("opening.already = false", "give one of three"),
        ('opening.already = true\nopening.at = "2026-12-01T10:00:00Z"', "give one of three"),
        ('opening.at = "2026-12-01T10:00:00"', "offset from UTC is missing"),
        ('opening.at = "tomorrow at ten"', "expected an instant with its offset"),
        ("opening.at = 1796000000", "expected an instant with its offset"),
        ("opening.at = 2026-12-01", "expected an instant with its offset"),
        ('opening.request = "POST https://other.example/x"', "another host cannot be named"),
        ('opening.request = "POST //other.example/x"', "another host cannot be named"),
        ('opening.request = "HEAD /x"', "expected a method"),
        ('opening.request = "POST /x y"', "expected a method"),
        ('opening.request = "POST /x"\nopening.json = { at = "{t0}" }', "1 unknown placeholder"),
        ('opening.request = "POST /shows/{show}"', "1 unknown placeholder"),
        ('opening.already = true\nopening.json = { a = "b" }', "json without request have no"),
        ('opening.request = "POST /x"\nopening.headers = { X-Key = "hunter2" }', "env:NAME"),
        ('opening.request = "POST /x"\nopening.headers = { Host = "x" }', "are our own"),
        ('opening.request = "POST /x"\nopening.headers = { A = "b\\nc" }', "one line of ASCII"),
        ('opening.request = "POST /x"\nopening.headers = { A = "env:hunter2" }', '"env:NAME"'),
        ('opening.request = "POST /x"\nopening.json = { a = "env:hunter2" }', '"env:NAME"'),
        ('reset.request = "POST /x"\nreset.command = "true"', "give one of two"),
        ('reset.within = "5 s"', "give one of two"),
        ('reset.request = "POST /x?at={t0_ms}"', "T-0 is not fixed yet"),
        ('folder = "shop"', "folder without command"),
        ('environment = { A = "b" }', "environment without command"),
        ('ready = "/health"', "ready without command"),
        ('reset.command = "true"\nready = "/health"', "ready without command"),
        ('ready_within = "5 s"', "ready_within without command"),
        ('command = "a && b"', "no shell runs it"),
        ('command = "A=1 b"', "target.environment"),
        ('command = "a \\"b"', "has no second one"),
        ("command = []", "command"),
        ('command = "a"\nready = "http://127.0.0.1/x"', "path of the target itself"),
        ('command = "a"\nenvironment = { API_TOKEN = "hunter2" }', "env:NAME"),
    ],
)
def test_what_cannot_be_is_a_sentence_without_a_secret(
    target: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(PlanInvalidError) as refused:
        read_plan(written(tmp_path, target))
    assert sentence in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "other.example" not in str(refused.value)


@pytest.mark.parametrize("key", ['command = "a"', "opening.already = true", 'reset.command = "a"'])
def test_a_stage_of_our_own_has_none_of_it(key: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(f'name = "shop"\n[target]\n{key}')
    with pytest.raises(PlanInvalidError, match='only for stage = "external"'):
        read_plan(path)


def test_a_command_is_for_an_app_on_this_machine(tmp_path: Path) -> None:
    path = written(tmp_path, 'command = "a"')
    path.write_text(path.read_text().replace("127.0.0.1:8000", "staging.example"))
    with pytest.raises(PlanInvalidError, match="url must be one of this machine"):
        read_plan(path)


@pytest.mark.parametrize(("folder", "found"), [("", "."), ('folder = "shop"', "shop")])
def test_a_command_is_started_beside_the_plan(folder: str, found: str, tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, f'command = "gunicorn -w 2 shop:app"\n{folder}'))
    assert plan.target.folder == str(tmp_path / found)
    assert plan.target.command == ("gunicorn", "-w", "2", "shop:app")


def test_abort_needs_a_limit(tmp_path: Path) -> None:
    limits = 'errors = "50%"\nlatency = "10 s"\nafter = "2 s"'
    assert read_plan(written(tmp_path, "", f"[abort]\n{limits}")).abort.after_s == 2
    with pytest.raises(PlanInvalidError, match="without errors or latency"):
        read_plan(written(tmp_path, "", '[abort]\nafter = "2 s"'))


def test_the_schema_names_the_keys_as_they_are_written() -> None:
    opening = plan_schema()["$defs"]["Opening"]["properties"]
    assert {"request", "headers", "json", "at", "already"} == opening.keys()
