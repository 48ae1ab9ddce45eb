"""The action and the recipes for CI: valid by their published schemas, and their scripts work."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
CI = (ROOT / "docs" / "ci.md").read_text()
RECIPES = BLOCK.findall(CI)
STUB = """#!/bin/sh
printf '%s\\n' "$@" >"$SEEN"
if [ "$CODE" != 2 ]; then
    series=""
    case "$*" in *--repeat*) series=/20261201T095900Z-shop-x2 ;; esac
    mkdir -p runs$series/20261201T100000Z-shop
    for file in report.html summary.md junit.xml verdict.json plan.toml environment.json \\
        scenario.py; do
        echo "the run's $file" >runs$series/20261201T100000Z-shop/$file
    done
    if [ -n "$series" ]; then
        for file in repeats.md repeats.json comparison.md comparison.json; do
            echo "the series' $file" >runs$series/$file
        done
    fi
fi
exit "$CODE"
"""


def checked(schema: str, document: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(document)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def step(name: str) -> dict[str, Any]:
    (found,) = (step for step in ACTION["runs"]["steps"] if step["name"] == name)
    return dict(found)


class Runner:
    """Runs a step's script as GitHub does, with a `rehearse` that ends as it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {
            "PATH": os.environ["PATH"],
            "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "step-summary"),
            "SEEN": str(folder / "seen"),
        }
        program = folder / "temp" / "rehearse" / "bin" / "rehearse"
        program.parent.mkdir(parents=True)
        program.write_text(STUB)
        program.chmod(0o755)

    def run(self, name: str, code: int = 0, **inputs: str) -> int:
        found = step(name)
        values = {
            key: given["default"] for key, given in ACTION["inputs"].items() if "default" in given
        }
        values |= inputs
        environment = {
            variable: re.sub(r"\$\{\{ inputs\.(\S+) \}\}", lambda at: values[at[1]], text)
            for variable, text in found["env"].items()
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]],
            cwd=self.folder,
            env=self.variables | environment | {"CODE": str(code)},
            timeout=30,
            check=False,
        ).returncode

    def read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.slow
def test_the_action_is_one_by_its_schema() -> None:
    found = checked("vendor.github-actions", ROOT / "action.yml")
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("position", "schema"),
    [
        (0, "vendor.github-workflows"),
        (1, "vendor.github-workflows"),
        (2, "vendor.gitlab-ci"),
    ],
)
def test_a_recipe_is_one_by_its_schema(position: int, schema: str, tmp_path: Path) -> None:
    assert len(RECIPES) == 3
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(RECIPES[position])
    found = checked(schema, recipe)
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_a_recipe_with_a_slip_would_be_found(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(RECIPES[0].replace("runs-on", "runs_on"))
    assert checked("vendor.github-workflows", recipe).returncode == 1


def test_recipes_give_the_action_only_inputs_that_it_has() -> None:
    for recipe in map(yaml.safe_load, RECIPES[:2]):
        (job,) = recipe["jobs"].values()
        (use,) = (step for step in job["steps"] if "dress-rehearsal" in step["uses"])
        assert use["with"].keys() <= ACTION["inputs"].keys()


@pytest.mark.parametrize("code", [0, 99, 3, 2, 1])
def test_the_exit_code_is_kept_and_told(runner: Runner, code: int) -> None:
    assert runner.run("Rehearse", code, plan="plan.toml") == code
    assert runner.read("output") == f"exit-code={code}\n"


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (99, 99), (3, 0), (2, 2), (1, 1)])
def test_an_inconclusive_run_may_be_a_warning(runner: Runner, code: int, ends: int) -> None:
    assert runner.run("Rehearse", code, plan="plan.toml", inconclusive="warn") == ends
    assert runner.read("output") == f"exit-code={code}\n"


def test_arguments_are_handed_on_as_they_are_and_no_script_is_made_of_them(runner: Runner) -> None:
    runner.run(
        "Rehearse",
        plan="my plan.toml",
        roster="$(touch made).csv",
        arguments="--set=event.students=9\n\n--set=name=a b\n",
    )
    assert runner.read("seen").splitlines() == [
        *("run", "my plan.toml", "--out", "runs", "--roster", "$(touch made).csv"),
        *("--set=event.students=9", "--set=name=a b"),
    ]
    assert not (runner.folder / "made").exists()


def test_the_summary_is_shown_when_the_gate_fails_too(runner: Runner) -> None:
    runner.run("Rehearse", 99, plan="plan.toml")
    assert runner.run("Show the summary") == 0
    assert runner.read("step-summary") == "the run's summary.md\n\n"


def test_of_repeats_the_comparison_and_the_table_are_shown_before_each_run(runner: Runner) -> None:
    runner.run("Rehearse", 99, plan="plan.toml", arguments="--repeat=2\n")
    assert runner.run("Show the summary") == 0
    assert runner.read("step-summary").split("\n\n") == [
        *("the series' comparison.md", "the series' repeats.md", "the run's summary.md", "")
    ]


def kept(recipe: Sequence[str], folder: Path) -> set[str]:
    """Return the names of the files that patterns of a recipe find; `**` is any depth to all."""
    return {path.name for pattern in recipe for path in folder.glob(pattern)}


def patterns() -> dict[str, list[str]]:
    """Return what the action and the recipes keep, relative to where they run."""
    action = str(step("Keep the report")["with"]["path"]).splitlines()
    gitlab = yaml.safe_load(RECIPES[2])["rehearsal"]["artifacts"]
    [jenkins] = re.findall(r"archiveArtifacts(.*?)\n {8}\}", CI, re.DOTALL)
    [junit] = re.findall(r"testResults: '(\S+)'", CI)
    return {
        "action": [each.replace("${{ inputs.runs }}", "runs") for each in action],
        "gitlab": [*gitlab["paths"], gitlab["reports"]["junit"]],
        "jenkins": [*re.findall(r"runs/[^',\s]+", jenkins), junit],
    }


@pytest.mark.parametrize("arguments", ["", "--repeat=2\n"])
@pytest.mark.parametrize("by", ["action", "gitlab", "jenkins"])
def test_all_that_is_read_later_is_kept_of_a_run_and_of_repeats(
    runner: Runner, by: str, arguments: str
) -> None:
    runner.run("Rehearse", 99, plan="plan.toml", arguments=arguments)
    written = {path.name for path in (runner.folder / "runs").rglob("*") if path.is_file()}
    assert {"report.html", "junit.xml", "plan.toml", "scenario.py"} <= written
    assert kept(patterns()[by], runner.folder) == written
    flat = [pattern.replace("**", "*") for pattern in patterns()[by]]
    assert bool(kept(flat, runner.folder) & {"report.html"}) is not bool(arguments), "as it was"


def test_without_a_run_there_is_no_summary_and_no_second_failure(runner: Runner) -> None:
    runner.run("Rehearse", 2, plan="plan.toml")
    assert runner.run("Show the summary") == 0
    assert runner.read("step-summary") == ""


def test_what_is_kept_is_kept_always() -> None:
    assert [each["name"] for each in ACTION["runs"]["steps"] if each.get("if") == "always()"] == [
        "Show the summary",
        "Keep the report",
    ]
    gitlab = yaml.safe_load(RECIPES[2])["rehearsal"]
    assert gitlab["artifacts"]["when"] == "always"


def test_no_script_holds_an_input() -> None:
    assert [each["name"] for each in ACTION["runs"]["steps"] if "${{" in each.get("run", "")] == []
