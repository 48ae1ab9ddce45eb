"""A PostgreSQL for the shops, and rehearsals of them through the command, as users start it."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NODE_PACKAGES = EXAMPLES / "express" / "node_modules"
SHORT = (
    "schedule.lead=3s",
    "schedule.sale=8s",
    "schedule.drain=3s",
    "schedule.settle=2s",
    "students.typing=200ms",
    "students.late_mean=500ms",
    "students.login_at_open=1s",
    "students.click_spread=800ms",  # so that some click well before the sale
    # What is tested here is never how fast the testing machine happens to be.
    "event.order_within=1m",
    "generator.max_late_start=1m",
    "generator.timely=1m",
    "generator.max_foreign_cpu=1000",
)
BUSY = ("other programs", "generator")
"""Words of reasons that are the machine's doing, and nothing of the shop's."""
SPARE_CORES = 0.3
"""Where other programs took more, a shop may be slow because of them."""
WITHIN_S = 120

Words = tuple[str, ...]


@dataclass(frozen=True)
class Rehearsed:
    """What one rehearsal of a shop came to."""

    exit_code: int
    verdict: dict[str, Any]
    junit: ET.Element
    said: str

    @property
    def wrongs(self) -> dict[str, int]:
        """Which counters of the audit found something."""
        counters = self.verdict["audit"].items()
        return {name: found for name, found in counters if found and name != "settle_ms"}

    @property
    def reasons(self) -> str:
        return " ".join(self.verdict["reasons"])

    @property
    def others_took(self) -> float:
        """How many cores other programs took around T-0."""
        return float(self.verdict["generator"]["foreign_cpu_cores"] or 0)

    @property
    def pool(self) -> dict[str, Any]:
        """The shop's own pool."""
        pools = [pool for pool in self.verdict["pools"] if pool["name"].startswith("shop")]
        assert len(pools) == 1, self.verdict["pools"]
        return dict(pools[0])


class Stage:
    """Rehearses the shops with a PostgreSQL beside them."""

    def __init__(self, variables: dict[str, str], folder: Path) -> None:
        self.environment = os.environ | variables
        self._folder = folder

    def rehearse(self, shop: str, *overrides: str, fault: str = "") -> Rehearsed:
        """Rehearse a shop; what the machine spoiled is tried once more and then undecided."""
        found = self._once(shop, overrides, fault)
        if _is_spoilt(found):
            found = self._once(shop, overrides, fault)
        if _is_spoilt(found):
            pytest.skip(f"undecided, on a busy machine: {found.reasons}")
        return found

    def folder(self, shop: str) -> Path:
        """Return a new folder for runs of a shop."""
        out = self._folder / f"{shop}-{len(list(self._folder.iterdir()))}"
        out.mkdir()
        return out

    def perform(
        self, command: str, shop: str, out: Path, *overrides: str, fault: str = "", more: Words = ()
    ) -> "subprocess.CompletedProcess[str]":
        """Have a command that rehearses do so with a shop's plan."""
        sets = (*SHORT, f"target.environment.SHOP_FAULT={fault}", *overrides)
        return self.command(
            *(command, str(EXAMPLES / shop / "plan.toml")),
            *("--roster", str(EXAMPLES / "roster.csv"), "--out", str(out), "--no-prometheus"),
            *more,
            *(word for each in sets for word in ("--set", each)),
        )

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `rehearse` with these words."""
        return subprocess.run(
            [sys.executable, "-m", "dress_rehearsal.rehearsal", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    def _once(self, shop: str, overrides: tuple[str, ...], fault: str) -> Rehearsed:
        out = self.folder(shop)
        ended = self.perform("run", shop, out, *overrides, fault=fault)
        runs = list(out.glob("*/verdict.json"))
        assert runs, ended.stdout
        return Rehearsed(
            ended.returncode,
            json.loads(runs[0].read_text()),
            ET.parse(runs[0].with_name("junit.xml")).getroot(),
            ended.stdout,
        )


def _is_spoilt(found: Rehearsed) -> bool:
    reasons = found.verdict["reasons"]
    return found.exit_code == 3 and all(
        any(word in each.lower() for word in BUSY) for each in reasons
    )


def _postgres_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples_postgres", EXAMPLES / "postgres.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    module = _postgres_module()
    with module.postgres() as dsn:
        yield Stage(module.variables(dsn), tmp_path_factory.mktemp("runs"))


SHOPS = ("flask", "fastapi", "express")


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in SHOPS])
def shop(request: pytest.FixtureRequest) -> str:
    """A shop's folder; without Node or its packages there is no Express.

    Each has a port of its own, so that it stands once at a time and beside the others.
    """
    name = str(request.param)
    if name == "express" and (shutil.which("node") is None or not NODE_PACKAGES.is_dir()):
        message = "Node or the shop's packages are missing: npm ci --prefix examples/express"
        if os.environ.get("REHEARSE_REQUIRE_EXAMPLES") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return name
