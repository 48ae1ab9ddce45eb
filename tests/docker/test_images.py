"""Two runs that build one image's name at once: each gets its own code, and neither loses it."""

import dataclasses
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from dress_rehearsal.compose.docker.clearing import release
from dress_rehearsal.compose.docker.compose_file import read_compose_file
from dress_rehearsal.compose.docker.images import CONTEXT, provide
from dress_rehearsal.compose.docker.service_spec import ServiceSpec
from tests.docker.images import main
from tests.docker.rehearsing import ROOT, on_this_machine

pytestmark = pytest.mark.xdist_group("stage")

IMAGE = "rehearsal-test-two-checkouts"
WHOSE = "/srv/dress_rehearsal/target_app/WHOSE"


def checkout(folder: Path, images: dict[str, str], name: str) -> ServiceSpec:
    """The app's service as a checkout of its own has it, with a file that tells whose it is."""
    for one in CONTEXT:
        source, place = ROOT / one, folder / one
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    (folder / "target_app" / "WHOSE").write_text(name, encoding="utf-8")
    services = read_compose_file(images | {"REHEARSE_APP_IMAGE": IMAGE}).services
    build = services["prepare"].build
    assert build is not None
    return dataclasses.replace(
        services["prepare"], build=dataclasses.replace(build, context=folder)
    )


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    with closing(docker.from_env()) as client:
        yield client


def test_each_run_has_its_own_code_and_what_nobody_needs_any_more_goes(
    images: dict[str, str], client: docker.DockerClient, tmp_path: Path
) -> None:
    names = ("one", "other")
    services = {name: checkout(tmp_path / name, images, name) for name in names}
    before = on_this_machine()
    ids: dict[str, str] = {}

    def build(name: str) -> None:
        with closing(docker.from_env()) as own:
            ids[name] = provide(own, [services[name]], lambda _: None, f"dr-test-{name}")[IMAGE]

    threads = [threading.Thread(target=build, args=(name,)) for name in names]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300.0)
        assert set(ids) == set(names)
        for name in names:
            said = client.containers.run(
                ids[name], ["cat", WHOSE], remove=True, network_mode="none"
            )
            assert said == name.encode()
        lost = next(ids[name] for name in names if client.images.get(IMAGE).id != ids[name])
        release(client, f"dr-test-{next(name for name in names if ids[name] == lost)}")
        with pytest.raises(docker.errors.ImageNotFound):
            client.images.get(lost)
    finally:
        for name in names:
            release(client, f"dr-test-{name}")
        client.images.remove(IMAGE)
    assert on_this_machine() == before


def test_without_a_daemon_the_command_that_makes_them_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert main() == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("The images cannot be made: no Docker daemon answers at tcp://")
