"""Children get an environment made for them; what is not ours stays outside of our own too."""

import ast
import functools
import os
import re
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dress_rehearsal.records import environment_variables
from dress_rehearsal.records.environment_variables import (
    ALSO_NAMED_IN,
    child_environment,
    given,
    heeded,
    users_own,
)

ROOT = Path(__file__).parents[2]
ROOMS = ("plans", "records", "compose", "scenarios", "reports", "dashboards", "rehearsal")
OURS = Path(environment_variables.__file__)

STARTING = {
    "compose/servers/binaries.py": ["child_environment()"],
    "compose/faults/cpu_hogs.py": ["child_environment()"],
    "compose/guardian.py": ["child_environment()"],
    "compose/servers/postgres.py": ["child_environment()", "child_environment()"],
    "compose/process.py": ["dict(spec.environment)"],
    "records/machine.py": ["child_environment(heeded('HOME'))"],
    "rehearsal/led_process.py": ["dict(environment)"],
    # Git, the user's own command, and the Python of another checkout.
    "rehearsal/series/checkouts.py": [
        "child_environment(heeded('HOME'))",
        "child_environment(users_own())",
    ],
    "rehearsal/series/gate.py": ["child_environment()"],
    # Workers are forked before the generator knows any secret but the entrances' token, which is
    # theirs too, and never where the workers' secret stands in the environment.
    "scenarios/workers/process.py": ["dict(environment)", "its own"],
    # The `rehearse` command itself, which leaves outside what it has no use for.
    "rehearsal/pytest_plugin.py": ["its own"],
}
"""Every place that starts a process, and the environment it gives."""

HANDED_ON = {
    "compose/servers/postgres.py": ["self._environment"],
    "compose/servers/prometheus.py": ["child_environment()"],
    "compose/servers/redis.py": ["self._environment"],
    "compose/embedded/service.py": ["self.app.environment(port) | self._folder.marker"],
    "compose/external/user_app.py": ["self._environment() | self._marker"],
    "compose/servers/queues.py": ["child_environment(folder.marker)"],
    "rehearsal/generator_process.py": [
        "child_environment({**of_the_scenario(plan), **of_the_workers(plan), "
        "**FRUGAL, ENTRY_VARIABLE: stage.entry_token, **stage.marker})"
    ],
    "scenarios/workers/local.py": ["all_but((VARIABLE, FILE_VARIABLE))"],
    "rehearsal/commands/worker.py": [
        "child_environment({**users_own(), **heeded(ENTRY_VARIABLE, PROXY_LOGIN), **FRUGAL})"
    ],
    "rehearsal/preflight/trial.py": ["child_environment(of_the_scenario(plan))"],
    "rehearsal/matrix/lane_process.py": ["child_environment(heeded(*_CONDUCTORS))"],
}
"""Every place that says what process is to be started, and the environment it hands on."""


CONCERNED = re.compile(
    r"\bos\s*\.\s*(environ|exec|fork|popen|posix_spawn|spawn|system)|subproc|multiprocessing"
    "|ProcessSpec|LedProcess|started_worker"
)
"""What stands in each module in which anything is found here: to parse all takes seconds."""


@functools.cache
def modules() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(text)
        for room in (*ROOMS, "target_app")
        for path in sorted((ROOT / room).rglob("*.py"))
        if CONCERNED.search(text := path.read_text())
    }


def dotted(node: ast.AST) -> str:
    """Return a name with its dots, such as `os.environ`; empty for what is no such name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


@functools.cache
def calls(tree: ast.Module) -> list[tuple[str, ast.Call]]:
    """Return every call, with the name of what is called."""
    return [(dotted(node.func), node) for node in nodes(tree) if isinstance(node, ast.Call)]


@functools.cache
def nodes(tree: ast.Module) -> list[ast.AST]:
    return list(ast.walk(tree))


def starts(tree: ast.Module) -> list[str]:
    """Return the environment that each start of a process gives; `its own` where it inherits."""
    given_to = []
    for name, call in calls(tree):
        if name in ("os.system", "os.popen", "os.fork", "os.forkpty") or name.startswith(
            (
                "os.exec",
                "os.spawn",
                "os.posix_spawn",
                "multiprocessing.Process",
                "asyncio.create_subproc",
            )
        ):
            given_to.append("its own")
        elif name.startswith("subprocess."):
            variables = [word.value for word in call.keywords if word.arg == "env"]
            given_to += [ast.unparse(value) for value in variables] or ["its own"]
    return given_to


def handed_on(tree: ast.Module) -> list[str]:
    """Return the environment in each description of a process."""
    found = []
    for name, call in calls(tree):
        words = {word.arg: word.value for word in call.keywords}
        match name:
            case "ProcessSpec":
                found.append(ast.unparse(words.get("environment", ast.Constant(None))))
            case "LedProcess":
                found.append(ast.unparse(call.args[2]))
            case "started_worker":
                found.append(ast.unparse(call.args[4]))
    return found


def whole_environments(tree: ast.Module) -> list[int]:
    """Return the lines that do anything with `os.environ` but look up one variable."""
    uses, looked_up = [], set()
    for node in nodes(tree):
        if isinstance(node, ast.Subscript) or getattr(node, "attr", None) == "get":
            looked_up.add(id(getattr(node, "value", None)))
    for node in nodes(tree):
        if isinstance(node, ast.Attribute) and dotted(node) == "os.environ":
            uses += [] if id(node) in looked_up else [node.lineno]
    return uses


def test_every_process_is_started_with_an_environment_made_for_it() -> None:
    assert {path: found for path, tree in modules().items() if (found := starts(tree))} == STARTING
    described = {path: found for path, tree in modules().items() if (found := handed_on(tree))}
    assert described == HANDED_ON


def test_nothing_but_the_one_module_takes_the_users_environment_as_a_whole() -> None:
    whole = {
        path
        for path, tree in modules().items()
        if whole_environments(tree) and path[:7] != "target_"
    }
    # The console tells its library the size of the screen; it starts nobody.
    assert whole == {"records/environment_variables.py", "rehearsal/terminal/console.py"}


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run(['git'])",
        "os.execv('git', [])",
        "os.fork()",
        "multiprocessing.Process(target=print)",
    ],
)
def test_a_start_that_inherits_would_be_found(code: str) -> None:
    assert starts(ast.parse(code)) == ["its own"]
    assert CONCERNED.search(code)


def test_whoever_takes_the_whole_environment_would_be_found() -> None:
    code = "{**os.environ, 'A': 'b'}"
    assert whole_environments(ast.parse(code)) == [1]
    assert CONCERNED.search(code)
    assert whole_environments(ast.parse("os.environ.get('A'), os.environ['A']")) == []


def test_a_child_gets_what_any_program_needs_and_what_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name in ("PGSERVICE", "APP_WORKERS", "AWS_PROFILE", "HTTP_PROXY", "LD_PRELOAD", "HOME"):
        monkeypatch.setenv(name, "the user's")
    monkeypatch.setenv("PATH", "/somewhere/bin")
    monkeypatch.setenv("TMPDIR", "/somewhere/tmp")
    assert child_environment({"APP_PORT": "8000"}) == {
        "APP_PORT": "8000",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "PATH": "/somewhere/bin",
        "TMPDIR": "/somewhere/tmp",
    }


def test_there_is_a_path_even_where_the_user_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert child_environment()["PATH"] == os.defpath


def test_what_is_named_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert child_environment(heeded("HOME", "NOT_SET"))["HOME"] == "/home/somebody"
    assert "NOT_SET" not in child_environment(heeded("NOT_SET"))


def test_the_user_can_have_others_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALSO_NAMED_IN, "LD_PRELOAD, FAKETIME,,NOT_SET")
    monkeypatch.setenv("LD_PRELOAD", "libfaketime.so")
    monkeypatch.setenv("FAKETIME", "+2d")
    environment = child_environment()
    assert (environment["LD_PRELOAD"], environment["FAKETIME"]) == ("libfaketime.so", "+2d")
    assert not {"NOT_SET", ALSO_NAMED_IN} & set(environment)


def test_a_folder_of_modules_is_passed_on_only_where_this_package_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    (ours / "dress_rehearsal").mkdir(parents=True)
    (ours / "dress_rehearsal" / "records").symlink_to(OURS.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, ("", theirs, ours, "nowhere"))))
    assert child_environment()["PYTHONPATH"] == str(ours)
    monkeypatch.setenv("PYTHONPATH", str(theirs))
    assert "PYTHONPATH" not in child_environment()
    monkeypatch.setenv(ALSO_NAMED_IN, "PYTHONPATH")
    assert child_environment()["PYTHONPATH"] == str(theirs)


def test_a_folder_of_libraries_is_passed_on_only_where_pythons_own_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, pythons = tmp_path / "theirs", tmp_path / "pythons"
    for folder in (theirs, pythons):
        folder.mkdir()
    (theirs / "libpq.so.5").touch()
    (pythons / "libpython.so").touch()
    variables = {"Py_ENABLE_SHARED": 1, "INSTSONAME": "libpython.so"}
    monkeypatch.setattr(sysconfig, "get_config_var", variables.get)
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{theirs}:{pythons}")
    assert child_environment()["LD_LIBRARY_PATH"] == str(pythons)
    variables["Py_ENABLE_SHARED"] = 0
    assert "LD_LIBRARY_PATH" not in child_environment()


def test_what_was_installed_for_one_user_is_found_by_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    monkeypatch.setattr(site, "getusersitepackages", lambda: str(OURS.parents[1]))
    monkeypatch.setattr(site, "getuserbase", lambda: "/home/somebody/.local")
    assert child_environment()["PYTHONUSERBASE"] == "/home/somebody/.local"


LEAVE = """
import os, sys, warnings
from dress_rehearsal.records.environment_variables import given, leave_surroundings_outside
leave_surroundings_outside()
warnings.warn_explicit("it is old", DeprecationWarning, "library.py", 1, "library")
print(sorted(os.environ), given("SLACK"), given("NOBODY"), sys.argv[1] in sys.path, "" in sys.path)
"""


def left(tmp_path: Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LEAVE, str(tmp_path)],
        env={"PATH": "/bin", "LC_ALL": "C", **variables},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_the_command_keeps_its_own_and_what_the_plan_names(tmp_path: Path) -> None:
    said = left(
        tmp_path,
        PGSERVICE="production",
        SLACK="https://example.org",
        REHEARSE_ADMIN_TOKEN="word",
        PYTHONWARNINGS="error",
        PYTHONPATH=str(tmp_path),
    )
    names = "['LC_ALL', 'PATH', 'PYTHONPATH', 'REHEARSE_ADMIN_TOKEN']"
    assert said == f"{names} https://example.org None False False"


def test_what_is_passed_on_stays(tmp_path: Path) -> None:
    said = left(tmp_path, FAKETIME="+2d", PYTHONPATH=f"{tmp_path}", REHEARSE_PASS_ON="FAKETIME")
    assert said.startswith(
        "['FAKETIME', 'LC_ALL', 'PATH', 'PYTHONPATH', 'REHEARSE_PASS_ON'] None None False"
    )
    said = left(tmp_path, PYTHONPATH=f"{tmp_path}", REHEARSE_PASS_ON="PYTHONPATH")
    assert said.endswith("None None True False")


def test_the_installed_packages_are_kept_when_pythonpath_names_them_too(tmp_path: Path) -> None:
    packages = sysconfig.get_path("purelib")
    code = f"{LEAVE}\nimport pyarrow, psycopg"
    done = subprocess.run(
        [sys.executable, "-c", code, packages],
        env={"PATH": "/bin", "PYTHONPATH": packages},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("True False\n")


def test_a_variable_that_is_set_now_is_read_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK", "https://example.org")
    assert given("SLACK") == "https://example.org"


def test_a_locust_file_gets_its_users_shell_without_proxies_and_secrets_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_ITEM", "7")
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY", "REHEARSE_ADMIN_TOKEN"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    assert users_own()["SHOP_ITEM"] == "7"
    assert "http://127.0.0.1:3128" not in users_own().values()
