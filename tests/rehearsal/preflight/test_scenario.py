"""A scenario in which nobody can act is refused with 2, by file and line."""

import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal.cli import main
from tests.rehearsal.commands import Command

HEAD = "from dress_rehearsal.scenarios import Buyer\n"
PLAN = """
name = "shop"
scenario.file = "shop.py"
event = { students = 1, tickets = 1 }
[target]
stage = "external"
url = "http://127.0.0.1:9"
opening.already = true
"""


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[[str], Path]:
    def make(scenario: str) -> Path:
        (tmp_path / "shop.py").write_text(scenario, encoding="utf-8")
        (tmp_path / "shop.toml").write_text(PLAN, encoding="utf-8")
        return tmp_path / "shop.toml"

    return make


@pytest.mark.parametrize(
    "command", [["plan", "check"], ["run", "--dry-run"], ["run", "--no-prometheus"]], ids=" ".join
)
@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        (f"{HEAD}class Customer(Buyer:\n", "shop.py, line 2 is not Python"),
        (f"{HEAD}class Customer:\n    pass\n", "shop.py, line 1, imports Buyer and has no buyer"),
        (f"{HEAD}class Customer(Buyer):\n    pass\n", "shop.py, line 2: Customer does not say"),
    ],
)
def test_a_scenario_in_which_nobody_can_act_is_refused_at_once(
    command: list[str],
    scenario: str,
    sentence: str,
    plan_of: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = plan_of(scenario)
    before = sorted(tmp_path.rglob("*"))
    assert main([*command, str(plan), "--out", str(tmp_path / "runs")]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def up() -> Iterator[str]:
    """A target that answers, whatever it says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.rehearsal
def test_a_scenario_that_cannot_be_imported_is_named_with_its_line(
    rehearse: Callable[..., Command], plan_of: Callable[[str], Path], up: str
) -> None:
    plan = plan_of(f"{HEAD}import not_installed_here\nclass Customer(Buyer):\n    buy = None\n")
    plan.write_text(plan.read_text().replace("http://127.0.0.1:9", up))
    command = rehearse(command=["run", plan, "--no-prometheus"])
    command.ended()
    assert command.exit_code == 2, command.output()
    said = " ".join(command.output().split())
    assert "shop.py, line 2 cannot be loaded: ModuleNotFoundError" in said
    assert list(command.out.glob("*-*")) == []
