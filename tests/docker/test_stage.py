"""The Docker stage: a whole rehearsal on it, a stage that stays, and everything that can go wrong
with one; afterwards nothing of it is left."""

import io
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from dress_rehearsal.compose.docker.clearing import release
from dress_rehearsal.compose.docker.compose_file import read_compose_file
from dress_rehearsal.compose.docker.images import provide
from dress_rehearsal.records import RunDirectory
from tests.docker.rehearsing import Command, Ended, on_this_machine

pytestmark = pytest.mark.xdist_group("stage")  # one after the other: they look at the whole machine

SMOKE = ("plans/smoke.toml", "--set", "target.stage=docker")
CLEARED_S = 40.0

Rehearse = Callable[..., Command]


@pytest.fixture(scope="module")
def variables(images: dict[str, str]) -> dict[str, str]:
    """Variables of the images; ours is built with them, as the first rehearsal would."""
    with closing(docker.from_env()) as client:
        provide(client, read_compose_file(images).wanted(frozenset()), lambda _: None, "of-tests")
        release(client, "of-tests")
    return images


@pytest.fixture
def stages() -> Iterator[Path]:
    """Where stages live: a short path, since sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="stages-") as folder:
        yield Path(folder)


@pytest.fixture
def rehearse(tmp_path: Path, stages: Path, variables: dict[str, str]) -> Rehearse:
    def start(*arguments: str, **more: str) -> Command:
        own = variables | {"TMPDIR": str(stages)} | more
        return Command(tmp_path / "said.txt", own, *arguments)

    return start


@pytest.fixture
def nothing_left(variables: dict[str, str], stages: Path) -> Iterator[None]:
    """See that after a test everything is as before."""
    assert variables
    before = on_this_machine()
    yield
    deadline = time.monotonic() + CLEARED_S
    while (left := _left(before, stages)) and time.monotonic() < deadline:
        time.sleep(0.2)  # a guardian clears after its conductor has died
    assert left == set()


def _left(before: set[str], stages: Path) -> set[str]:
    return (on_this_machine() - before) | {str(one) for one in stages.iterdir()}


@pytest.fixture(scope="module")
def broken_images(images: dict[str, str]) -> Iterator[dict[str, str]]:
    """Images that end at once and that never answer, on the smallest of those that are there."""
    base = images["REHEARSE_REDIS_IMAGE"]
    files = {
        "ends": f'FROM {base}\nENTRYPOINT ["/bin/sh", "-c", "echo no room here; exit 3"]\n',
        "sleeps": f'FROM {base}\nENTRYPOINT ["/bin/sh", "-c", '
        '"echo loading what it never ends to load; exec sleep 300"]\n',
    }
    with closing(docker.from_env()) as client:
        for name, text in files.items():
            tag = f"rehearsal-test-{name}:1"
            client.images.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True, forcerm=True)
        try:
            yield {name: f"rehearsal-test-{name}:1" for name in files}
        finally:
            for name in files:
                client.images.remove(f"rehearsal-test-{name}:1", force=True)


def test_a_rehearsal_on_containers_is_whole_and_passes_or_blames_the_machine(
    rehearse: Rehearse, tmp_path: Path, variables: dict[str, str]
) -> None:
    ended = rehearse("run", *SMOKE, "--out", str(tmp_path / "runs")).end()
    assert ended.code in (0, 3), ended.said
    verdict = json.loads((ended.run / "verdict.json").read_text())
    assert verdict["census"]["students"] == 300
    if ended.code == 0:  # else the machine may have been too busy for the sale to end
        assert verdict["census"]["ticket"] == 120
    wrongs = {name: count for name, count in verdict["audit"].items() if name != "settle_ms"}
    assert not any(wrongs.values()), wrongs
    run = RunDirectory.open(ended.run)
    told = run.environment()
    assert {"docker_version", "docker_storage_driver", "docker_cgroup_version"} <= told.keys()
    assert all(one.startswith("sha256:") for one in told["docker_images"].values())
    assert {"dress-rehearsal-app", variables["REHEARSE_REDIS_IMAGE"]} <= told[
        "docker_images"
    ].keys()
    assert "docker storage driver" in (ended.run / "report.html").read_text()
    logs = {path.name for path in run.logs.iterdir()}
    assert {"app-1.jsonl", "app-2.jsonl", "writeback.jsonl", "postgres.log", "redis.log"} <= logs
    if ended.code == 3:
        causes = ("Other programs took", "The generator was late", "The generator sent")
        assert any(cause in ended.said for cause in causes), ended.said


@pytest.mark.usefixtures("nothing_left")
class TestNothingIsLeft:
    def test_where_no_daemon_answers(self, rehearse: Rehearse, tmp_path: Path) -> None:
        ended = _refused(rehearse, tmp_path, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
        assert "no Docker daemon answers at unix://" in ended.said

    def test_where_the_daemon_is_another_machines(self, rehearse: Rehearse, tmp_path: Path) -> None:
        ended = _refused(rehearse, tmp_path, DOCKER_HOST="tcp://192.0.2.1:2375")
        assert "on this machine only" in ended.said

    def test_where_an_image_is_missing(self, rehearse: Rehearse, tmp_path: Path) -> None:
        ended = _refused(rehearse, tmp_path, REHEARSE_REDIS_IMAGE="rehearsal-test-none:1")
        assert "the image rehearsal-test-none:1 is not on this machine" in ended.said

    def test_where_our_image_cannot_be_built(
        self, rehearse: Rehearse, tmp_path: Path, images: dict[str, str]
    ) -> None:
        base = images["REHEARSE_REDIS_IMAGE"]
        ended = _refused(
            rehearse, tmp_path, REHEARSE_PYTHON_IMAGE=base, REHEARSE_APP_IMAGE="rehearsal-test-app"
        )
        assert "the image rehearsal-test-app cannot be built" in ended.said
        assert "the end of the log of the build says why" in ended.said

    def test_where_a_service_ends_at_once(
        self, rehearse: Rehearse, tmp_path: Path, broken_images: dict[str, str]
    ) -> None:
        ended = _refused(rehearse, tmp_path, REHEARSE_REDIS_IMAGE=broken_images["ends"])
        assert "redis ended with exit code 3" in ended.said
        assert "no room here" in ended.said

    def test_where_a_service_never_gets_ready(
        self, rehearse: Rehearse, tmp_path: Path, broken_images: dict[str, str]
    ) -> None:
        limit = ("--set", 'stage.ready_within="4s"')
        image = broken_images["sleeps"]
        ended = _refused(rehearse, tmp_path, *limit, REHEARSE_REDIS_IMAGE=image)
        assert "redis was not ready after 4 s" in ended.said
        assert "redis.log may say " in ended.said  # why, or more than that the machine was busy
        assert ":\n  loading what it never ends to load\n" in ended.said

    def test_where_an_app_gets_too_little_memory(self, rehearse: Rehearse, tmp_path: Path) -> None:
        limit = ("--set", 'stage.limits.app.memory="20 MiB"')
        ended = _refused(rehearse, tmp_path, *limit)
        assert "needing more memory than its limit of 20 MiB" in ended.said

    def test_where_a_limit_is_more_than_the_machine(
        self, rehearse: Rehearse, tmp_path: Path
    ) -> None:
        ended = _refused(rehearse, tmp_path, "--set", "stage.limits.app.cpus=999")
        assert "stage.limits.app is 999 CPUs and this machine has" in ended.said

    def test_where_it_is_interrupted_while_it_is_set(
        self, rehearse: Rehearse, tmp_path: Path
    ) -> None:
        command = rehearse("run", *SMOKE, "--out", str(tmp_path / "runs"))
        command.await_words("waiting for app-1")
        assert command.end(signal.SIGINT).code in (1, 3)

    def test_where_the_conductor_is_killed(self, rehearse: Rehearse, tmp_path: Path) -> None:
        command = rehearse("run", *SMOKE, "--out", str(tmp_path / "runs"))
        command.await_words("students take their places")
        assert command.end(signal.SIGKILL).code == -signal.SIGKILL

    def test_where_conductor_and_guardian_are_killed_the_next_run_clears(
        self, rehearse: Rehearse, tmp_path: Path, stages: Path
    ) -> None:
        command = rehearse("run", *SMOKE, "--out", str(tmp_path / "runs"))
        command.await_words("waiting for app-1")
        subprocess.run(["pkill", "-KILL", "-f", f"compose.guardian {stages}/"], check=True)
        command.end(signal.SIGKILL)
        _refused(rehearse, tmp_path, REHEARSE_REDIS_IMAGE="rehearsal-test-none:1")

    def test_where_it_is_kept_and_then_cleared(self, rehearse: Rehearse) -> None:
        ended = rehearse("stage", "up", "plans/smoke.toml").end()
        assert ended.code == 0, ended.said
        assert "is set: http://" in ended.said
        plan = ended.said.partition("    rehearse run ")[2].splitlines()[0]
        rehearsed = rehearse("run", plan, "--dry-run", REHEARSE_ADMIN_TOKEN="opens-it").end()
        assert rehearsed.code == 0, rehearsed.said
        listed = rehearse("stage", "status").end().said
        assert "plan smoke, http://" in listed
        assert "app-2" in listed
        logs = rehearse("stage", "logs", "postgres", "--lines", "5").end()
        assert logs.code == 0
        assert "database system is ready" in logs.said
        unknown = rehearse("stage", "logs", "web").end()
        assert unknown.code == 1
        assert "no container 'web'; it has app-1" in unknown.said
        assert rehearse("stage", "down").end().said.endswith("is cleared.\n")
        assert "There is no stage" in rehearse("stage", "down").end().said


def _refused(rehearse: Rehearse, tmp_path: Path, *arguments: str, **variables: str) -> Ended:
    command = rehearse("run", *SMOKE, *arguments, "--out", str(tmp_path / "runs"), **variables)
    ended = command.end()
    assert ended.code == 1, ended.said
    assert "Traceback" not in ended.said
    return ended
