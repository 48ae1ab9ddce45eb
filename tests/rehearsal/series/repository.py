"""A repository of an app with two commits, and a plan that starts it."""

import subprocess
from pathlib import Path

PLAN = """
name = "shop"
event = {{ students = 20, tickets = 5 }}
[target]
stage = "external"
url = "http://127.0.0.1:{port}"
command = ["{python}", "shop.py"]
folder = "app"
environment = {{ DATA = "{top}/data" }}
reset = {{ request = "POST /reset" }}
opening.already = true
[[gates]]
metric = "{metric}"
regression = "< 10% and < 20 ms"
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody who has no settings, and return what it says."""
    identity = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "-c",
        "init.defaultBranch=main",
    )
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def make_repository(folder: Path, base: str, head: str, **plan: object) -> Path:
    """Make a repository whose app is `base` in the tag of that name, and `head` now; its plan is
    there now only."""
    (folder / "app").mkdir(parents=True)
    git(folder, "init")
    (folder / "app" / "shop.py").write_text(base)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "base")
    git(folder, "tag", "base")
    (folder / "app" / "shop.py").write_text(head)
    (folder / "shop.toml").write_text(PLAN.format(top=folder, **plan))
    people = "".join(f"S{number},{number},1\n" for number in range(20))
    (folder / "roster.csv").write_text(f"student,pin,enrolled\n{people}")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "head")
    return folder
