"""The tutorial "your own app in ten minutes", followed from its first block to its last."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, blocks_of

PAGE = ROOT / "docs" / "your-own-app.md"
QUICK = (
    *("schedule.lead=4s", "schedule.sale=8s", "schedule.drain=2s", "schedule.settle=1s"),
    *("students.late_mean=1s", "students.login_at_open=1s", "students.typing=200ms"),
    # What is tested here is never how fast the testing machine happens to be.
    *("generator.max_late_start=1m", "generator.timely=1m", "generator.max_foreign_cpu=1000"),
    *("students.timeout=8s", "event.order_within=1m"),
)
PREPARED = """
set -em
rehearse() {
    if [ "$1" = run ]; then set -- "$@" --no-prometheus QUICK; fi
    command rehearse "$@"
}
await() {
    python - <<'END'
import socket, time
until = time.monotonic() + 20
while time.monotonic() < until:
    try:
        socket.create_connection(("127.0.0.1", PORT), 1).close()
        break
    except OSError:
        time.sleep(0.05)
END
}
trap 'kill $(jobs -p) 2>/dev/null' EXIT
"""
BROKEN = (
    r"sed -i 's/^    reference = /    await asyncio.sleep(0.2)\n&/' shop.py",
    r"sed -i 's/^import secrets/import asyncio\n&/' shop.py",
    "set +e",  # what comes next is meant to fail
)
"""What the seventh step has one write."""


def script(port: int) -> str:
    """Return the page as a script: its files written, its commands given, in its order."""
    text = PAGE.read_text("utf-8")
    lines = text.splitlines()
    parts = [PREPARED.replace("QUICK", " ".join(f"--set {each}" for each in QUICK))]
    for block in blocks_of(PAGE):
        before = "\n".join(lines[: block.line - 1])
        if block.language == "sh":
            if "activate" not in block.text:
                parts.append(block.text.replace("python shop.py &\n", "python shop.py &\nawait\n"))
        elif "asyncio.sleep" in block.text:
            parts += BROKEN
        else:
            name = re.findall(r"`([\w-]+\.(?:py|toml))`", before)[-1]
            parts.append(f"cat > {name} <<'END'\n{block.text}END\n")
    return "\n".join(parts).replace("8765", str(port)).replace("PORT", str(port))


@pytest.mark.examples
@pytest.mark.rehearsal
@pytest.mark.timeout(300)
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script(port)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "PASS It held: all 100 students are accounted for" in said
    _, _, broken = said.partition("FAIL Oversold: ")
    assert "exit code 99" in broken, said
