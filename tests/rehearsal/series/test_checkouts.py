"""The base is checked out beside the head and gone afterwards, whatever happened in between."""

import os
import signal
from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanError
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.series import checkouts as module
from dress_rehearsal.rehearsal.series.checkouts import Checkouts
from dress_rehearsal.rehearsal.signals import interruptible
from tests.rehearsal.series.repository import git, make_repository


@pytest.fixture
def repository(tmp_path):
    plan = {"python": "python", "port": 1, "metric": "census.failed"}
    return make_repository(tmp_path / "repository", "slow", "fast", **plan)


def worktrees(repository):
    return git(repository, "worktree", "list").splitlines()


def test_both_are_there_inside_and_the_base_is_gone_outside(repository):
    with Checkouts(repository / "app", "base") as both:
        assert both.head == repository
        assert (both.base / "app" / "shop.py").read_text() == "slow"
        assert (both.head / "app" / "shop.py").read_text() == "fast"
        base = both.base
    assert not base.parent.exists()
    assert len(worktrees(repository)) == 1


@pytest.mark.parametrize("ended", [KeyboardInterrupt, RehearsalError])
def test_it_is_gone_too_where_it_was_interrupted_or_failed(repository, ended):
    with pytest.raises(ended), Checkouts(repository, "base") as both:
        base = both.base
        (base / "left.txt").write_text("not committed")
        raise ended
    assert not base.parent.exists()
    assert len(worktrees(repository)) == 1


def test_sigterm_leaves_no_worktree(repository):
    with (
        pytest.raises(KeyboardInterrupt),
        interruptible(),
        Checkouts(repository, "base") as both,
    ):
        base = both.base
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it went on")
    assert not base.parent.exists()
    assert len(worktrees(repository)) == 1


def test_what_a_killed_one_left_is_removed_by_the_next_and_what_is_in_use_is_not(repository):
    killed = Checkouts(repository, "base").__enter__()
    os.close(killed._lock)  # as its end does
    with Checkouts(repository, "base") as used:
        assert not killed.base.parent.exists()
        with Checkouts(repository, "base") as another:
            assert len(worktrees(repository)) == 3
            assert used.base.exists()
            assert another.base.exists()
    assert len(worktrees(repository)) == 1


def test_worktrees_of_the_users_own_stay(repository, tmp_path):
    git(repository, "worktree", "add", "--detach", str(tmp_path / "own"), "base")
    with Checkouts(repository, "base"):
        pass
    assert len(worktrees(repository)) == 2


def test_builds_are_told_apart_and_what_is_not_committed_is_marked(repository):
    both = Checkouts(repository, "base")
    assert both.base_build == git(repository, "rev-parse", "base")[:10]
    assert both.head_build == git(repository, "rev-parse", "HEAD")[:10]
    (repository / "app" / "shop.py").write_text("changed")
    assert both.head_build.endswith("+")


@pytest.mark.parametrize("ref", ["gone", "", "--help", "base:app"])
def test_a_commit_that_is_not_there_is_a_sentence(repository, ref):
    with pytest.raises(PlanError, match="--base: there is no such commit"):
        Checkouts(repository, ref)


def test_no_repository_is_a_sentence(tmp_path):
    with pytest.raises(PlanError, match="is in no git repository"):
        Checkouts(tmp_path, "base")


def test_the_repositorys_own_hooks_are_not_run(repository, tmp_path):
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    with Checkouts(repository, "base"):
        pass
    assert not (tmp_path / "ran").exists()


def test_an_install_is_run_in_both_and_what_it_says_is_kept(repository, tmp_path):
    with Checkouts(repository, "base") as both:
        both.install("sh -c 'cat app/shop.py; pwd; echo done > installed'", tmp_path)
        assert (both.base / "installed").exists()
        logs = [(tmp_path / f"install-{side}.log").read_text() for side in ("base", "head")]
        assert logs == [f"slow{both.base}\n", f"fast{both.head}\n"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sh -c 'exit 4'", "--install in the checkout of the base ended with 4; see "),
        ("./gone", "--install in the checkout of the base cannot be started"),
    ],
)
def test_an_install_that_fails_is_a_sentence(repository, tmp_path, command, said):
    with Checkouts(repository, "base") as both, pytest.raises(RehearsalError, match=said):
        both.install(command, tmp_path)


@pytest.mark.parametrize("command", ["", "sh -c 'echo"])
def test_what_is_no_command_is_refused(repository, tmp_path, command):
    with Checkouts(repository, "base") as both, pytest.raises(PlanError, match="--install"):
        both.install(command, tmp_path)


@pytest.mark.slow
def test_an_install_that_hangs_is_ended_with_all_it_started(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_INSTALLED_WITHIN_S", 0.5)
    script = "sh -c 'sleep 300 & echo $!; wait'"
    with (
        Checkouts(repository, "base") as both,
        pytest.raises(RehearsalError, match="had not ended after"),
    ):
        both.install(script, tmp_path)
    pid = (tmp_path / "install-base.log").read_text().strip()
    status = Path("/proc", pid, "stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"
