"""`docker-compose up` by hand: the whole service in containers, and what they do not give away."""

import csv
import json
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import httpx
import pytest
from docker.errors import ContainerError
from docker.models.containers import Container

from dress_rehearsal.compose.secret_files import secret_files, write_secret_files
from tests.docker.by_hand import ByHand

pytestmark = pytest.mark.xdist_group("by-hand")  # one stage for all of them

ROSTER = "student,pin,enrolled\nada,123456,1\nbob,234567,1\n"
FAILOVER_S = 4.0
HEALTHY_S = 20.0


@pytest.fixture(scope="module")
def stack(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ByHand]:
    folder = tmp_path_factory.mktemp("by-hand") / "secrets"
    write_secret_files(folder, secret_files(ROSTER))
    with closing(docker.from_env()) as client:
        project = f"rehearsal-by-hand-{secrets.token_hex(3)}"
        stack = ByHand(project, folder, images, client)
        try:
            stack.compose("up", "--detach", "--build", "--scale", "app=2")
            stack.wait("/readyz", 200, 30)
            yield stack
        finally:
            stack.compose("down", "--volumes")
            client.images.remove(project)


def log_in(stack: ByHand, student: str) -> dict[str, str]:
    [pin] = [row["pin"] for row in csv.DictReader(ROSTER.splitlines()) if row["student"] == student]
    answer = httpx.post(f"{stack.url}/login", json={"student": student, "pin": pin})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def await_health(stack: ByHand, container: Container) -> None:
    end = time.monotonic() + HEALTHY_S
    while container.attrs["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < end, stack.logs()
        time.sleep(0.1)
        container.reload()


def test_everything_is_healthy(stack: ByHand) -> None:
    for name in ("postgres", "redis", "writeback", "app", "nginx"):
        for container in stack.containers(name):
            await_health(stack, container)
    [prepare] = stack.containers("prepare")
    assert prepare.attrs["State"]["ExitCode"] == 0
    assert len(stack.containers("app")) == 2


def test_a_ticket_bought_through_nginx_becomes_a_row(stack: ByHand) -> None:
    student = log_in(stack, "ada")
    bought = httpx.post(
        f"{stack.url}/events/festival/tickets",
        headers={**student, "Idempotency-Key": str(uuid.uuid4())},
    )
    assert bought.status_code == 202, bought.text
    assert "app;desc=" in bought.headers["server-timing"]
    ticket = bought.json()["ticket"]
    end = time.monotonic() + 5
    while not (held := stack.row("SELECT ticket, student FROM tickets")):
        assert time.monotonic() < end, stack.logs()
    assert held == f"{ticket}|ada"
    shown = httpx.get(f"{stack.url}/tickets/{ticket}/qr", headers=student)
    assert shown.headers["content-type"].startswith("image/svg")


def test_processes_of_all_containers_are_told_apart_and_can_be_scraped(stack: ByHand) -> None:
    announced = stack.announced()
    labels = [target["labels"] for target in announced]
    hosts = {container.attrs["Config"]["Hostname"] for container in stack.containers("app")}
    assert {each["host"] for each in labels if each["job"] == "app"} == hosts
    assert len(labels) == 2 * 2 + 1  # workers of each container, and the write-back
    for target in announced:
        [address] = target["targets"]
        assert "db_client_connections" in httpx.get(f"http://{address}/metrics").text


def test_no_secret_is_in_an_environment_a_command_line_or_an_image(stack: ByHand) -> None:
    values = [
        file.read_text().strip()
        for file in stack.secrets.iterdir()
        if file.name not in ("aws_access_key_id", "redis.conf", "roster.csv")
    ]
    values.append((stack.secrets / "redis.conf").read_text().split()[-1])
    assert len(values) == 12
    shown = [json.dumps(container.attrs) for container in stack.containers()]
    shown += [json.dumps(c.top()) for c in stack.containers() if c.status == "running"]
    for image in {str(container.attrs["Image"]) for container in stack.containers()}:
        found = stack.client.images.get(image)
        shown += [json.dumps(found.attrs), json.dumps(found.history())]
    shown.append(stack.logs())
    assert not [text for text in shown for value in values if value in text]


def test_nobody_is_root_and_nothing_can_be_written(stack: ByHand) -> None:
    for container in stack.containers():
        if container.status == "running":
            assert container.exec_run(["id", "-u"]).output.strip() != b"0"
            wrote = container.exec_run(["bash", "-c", ": >/etc/written"])
            assert b"Read-only file system" in wrote.output, container.name
            capabilities = container.exec_run(["grep", "^CapEff", "/proc/1/status"]).output
            assert int(capabilities.split()[1], 16) == 0, container.name


def test_a_killed_container_is_left_at_once_and_taken_back(stack: ByHand) -> None:
    first, second = stack.containers("app")
    assert _answers(stack, 40) == {200: 40}
    first.kill()
    began = time.monotonic()
    assert _answers(stack, 40) == {200: 40}
    assert time.monotonic() - began < FAILOVER_S * 2
    first.start()
    await_health(stack, first)
    second.kill()
    stack.wait("/readyz", 200, FAILOVER_S * 2)
    second.start()
    await_health(stack, second)


def _answers(stack: ByHand, count: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for _ in range(count):
        status = httpx.get(f"{stack.url}/healthz", timeout=10).status_code
        found[status] = found.get(status, 0) + 1
    return found


def test_the_image_holds_the_app_and_the_relay_alone(stack: ByHand) -> None:
    found = stack.client.containers.run(
        stack.project,
        ["bash", "-c", "cd /srv/dress_rehearsal && ls -d * compose/*"],
        remove=True,
        network_mode="none",
    )
    assert found.decode().split() == ["compose", "compose/relay", "target_app"]
    compiler = stack.client.containers.run(
        stack.project,
        ["bash", "-c", "command -v cc gcc make || true"],
        remove=True,
        network_mode="none",
    )
    assert compiler == b""


@pytest.fixture
def missing_secret(tmp_path: Path) -> Path:
    write_secret_files(tmp_path, secret_files(ROSTER))
    (tmp_path / "app_jwt_secret").unlink()
    tmp_path.chmod(0o755)  # mounted whole, unlike by docker-compose
    return tmp_path


def test_a_secret_that_is_missing_is_named(stack: ByHand, missing_secret: Path) -> None:
    with pytest.raises(ContainerError) as caught:
        stack.client.containers.run(
            stack.project,
            environment={"APP_PORT": "1"},
            volumes={str(missing_secret): {"bind": "/run/secrets", "mode": "ro"}},
            network_mode="none",
            remove=True,
        )
    assert caught.value.exit_status == 2
    said = caught.value.stderr.decode()
    assert "APP_JWT_SECRET is not set" in said
    assert "APP_QR_SECRET" not in said


def test_all_end_cleanly_and_in_time(stack: ByHand) -> None:
    """The last test of this file: it stops the containers."""
    began = time.monotonic()
    stack.compose("stop")
    assert time.monotonic() - began < 25
    codes = {}
    for container in stack.containers():
        container.reload()
        codes[str(container.name)] = container.attrs["State"]["ExitCode"]
    assert set(codes.values()) == {0}, codes
