"""A rush by Locust's master and two workers, in containers: one run directory, everybody in it."""

import io
import secrets
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from dress_rehearsal.compose.secret_files import secret_files, write_secret_files
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.report import write_report
from tests.docker.by_hand import ByHand

STUDENTS = 100
TICKETS = 60
RUSH_S = 120.0


@pytest.fixture
def stack(images: dict[str, str], tmp_path: Path) -> Iterator[ByHand]:
    roster = "".join(f"s{n:05},{n:06},1\n" for n in range(STUDENTS))
    write_secret_files(tmp_path / "secrets", secret_files(f"student,pin,enrolled\n{roster}"))
    with closing(docker.from_env()) as client:
        project = f"rehearsal-locust-{secrets.token_hex(3)}"
        generator = f"{project}-generator"
        stack = ByHand(project, tmp_path / "secrets", images, client)
        stack.variables |= {
            "REHEARSE_GENERATOR_IMAGE": generator,
            "COMPOSE_PROFILES": "locust",
            "APP_TICKETS": str(TICKETS),
            "LOCUST_USERS": str(STUDENTS),
        }
        try:
            stack.compose(
                "up", "--detach", "--build", "--scale", "app=2", "--scale", "locust-worker=2"
            )
            yield stack
        finally:
            stack.compose("down", "--volumes")
            for image in client.images.list(filters={"reference": f"{project}*"}):
                client.images.remove(image.id)


def test_two_workers_play_everybody_once_and_the_master_has_the_run(
    stack: ByHand, tmp_path: Path
) -> None:
    [master] = stack.containers("locust-master")
    ended = master.wait(timeout=RUSH_S)
    assert ended["StatusCode"] == 0, stack.logs()
    chunks, _ = master.get_archive("/runs")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        archive.extractall(tmp_path, filter="data")
    [path] = (tmp_path / "runs").iterdir()
    run = RunDirectory.open(path)
    assert Counter(run.student_table()["outcome"].to_pylist())["ticket"] == TICKETS
    requests = run.request_table().to_pandas()
    assert set(requests["student"]) == set(range(STUDENTS))
    assert {path.name.partition("-")[0] for path in run.requests.iterdir()} == {
        "worker0",
        "worker1",
    }
    assert write_report(run).exit_code in (0, 99)
    assert stack.row("SELECT count(*) FROM tickets") == str(TICKETS)
