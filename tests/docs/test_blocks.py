"""What the documentation shows can be used: plans are read, scenarios are loaded and played."""

import contextlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from dress_rehearsal.plans import Person, Plan, PlanError, read_plan
from dress_rehearsal.records.collectors.exposition import read_exposition
from dress_rehearsal.records.collectors.pool_series import PoolSeries
from dress_rehearsal.records.pool_presets import read_preset
from dress_rehearsal.rehearsal.first_contact.discretion import Discretion
from dress_rehearsal.rehearsal.first_contact.exchange import Wire
from dress_rehearsal.rehearsal.first_contact.series import presets_in
from dress_rehearsal.rehearsal.first_contact.student import ProbeStudent
from dress_rehearsal.rehearsal.preflight.checks import check_plan_usable
from dress_rehearsal.scenarios import Granted, Pending
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.loading import load_buyer
from tests.docs.blocks import ROOT, Block, blocks_of
from tests.rehearsal.first_contact.served import served

DOCS = ROOT / "docs"
FOREIGN = [DOCS / "your-own-app.md", DOCS / "frameworks.md"]
PLANS = [
    block
    for page in (*FOREIGN, DOCS / "how-to.md", DOCS / "reference.md")
    for block in blocks_of(page, "toml")
]
PYTHON = [
    block for page in (*FOREIGN, DOCS / "reference.md") for block in blocks_of(page, "python")
]
SCENARIOS = [block for block in PYTHON if "(Buyer)" in block.text]
SHOP: dict[str, Any] = {
    "/": "welcome",
    "/shows/winterfest": "welcome",
    "/shows/winterfest/orders": (201, {"reference": "7"}),
    "/login": '<input name="csrf_token" value="a"><input type="hidden" name="_csrf" value="b">',
    "/accounts/login/": "log in",
    "/session": {"welcome": "ann"},
    "/token": {"access_token": "t"},
    "/auth/login": {"access_token": "t"},
    "/orders": (201, {"id": "7", "reference": "7"}),
    "/orders/": (201, {"id": "7", "reference": "7"}),
    "/api/orders": (201, {"id": "7", "reference": "7"}),
    "/orders/7": {"state": "issued"},
}
"""What shops of every kind answer."""
OURS = {"faults", "notify", "app", "postgres", "stage"}
"""Tables that are for the stage of our own, or stand in any plan."""


def merged(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return two documents as one; where both say something, what the other says."""
    both = base | other
    for key in base.keys() & other.keys():
        if isinstance(base[key], dict) and isinstance(other[key], dict):
            both[key] = merged(base[key], other[key])
    return both


def base_for(document: dict[str, Any]) -> dict[str, Any]:
    if document.keys() & OURS or "name" in document:
        return {"name": "shown"}
    return {
        "name": "shown",
        "scenario": {"file": "shop.py"},
        "target": {"stage": "external", "url": "http://127.0.0.1:8000"},
    }


@pytest.mark.parametrize("block", PLANS, ids=str)
def test_what_is_shown_of_a_plan_is_a_plan(block: Block, tmp_path: Path) -> None:
    for name in ("shop.py", "own_app.py", "locustfile.py"):
        (tmp_path / name).write_text(SCENARIOS[0].text)
    shown = tomllib.loads(block.text)
    document = merged(base_for(shown), shown)
    path = tmp_path / "shown.toml"
    path.write_text(tomli_w.dumps(document))
    try:
        check_plan_usable(read_plan(path))
    except PlanError as error:
        pytest.fail(f"{block}: {error}")


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_what_is_shown_of_python_is_python(block: Block) -> None:
    inside = block.text.startswith(" ")
    compile(f"async def inside():\n{block.text}" if inside else block.text, str(block), "exec")


@pytest.mark.parametrize("block", SCENARIOS, ids=str)
def test_a_scenario_that_is_shown_gets_its_ticket(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(block.text)
    target = {"stage": "external", "url": "http://127.0.0.1:9"}
    scenario = {"file": str(file)}
    shop = {"name": "shop", "scenario": scenario, "target": target}
    plan = Plan.model_validate(shop | {"students": {"ticket_poll": "10ms"}})
    with served(SHOP, cookie="csrftoken=abc; Path=/") as app:
        wire = Wire(Origin.of(app.url), 2.0, Discretion())
        with contextlib.closing(wire):
            student = ProbeStudent(load_buyer(plan), Person("ann", "4711", True), wire, file, plan)
            for method in ("arrive", "log_in"):
                assert student.play(method).trouble == ""
            bought = student.play("buy")
            claim: Any = bought.claim
            if isinstance(claim, Pending):
                *_, bought = student.follow(claim)
    assert isinstance(bought.claim, Granted), bought
    assert wire.exchanged


def test_what_is_said_to_be_known_is_what_is_known() -> None:
    page = (DOCS / "frameworks.md").read_text("utf-8")
    from dress_rehearsal.plans.sections.metrics import Preset

    for name in Preset.__args__:
        assert f"`{name}`" in page or f'"{name}"' in page, name


def test_the_pools_that_apps_are_told_to_show_are_found() -> None:
    """The blocks that show SQLAlchemy's and asyncpg's pools are run, and read as the plan says."""
    from prometheus_client import REGISTRY, generate_latest

    class Pool:
        _max_overflow = 10

        def checkedout(self) -> int:
            return 3

        def size(self) -> int:
            return 5

        get_size, get_idle_size, get_max_size = size, checkedout, size

    showing = [block for block in PYTHON if "set_function" in block.text and block.runs_here]
    assert len(showing) == 2
    before = set(REGISTRY._collector_to_names)
    try:
        for block in showing:
            names: dict[str, Any] = {}
            exec(compile(block.text, str(block), "exec"), names)
            if "show_pool" in names:
                names["show_pool"](type("Engine", (), {"pool": Pool()}))
            else:
                names["show_asyncpg_pool"](Pool())
        text = generate_latest().decode()
    finally:
        for collector in set(REGISTRY._collector_to_names) - before:
            with contextlib.suppress(KeyError):
                REGISTRY.unregister(collector)
    assert list(presets_in(text)) == ["sqlalchemy"]
    pools = PoolSeries("shop", {"sqlalchemy": read_preset("sqlalchemy").pools})
    values, _ = pools.read(list(read_exposition(text, pools.wanted, set())), ())
    read = {value.name: value.value for value in values}
    assert read["db_client_connections"] == 3
    assert read["db_client_connection_max"] == 15
    own = tomllib.loads(
        next(
            block.text for block in blocks_of(FOREIGN[1], "toml") if "shop_pool_idle" in block.text
        )
    )
    assert own["metrics"][0]["pools"]["used"] == "shop_pool_size - shop_pool_idle"
    assert "shop_pool_size 5.0" in text
