"""Everything the conductor waits for has an end: no wait in its rooms is without a bound."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("plans", "records", "compose", "dashboards", "reports", "rehearsal")
"""What runs in the conductor. The generator and the app are its children: it is their bound."""

WAITS = {"wait", "join", "communicate", "acquire", "get", "result"}
RUNS = {"run", "call", "check_call", "check_output"}

ENDS_BY_ITSELF = {
    ("compose/relay/__main__.py", "over.wait()"): "a program of its own: SIGTERM ends it",
    ("reports/words.py", "_zero.get()"): "a context variable: nobody is waited for",
    ("records/collectors/postgres.py", "timer.join()"): "it was cancelled, or shuts a socket down",
    ("records/collectors/collector.py", "watch.join()"): "it has a bound of its own",
    ("records/exporter.py", "thread.join()"): "its server has been shut down",
    ("rehearsal/matrix/lane.py", "self._lines.get()"): "the leader's end is the end of its lines",
}


def unbounded(source: str) -> Iterator[str]:
    """Return each call that may wait for ever."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, bounded = node.func.attr, bool(node.args or node.keywords)
        if name in WAITS and not bounded:
            yield ast.unparse(node)
        timed = any(keyword.arg == "timeout" for keyword in node.keywords)
        if name in RUNS and ast.unparse(node.func).startswith("subprocess.") and not timed:
            yield ast.unparse(node)


@pytest.mark.slow
def test_every_wait_of_the_conductor_has_a_bound() -> None:
    found = {
        (str(path.relative_to(ROOT)), call)
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for call in unbounded(path.read_text(encoding="utf-8"))
    }
    assert found == set(ENDS_BY_ITSELF)


@pytest.mark.parametrize(
    "call",
    ["process.wait()", "thread.join()", "lines.get()", "subprocess.run(['git'], check=True)"],
)
def test_one_without_a_bound_is_seen(call: str) -> None:
    assert list(unbounded(call)) == [call]


@pytest.mark.parametrize(
    "call",
    ["process.wait(5)", "thread.join(timeout=3)", "table.get('key')", "', '.join(words)"]
    + ["subprocess.run(['git'], timeout=5)", "signal.wait(0)"],
)
def test_one_with_a_bound_is_not(call: str) -> None:
    assert list(unbounded(call)) == []
