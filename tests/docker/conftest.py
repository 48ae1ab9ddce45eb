"""What tests of the Docker stage need: a daemon that answers, and images."""

import os
from contextlib import closing
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from tests.docker.images import prepared

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """Variables that name images for `docker-compose.yml`; they are made if they are missing."""
    try:
        with closing(docker.from_env()) as client:
            client.ping()
    except (DockerException, OSError) as error:
        message = f"No Docker daemon answers: {error}"
        if os.environ.get("REHEARSE_REQUIRE_DOCKER") == "1":
            pytest.fail(f"{message}; REHEARSE_REQUIRE_DOCKER=1 wants one.")
        pytest.skip(message)
    return prepared()
