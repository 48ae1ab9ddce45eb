"""Bad usage: refused with 2 and a sentence before anything is made, and nothing secret is shown."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal import cli
from dress_rehearsal.rehearsal.cli import main

SECRET = "q7Hd-4711-SENTINEL-Zm9vYmFy"
LONG = "9" * 5000
EXTERNAL = ["--set", "target.stage=external"]
ROSTER = "student,pin,enrolled\n" + "".join(f"S{number},1,1\n" for number in range(400))
CHECKED = [["plan", "check"], ["run", "--no-prometheus"], ["sweep", "--over=app.backlog=128,256"]]
"""Commands that ask the same before anything is made."""
PARSER = functools.cache(cli._parser)
"""The command line, described once: nothing of it is a test's own."""


@pytest.fixture
def refused(capsys, monkeypatch, tmp_path):
    """Run a command that is to be refused; returns its sentence, and what the folder has gained."""
    monkeypatch.setattr("dress_rehearsal.rehearsal.run.raise_file_limit", lambda: None)
    monkeypatch.setattr(cli, "_parser", PARSER)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        before = sorted(tmp_path.rglob("*"))
        try:
            code = main([*map(str, arguments)])
        except SystemExit as ended:
            code = ended.code
        captured = capsys.readouterr()
        said = captured.out + captured.err
        assert code == 2, said
        assert "Traceback" not in said
        assert SECRET not in said
        assert len(said) < 3000, said
        assert sorted(tmp_path.rglob("*")) == before, "something was made"
        return said

    return run


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(ROSTER)
    return ["--roster", str(path)]


@pytest.mark.parametrize("command", CHECKED, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"http://user:{SECRET}@127.0.0.1:8000", "target.url seems to hold a password"),
        (f"http://{SECRET}@127.0.0.1:8000", "target.url seems to hold a password"),
        ("ftp://127.0.0.1:8000", "must be http:// or https://"),
        ("http://127.0.0.1:99999", "a port from 1 to 65,535"),
        ("http://127.0.0.1:0", "a port from 1 to 65,535"),
        (f"http://127.0.0.1:{SECRET}", "a port from 1 to 65,535"),
        ("http://tickets.example", "No load is sent to tickets.example"),
        (f"http://127.0.0.1/{SECRET}", "which may be a token"),
        (f"http://127.0.0.1:8000?token={SECRET}", "target.url"),
        (f"http://127.0.0.1:8000/#{SECRET}", "without ? or #"),
        ("http://127.0.0.1:80 00", "spaces, control characters"),
        ("http://127.0.0.1\x1b]0;x\x07", "spaces, control characters"),
        ("http://müller.example", "xn--"),
        ("http://[::1", "is not a URL"),
        ("http://[::1]x:80", "target.url "),
        ("http://:80", "does not name a host"),
        ("http://a..example", "does not name a host"),
        ("http://" + "a" * 5000, "does not name a host"),
        ("http://", "must be http:// or https:// with a host"),
        (SECRET, "must be http:// or https:// with a host"),
        ("true", "target.url = …: expected a valid string"),
    ],
)
def test_a_url_is_refused_before_it_is_written(refused, roster, command, url, sentence):
    said = refused(*command, "smoke", *EXTERNAL, "--set", f"target.url={url}", *roster)
    assert sentence in said


@pytest.mark.parametrize("command", CHECKED[:2], ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set", "app.workers=4"], "app.workers = 4 is for the stage of our own"),
        (["--set", "app.allocation=naive"], "app.allocation = … is for the stage of our own"),
        (["--set", "postgres.max_connections=50"], "postgres.max_connections = 50"),
        (["--set", 'target.allow=["http://a.example"]'], "target.allow must be a list of hosts"),
        (["--set", "target.ca_file=none.pem"], "target.ca_file is for a target that speaks TLS"),
        (["--set", "target.proxy=socks5://127.0.0.1:1"], "target.proxy must be http:// with"),
        (["--set", f"target.proxy=http://127.0.0.1:1/{SECRET}"], "target.proxy must end after"),
        (["--set", f"target.proxy=http://{SECRET}:1"], "target.proxy, which is not on this"),
        (["--set", f"target.proxy=http://a:{SECRET}@127.0.0.1:1"], "target.proxy seems to hold"),
        (["--set", "target.proxy=http://proxy.example:3128"], "target.allow does not name its"),
        (["--set", 'target.headers={X-At="{t0_ms}"}'], "holds a word in braces"),
        (["--set", f'target.headers={{X-Api-Key="{SECRET}"}}'], 'is given as "env:NAME"'),
        (["--set", 'target.headers={Host="a"}'], "are our own"),
        (["--set", 'faults=[{name="leak", at="T"}]'], "faults are for a stage of our own"),
        (["--students", "401"], "The roster holds 400 people and the plan has 401 students"),
    ],
)
def test_what_an_external_target_has_no_use_for_is_refused(
    refused, roster, command, options, sentence
):
    there = [*EXTERNAL, "--set", "target.url=http://127.0.0.1:9", *roster]
    assert sentence in refused(*command, "smoke", *there, *options)


@pytest.mark.parametrize("command", CHECKED[:2], ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "target.ca_file cannot be read: "), ("none", "target.ca_file holds no certificates")],
)
def test_certificates_that_are_none_are_refused(
    refused, roster, tmp_path, command, content, sentence
):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    there = [*EXTERNAL, "--set", "target.url=https://127.0.0.1:9", *roster]
    assert sentence in refused(*command, "smoke", *there, "--set", f"target.ca_file={file}")


@pytest.mark.parametrize("command", CHECKED[:2], ids=lambda command: command[0])
def test_an_external_target_needs_its_people(refused, command):
    there = [*EXTERNAL, "--set", "target.url=http://127.0.0.1:9"]
    assert "give their credentials with --roster FILE" in refused(*command, "smoke", *there)


def test_a_sale_that_nobody_may_open_is_refused(refused, roster, monkeypatch):
    there = [*EXTERNAL, "--set", "target.url=http://127.0.0.1:9", *roster]
    monkeypatch.delenv("REHEARSE_ADMIN_TOKEN", raising=False)
    assert "set the environment variable REHEARSE_ADMIN_TOKEN" in refused("run", "smoke", *there)


def test_a_plan_for_an_external_target_is_fine(capsys, roster):
    there = [*EXTERNAL, "--set", "target.url=http://127.0.0.1:9", "--set", "app.waiting_room=poll"]
    assert main(["plan", "check", "smoke", *there, *roster]) == 0
    assert "smoke: fine." in capsys.readouterr().out


@pytest.mark.parametrize("command", [*CHECKED, ["doctor"]], ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set", f"app.workers={LONG}"], "app.workers: a number has too many digits"),
        (["--set", "app.workers=0x" + "f" * 5000], "app.workers: value is a number beyond 64 bits"),
        (["--set", "app.workers=" + "[" * 2000], "app.workers: "),
        (["--set", ".".join(["a"] * 3000) + "=1"], "--set: a key has at most 8 parts"),
        (["--set", "gates=" + "[" * 20 + "]" * 20], "gates: value.0 goes deeper than 12"),
        (["--set", "app.workers=true"], "app.workers = true: expected a valid integer"),
        (["--set", 'app.workers="5"'], "app.workers = …: expected a valid integer"),
        (["--set", "app.workers=5.0"], "app.workers = 5.0: expected a valid integer"),
        (["--set", "app.workers=nan"], "app.workers = nan: expected a valid integer"),
        (["--set", "app.workers=2026-11-28"], "app.workers = …: expected a valid integer"),
        (["--set", "generator.max_foreign_cpu=inf"], "expected a finite number"),
        (["--set", "generator.max_foreign_cpu=true"], "expected a valid number"),
        (["--set", f"schedule.lead={LONG}s"], "schedule.lead: a number has too many digits"),
        (["--set", f'gates=[{{metric="census.failed", limit="<= {LONG}"}}]'], "expected a limit"),
        (["--set", f"app.workers\0={SECRET}"], "--set app.…: there is no such key"),
        (["--set", SECRET], "--set …: write it as section.key=value"),
        (["--set", f"{SECRET}=1"], "--set …: there is no such key"),
        (["--set", f"webhook={SECRET}"], "--set webhook: there is no such key"),
        (["--set", f"app.{SECRET}={SECRET}"], "--set app.…: there is no such key"),
        (["--set", f"app.allocation={SECRET}"], "app.allocation = …"),
        (["--set", f"notify=https://hooks.slack.com/{SECRET}"], "notify = …"),
        (["--set", f"notify.slack_webhook_env={SECRET}"], "name of an environment variable"),
        (["--set", f'schedule.lead="{LONG}s"'], "schedule.lead = …: expected a duration"),
        (["--set", f"description=the token: {SECRET}"], "description seems to hold a password"),
        (["--set", f'gates=[{{metric="{SECRET}", limit="== 0"}}]'], "gates.0.metric = …: there is"),
        (["--set", "description=\udcff"], "--set …: what is given is no UTF-8"),
        (["--set", 'faults=[{name="cpu_hogs", at="T", grade="65"}]'], "cpu_hogs is at most 64"),
        (["--set", 'faults=[{name="slow_code", at="T", grade="2h"}]'], "slow_code is at most 1h"),
        (["--students", LONG], "event.students: a number has too many digits"),
        (["--students", "true"], "event.students = true: expected a valid integer"),
        (["--students", "-5"], "event.students = -5: expected greater than or equal to 0"),
        (["--students", SECRET], "event.students = …: expected a valid integer"),
        (["--seed", LONG], "seed: a number has too many digits"),
        (["--seed", "1\nname = 'x'"], "seed = …: expected a valid integer"),
    ],
)
def test_a_value_that_cannot_be_is_a_sentence(refused, command, options, sentence):
    assert sentence in refused(*command, "smoke", *options)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "smoke", "--repeat", LONG], "--repeat: give a whole number from 1 to 1,000."),
        (["run", "smoke", "--repeat", SECRET], "--repeat: give a whole number"),
        (["matrix", "matrix", "--lanes", LONG], "--lanes: give a whole number from 1 to 16."),
        (["matrix", "matrix", "--seed", LONG], "--seed: give a whole number from 0 to"),
        (["matrix", "matrix", "--only", SECRET], "has no fault …"),
        (["matrix", "matrix", "--only", "leek"], "has no fault leek"),
        (["matrix", "matrix", "--strategies", SECRET], "has no strategy …"),
        (["matrix", "smoke"], "rows"),
        (["sweep", "smoke", "--over", f"app.workers={LONG}"], "too many digits"),
        (["sweep", "smoke", "--over", f"{SECRET}=1"], "…: there is no such key"),
        (["sweep", "smoke", "--over", SECRET], "--over …: the plan has no such key"),
        (["sweep", "smoke", "--over", "app.workers=" + "1,2," * 9 + SECRET], "app.workers = …"),
        (["sweep", "smoke", "--over", "seed=" + ",".join(map(str, range(2000)))], "more than 1000"),
        (["run", "smoke", f"--token={SECRET}"], "there is no option --token"),
        (["run", "smoke", f"--{SECRET}"], "there is no option …"),
        (["run", "smoke", SECRET], "more arguments than the command takes"),
        (["run", "smoke", f"--stud={SECRET}"], "there is no option --stud"),
        (["run", "smoke", f"--prometheus={SECRET}"], "--prometheus/--no-prometheus: it takes no"),
        (["run"], "the following arguments are required: PLAN"),
        (["run", "smoke", "--seed"], "argument --seed: expected one argument"),
        ([SECRET], "COMMAND: there is no such one"),
        (["plan", SECRET], "COMMAND: there is no such one"),
        (["dashboards", "push", "--url", f"http://h:{SECRET}"], "--url is not a URL"),
    ],
)
def test_an_option_that_cannot_be_is_a_sentence(refused, arguments, sentence):
    assert sentence in refused(*arguments)


ODD_PATHS = {
    "long": "p" * 5000,
    "many parts": "/".join(["p"] * 3000),
    "NUL": "a\0b",
    "nowhere": "nowhere/at/all",
    "a URL": f"https://user:{SECRET}@example.org/plan.toml",
    "a circle": "circle",
    "a pipe": "pipe",
    "a folder": "folder",
    "a device": "/dev/zero",
}


@pytest.fixture
def odd_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    return lambda name: ODD_PATHS[name]


@pytest.mark.parametrize("name", ODD_PATHS)
@pytest.mark.parametrize(
    "command",
    [
        ["plan", "check"],
        ["run"],
        ["doctor"],
        ["matrix"],
        ["plan", "check", "smoke", "--roster"],
        ["run", "smoke", "--roster"],
    ],
    ids=" ".join,
)
def test_what_is_no_file_is_not_read(odd_path, refused, command, name):
    assert refused(*command, odd_path(name))


@pytest.mark.parametrize("command", [["report"], ["dashboards", "check"]], ids=" ".join)
@pytest.mark.parametrize("name", [name for name in ODD_PATHS if name != "a folder"])
def test_what_is_no_folder_is_not_judged(odd_path, refused, command, name):
    assert "is not a run directory" in refused(*command, odd_path(name))


@pytest.mark.parametrize(
    "command",
    [
        ["run", "smoke", "--no-prometheus", "--out"],
        ["plan", "check", "smoke", "--out"],
        ["sweep", "smoke", "--over=seed=1,2", "--out"],
        ["capacity", "smoke", "--out"],
        ["checklist", "runs", "--out"],
        ["matrix", "matrix", "--out"],
        ["doctor", "--out"],
        ["dashboards", "build", "--out"],
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize(
    "out",
    ["p" * 5000, "new/" + "p" * 300, "/".join(["p"] * 3000), "a\0b", "circle/runs", "pipe/runs"]
    + (["/proc/runs"] if sys.platform == "linux" else []),
    ids=lambda out: f"{len(out)} characters" if len(out) > 100 else None,
)
def test_a_folder_that_cannot_be_made_is_refused_before(odd_path, refused, command, out):
    assert odd_path
    assert refused(*command, out).startswith("--out ")


@pytest.mark.parametrize("option", ["--table", "--figure"])
@pytest.mark.parametrize("path", ["p" * 5000, "a\0b", "circle", "folder", "none/x.md"])
def test_a_file_that_cannot_be_written_is_refused_before(odd_path, refused, option, path):
    assert odd_path
    said = refused("sweep", "smoke", "--over=seed=1,2", option, path)
    assert "cannot be written" in said


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"x = " + b"[" * 2000, "stand too deep within each other"),
        (b"a" + b".a" * 3000 + b" = 1", "line 1 has more than 100 dots"),
        (b"seed = " + LONG.encode(), "a number has too many digits"),
        (b"seed = 0x" + b"f" * 5000, "seed is a number beyond 64 bits"),
        (f'x = "{SECRET}'.encode(), "is not valid TOML: unterminated string at"),
        (f"[a]\n[a.{SECRET}]\n[a.{SECRET}]".encode(), "a table is declared twice at line 3"),
        (f'a = {{"{SECRET}" = 1, "{SECRET}" = 2}}'.encode(), "a key is given twice"),
        (f"{SECRET}".encode(), "is not valid TOML"),
        (f'[notify]\nwebhook = "{SECRET}"'.encode(), "there is no key notify.webhook"),
        (f'[[gates]]\nmetric = "{SECRET}"\nlimit = "{SECRET}"'.encode(), "gates.0.limit = …"),
        (b"\xff\xfe" + "name = 'x'".encode("utf-16-le"), "it is UTF-16; save it as UTF-8"),
        (b"name = '\xff'", "no UTF-8 from byte 8 on"),
        (b"#" * 2**20, "is larger than 256 KiB"),
        (b"", "the key name is missing"),
    ],
)
@pytest.mark.parametrize("command", [["plan", "check"], ["run"]], ids=lambda each: each[0])
def test_a_text_that_is_no_plan_is_a_sentence(refused, tmp_path, command, content, sentence):
    path = tmp_path / "plan.toml"
    path.write_bytes(content)
    assert sentence in refused(*command, path)


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbfname = "mine"\n',
        b'name = "mine"\r\n[event]\r\ntickets = 5\r\n',
        '# ……… ........\nname = "mine"\ndescription = "Ünïcödé"\n'.encode(),
        'name = "mine"\n[[gates]]\nmetric = "sale.sold_out_after_s"\nlimit = "< 9000 µs"'.encode(),
    ],
    ids=["BOM", "CRLF", "Unicode", "microseconds"],
)
def test_a_plan_as_editors_write_it_is_fine(tmp_path, content, capsys):
    path = tmp_path / "plan.toml"
    path.write_bytes(content)
    assert main(["plan", "check", str(path), "--students", "20"]) == 0
    assert "fine." in capsys.readouterr().out


def test_a_sale_that_cannot_sell_out_is_told_and_not_refused(capsys):
    assert main(["plan", "check", "festival", "--students", "3000"]) == 0
    assert "It cannot sell out: 2,850 students who may buy" in capsys.readouterr().out
    assert main(["plan", "check", "festival"]) == 0
    assert "sell out" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "plan.toml")
    command = [sys.executable, "-m", "dress_rehearsal.rehearsal", "plan", "check"]
    ended = subprocess.run(
        [*command, str(tmp_path / "plan.toml")],
        capture_output=True,
        timeout=60,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=Path.cwd(),
    )
    assert ended.returncode == 2
    assert "which is a pipe" in ended.stderr
