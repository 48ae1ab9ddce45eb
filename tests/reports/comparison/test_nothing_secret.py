"""What is written of several runs shows no secret of their plans, wherever it stands in them."""

import functools
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from dress_rehearsal.plans import Plan, PlanInvalidError
from dress_rehearsal.plans.overrides import in_effect
from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.plans.sections.scenario import Scenario
from dress_rehearsal.plans.shown import HIDDEN, shown_override
from dress_rehearsal.rehearsal.terminal.comparison import print_comparison
from dress_rehearsal.reports.alike import differing_keys, flattened, plan_differences
from dress_rehearsal.reports.checklist.checklist import checklist_of
from dress_rehearsal.reports.checklist.pages import write_checklist
from dress_rehearsal.reports.comparison import compare, write_comparison
from dress_rehearsal.reports.comparison.sides import Side
from dress_rehearsal.reports.history.entry import entry_of
from dress_rehearsal.reports.history.series import series_of
from dress_rehearsal.reports.several.history import HistoryReport
from dress_rehearsal.reports.what_ran import what_ran
from tests.plans.test_shown_nowhere import PLACES, SECRET, SHAPES, document
from tests.reports.checklist.conftest import NOW, rehearsed

URL = "http://127.0.0.1:8000"
TARGET = {"stage": "external", "url": URL, "command": ["serve"]}
SENT = {"opening": {"request": "POST /open"}, "reset": {"request": "POST /reset"}}
READ = {"ledgers": [{"name": "a", "url": f"{URL}/a"}]}
METRICS = {"metrics": [{"name": "m", "url": f"{URL}/m", "pools": "django"}]}
FILES = {"scenario": {"file": "/a.py"}}
BASES: dict[str, dict[str, Any]] = {
    "ours": {},
    "requests": {"target": TARGET | SENT, **READ, **METRICS, **FILES},
    "commands": {
        "target": TARGET | {"opening": {"already": True}, "reset": {"command": ["reset"]}},
        "ledgers": [{"name": "a", "dsn_env": "SHOP", "query": "SELECT 1"}],
        "metrics": [{"name": "m", "url": f"{URL}/m", "pools": {"used": "a"}}],
    },
    "csv": {"target": TARGET, "ledgers": [{"name": "a", "csv": "/sold.csv"}]},
    "locust": {
        "target": {"stage": "external", "url": URL},
        "load": {"users": 1, "run_time": "10s"},
        **FILES,
    },
}
WRITTEN = [
    (PLACES[key], value)
    for key, value in [
        ("ledgers.0.url", f"{URL}/a?key={SECRET}"),
        ("metrics.0.url", f"{URL}/m?key={SECRET}"),
        ("target.opening.request", f"POST /open?key={SECRET}"),
        ("target.reset.request", f"POST /reset/{SECRET}"),
        ("target.ready", f"/ready?key={SECRET}"),
        ("target.command", ["serve", "--key", SECRET]),
        ("target.environment", {"STRIPE_KEY_LIVE": SECRET, "DB_PASS_2": SECRET}),
        ("target.headers", {"X-Shop-Gate": SECRET}),
        ("target.opening.json", {"pin": 471147114711, "of": {SECRET: [SECRET]}}),
    ]
]
# A run of a gate on a number that there is none of has no verdict.
ANYWHERE = [
    (place, value)
    for key, place in PLACES.items()
    for value in SHAPES.values()
    if key != "gates.0.metric"
]
MUST = {
    *("description", "scenario.file", "ledgers.0.url", "ledgers.0.query", "metrics.0.url"),
    *("target.command", "target.environment", "target.headers", "target.folder", "load.tags"),
    *("target.opening.json", "target.opening.headers", "target.opening.request", "target.ready"),
    *("target.reset.json", "target.reset.command", "target.reset.request", "event.roster"),
}


def merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: merged(one.get(key), value) for key, value in other.items()}
    if isinstance(one, list) and isinstance(other, list) and isinstance(one[0], dict):
        return [merged(one[0], other[0])]
    return other


@functools.cache
def full_of_secrets(name: str) -> tuple[Plan, set[str]]:
    """A plan with the secret in as many places as it may stand in at once, and those places."""
    held, places = {"name": "shop", **BASES[name]}, set()
    for place, value in [*ANYWHERE, *WRITTEN]:
        more = merged(held, document(place, value))
        try:
            check_plan(more, "shop.toml")
        except PlanInvalidError:
            continue
        held = more
        places.add(".".join(map(str, place)))
    return check_plan(held, "shop.toml"), places


def other_secrets(plan: Plan) -> Plan:
    text = json.dumps(plan.model_dump(mode="json", exclude_none=True))
    return check_plan(json.loads(text.replace(SECRET, f"{SECRET}2")), "shop.toml")


@pytest.mark.slow
def test_the_secret_stands_in_every_place_that_takes_a_text():
    assert set().union(*(full_of_secrets(name)[1] for name in BASES)) >= MUST


@pytest.mark.parametrize("name", BASES)
def test_a_comparison_shows_none_and_says_that_they_differ(name, run_of, tmp_path):
    plan, places = full_of_secrets(name)
    run = run_of(100.0)
    plans = {"base": plan, "here": other_secrets(plan)}
    sides = [Side(word, (replace(run, plan=each),)) for word, each in plans.items()]
    comparison = compare(sides)
    write_comparison(tmp_path, comparison)
    console = Console(file=io.StringIO(), width=200)
    print_comparison(console, comparison, tmp_path)
    texts = {each.name: each.read_text() for each in tmp_path.iterdir()}
    texts["terminal"] = console.file.getvalue()
    assert len(texts) == 4
    assert [name for name, text in texts.items() if SECRET in text or "4711" in text] == []
    found = {each.key for each in comparison.plans}
    assert [key for key in places if not any(each.startswith(key) for each in found)] == []


@pytest.mark.parametrize("name", BASES)
def test_a_history_a_checklist_and_what_ran_show_none(name, evidence_of, verdict_of, tmp_path):
    plan, _ = full_of_secrets(name)
    overrides = in_effect([f"{key}=0" for key in settings_of(plan)], plan)
    assert SECRET in str(overrides)
    facts = {"overrides": overrides}
    ran = plan.model_copy(update={"scenario": Scenario(file="/a.py")})  # of a file the name is told
    evidence = replace(evidence_of(students=60, tickets=20), plan=ran, environment=facts)
    entry = entry_of(verdict_of(students=60, tickets=20), plan, facts, 0)
    seen = {"wanted": (), "last": 9, "max_pvalue": 0.1, "min_magnitude": 0.1}
    report = HistoryReport(series_of([entry, entry]), [], **seen)
    run = replace(rehearsed(overrides=tuple(overrides)), plan=plan)
    write_checklist(tmp_path, checklist_of([run], [], NOW))
    texts = {each.name: each.read_text() for each in tmp_path.iterdir()}
    texts |= {"entry": entry.text(), "md": report.markdown(), "json": report.text()}
    texts["what ran"] = what_ran(evidence)
    assert [name for name, text in texts.items() if SECRET in text] == []
    assert f"description={HIDDEN}" in texts["what ran"]


def settings_of(plan: Plan) -> list[str]:
    document = plan.model_dump(mode="json", exclude_none=True)
    tables = {"target", "event", "scenario", "load", "notify"} & document.keys()
    return [
        *("description", "ledgers", "metrics"),
        *(f"{table}.{key}" for table in tables for key in document[table]),
    ]


def test_what_is_no_secret_is_shown_as_it_is():
    target = TARGET | {"environment": {"DEBUG": "env:SHOP_DEBUG"}, "headers": {"X-A": "env:A"}}
    plan = check_plan({"name": "shop", "event": {"tickets": 7}, "target": target}, "shop.toml")
    shown = flattened(plan)
    assert shown["event.tickets"] == "7"
    assert shown["target.url"] == URL
    assert shown["target.environment.DEBUG"] == "env:SHOP_DEBUG"
    assert shown["target.headers.X-A"] == "env:A"
    assert (shown["target.stage"], shown["target.command"]) == ("external", HIDDEN)
    assert shown_override("app.workers=4") == "app.workers=4"
    assert shown_override("target.url=http://u:p@h/") == f"target.url={HIDDEN}"
    assert shown_override("target.reset.json.pin=4711") == f"target.reset.json={HIDDEN}"


def test_of_several_plans_it_is_told_which_differ():
    bodies = [{"pin": 1}, {"pin": 1}, {"pin": 2}]
    plans = [
        check_plan(
            {"name": "a", "target": TARGET | {"reset": {"request": "POST /a", "json": body}}}, "a"
        )
        for body in bodies
    ]
    differing = [("target.reset.json", (HIDDEN, HIDDEN, f"{HIDDEN} (differs)"))]
    assert differing_keys(plans) == differing
    assert plan_differences(plans[:2]) == []
