"""The reference names what there is: every counter, number, resource, fault and strategy, once."""

import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

from dress_rehearsal import scenarios
from dress_rehearsal.plans import bundled_plans, read_plan
from dress_rehearsal.plans.behaviour import PARAMETERS, default_of
from dress_rehearsal.plans.matrix import read_matrix
from dress_rehearsal.plans.plan import Plan
from dress_rehearsal.plans.sections.fault_kinds import FAULTS
from dress_rehearsal.plans.strategies import STRATEGIES
from dress_rehearsal.records.environment_variables import (
    HEEDED,
    PASSED_ON,
    SEARCHED,
    child_environment,
)
from dress_rehearsal.records.steps import CODE, STREAM
from dress_rehearsal.reports.cause.resource import RESOURCES
from dress_rehearsal.reports.metrics import known_metrics
from dress_rehearsal.reports.part import Fairness
from dress_rehearsal.reports.schema import Audit
from dress_rehearsal.scenarios import Buyer
from dress_rehearsal.scenarios.answers.claims import _SAID
from dress_rehearsal.scenarios.client.response import Response
from dress_rehearsal.scenarios.client.session import Client
from tests.steps import PURCHASE

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")


def section(title: str, page: str = REFERENCE) -> str:
    """Return a section's text, up to the next heading."""
    rest = page.partition(f"\n## {title}\n")[2]
    return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """Return the first cell of each row of the tables in a text, their heads included."""
    return re.findall(r"^\| (.+?) \|", text, flags=re.MULTILINE)


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def rows(text: str) -> list[str]:
    return [word for cell in first_cells(text) for word in words(cell)]


def dotted(text: str) -> list[tuple[str, str]]:
    """Return the words of the first cells as (table, field); one without a table has the last's."""
    found = []
    for cell in first_cells(text):
        table = ""
        for word in words(cell):
            head, _, field = word.rpartition(".")
            table = head or table
            found.append((table, field))
    return found


def test_every_counter_of_the_audit_is_described_once_in_its_order() -> None:
    assert rows(section("The audit")) == list(Audit.model_fields)


def test_every_number_of_fairness_is_described() -> None:
    text = section("Fairness")
    assert set(rows(text)) - {"fairness."} <= set(Fairness.model_fields)
    assert set(Fairness.model_fields) <= set(words(text))


def test_every_resource_is_named() -> None:
    named = section("The cause").partition("`bottleneck.resource` is ")[2].partition(";")[0]
    assert sorted(words(named)) == sorted(set(RESOURCES))


def test_every_fault_is_described_once_in_the_catalogues_order() -> None:
    assert rows(section("Faults")) == list(FAULTS)


def usual_values(text: str) -> dict[str, tuple[str, str]]:
    """Return each fault's usual grade and how long it usually lasts, as the reference has them."""
    found = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", text, flags=re.MULTILINE)
    return {name: (grade, lasts) for name, grade, lasts in found}


def test_every_fault_is_as_strong_and_lasts_as_long_as_is_told() -> None:
    """Latency was said to last to the end of the sale, and lasts 10 s."""
    text = section("Faults")
    usual = {
        name: (kind.usual, "once" if kind.momentary else kind.usually_lasts or "the sale")
        for name, kind in FAULTS.items()
    }
    assert usual_values(text) == usual
    wrong = text.replace("| `latency` | 100ms | 10s |", "| `latency` | 100ms | the sale |")
    assert usual_values(wrong) != usual


def test_every_bundled_plan_lasts_as_long_as_is_told() -> None:
    table = section("Bundled plans")
    told = re.findall(r"^\| `([\w-]+)` \| .* \| ([^|]+) \|$", table, re.MULTILINE)
    unit_s = {"s": 1, "min": 60}
    lasts = {
        name: sum(int(n) * unit_s[unit] for n, unit in re.findall(r"(\d+) (s|min)", time))
        for name, time in told
    }
    planned = {path.stem: read_plan(path).schedule for path in bundled_plans()}
    assert lasts == {name: round(each.lead + each.sale) for name, each in planned.items()}


def test_no_line_stands_there_twice() -> None:
    lines = REFERENCE.splitlines()
    assert not [one for one, next_ in pairwise(lines) if one == next_ and len(one) > 20]


def test_the_metrics_that_gates_may_name_exist() -> None:
    named = [f"{table}.{field}" for table, field in dotted(section("Gates"))]
    known = set(known_metrics())
    for name in named:
        path = name.replace("[STEP]", f"[{PURCHASE}]").replace("[POOL]", "[postgres]")
        if path.endswith("…"):
            assert any(each.startswith(path.removesuffix("…")) for each in known), name
        else:
            assert path in known, name
    assert len(named) > 15


def test_the_keys_of_a_plan_that_are_shown_exist() -> None:
    keys = dotted(section("The plan"))
    shown = [(table, field) for table, field in keys if not field.startswith("[[")]
    for table, field in shown:
        part = Plan.model_fields[table].annotation
        assert field in part.model_fields, f"{table}.{field}"
    assert len(shown) > 25


def test_every_strategy_is_described_and_the_matrix_counted() -> None:
    page = (ROOT / "docs" / "strategies.md").read_text("utf-8")
    table = page.partition("| strategy |")[2].partition("\n\n")[0]
    assert rows(table) == list(STRATEGIES)
    (told,) = re.findall(r"every fault, (\d+) small rehearsals", page)
    assert int(told) == len(list(read_matrix(ROOT / "plans" / "matrix.toml").cells()))


@pytest.mark.parametrize("page", ["docs/truth.md", "docs/strategies.md", "README.md"])
def test_counters_that_are_named_elsewhere_exist(page: str) -> None:
    named = words((ROOT / page).read_text("utf-8"))
    counters = [word for word in named if re.fullmatch(r"(false|lost|wrong|refused)_\w+", word)]
    assert set(counters) <= {*Audit.model_fields, *FAULTS}


def test_every_variable_that_is_passed_on_or_heeded_is_named() -> None:
    passed, changed, own = re.split(r"\n\n(?=\| \S)", section("Environment variables"))[1:]
    assert rows(passed) == [*PASSED_ON, *SEARCHED, "PYTHONUSERBASE"]
    assert set(rows(changed)) == child_environment().keys() - {*PASSED_ON, *SEARCHED}
    assert set(HEEDED) - {*PASSED_ON, *SEARCHED} <= set(rows(own))


def test_whatever_a_scenario_may_ask_and_be_answered_is_named() -> None:
    text = section("The client")
    asking = {name for name in vars(Client) if not name.startswith("_") and name != "origin"}
    named = set(re.findall(r"[a-z_]+", " ".join(words(text))))
    assert asking <= named
    arguments = list(inspect.signature(Client.request).parameters)[3:]
    answers = {name for name in (*vars(Response), "status", "content") if not name.startswith("_")}
    assert sorted([*arguments, *answers]) == sorted(re.findall(r"[a-z_]+", " ".join(rows(text))))


def test_the_fields_that_claims_reads_are_listed_with_the_moments_they_are_read_at() -> None:
    methods = {role: name for name, role in Buyer.roles.items()} | {STREAM: "its stream"}
    read: dict[str, set[str]] = {}
    for role, fields in _SAID.items():
        for field in fields if role != CODE else ("ticket",):  # a digest is of no field
            read.setdefault(field, set()).add(methods[role])
    table = section("Claims of answers")
    lines = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    listed = {
        field.strip(" `"): {
            *re.findall(r"`(\w+)`", at),
            *(["its stream"] if "its stream" in at else []),
        }
        for _, field, _, at, _ in lines
    }
    assert listed == read


def test_every_word_of_a_scenario_is_named() -> None:
    text = section("The plan")
    public = {name for name in vars(Buyer) if not name.startswith("_")} - {"acting", "roles"}
    assert {*public, *scenarios.__all__} - set(re.findall(r"[A-Za-z_]+", text)) == set()


def test_what_students_do_is_listed_as_the_one_table_has_it():
    listed = [line for line in REFERENCE.splitlines() if line.startswith("| `")]
    for parameter in PARAMETERS:
        usual = f"**{parameter.usual}**" if parameter.measured else parameter.usual
        row = (
            f"| `students.{parameter.key}` | {default_of(parameter)} | {parameter.says} | {usual} "
            f"| {parameter.source} |"
        )
        assert listed.count(row) == 1, row
