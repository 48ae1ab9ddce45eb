"""Of a stage in containers those are waited for who have something to get ready."""

from types import SimpleNamespace

import pytest

from dress_rehearsal.compose.docker.services import Services
from dress_rehearsal.compose.errors import StageUnusableError


@pytest.mark.parametrize(
    ("started", "awaited"),
    [
        (["redis", "app", "app", "nginx"], ["app", "app", "app", "app", "app"]),
        (
            ["redis", "neighbours", "app", "writeback", "nginx"],
            ["app", "writeback", "neighbours", "app", "app"],
        ),
    ],
    ids=["alone", "with others"],
)
def test_a_service_that_has_no_processor_is_waited_for_and_not_the_proxy_before_it(
    started, awaited
):
    """The deadline is put off for who is awaited, so that has to be who may be late."""
    services, heard = object.__new__(Services), []
    services._tell = lambda _: None
    services._plan = SimpleNamespace(app=SimpleNamespace(workers=2))
    services.app = SimpleNamespace(writebacks=1)
    services.targets_dir = None
    services.admin = SimpleNamespace(neighbours_answer=None, target=SimpleNamespace(ready=None))
    services.containers = SimpleNamespace(
        containers=lambda: [SimpleNamespace(name=name) for name in started],
        wait=lambda container, _: heard.append(container.name),
    )
    services._await_announced()
    assert heard == awaited


@pytest.mark.parametrize(("exit_code", "left"), [(None, ["app-app-1-7.json"]), (-9, [])])
def test_who_survived_a_kill_that_the_daemon_lost_is_measured_on(tmp_path, exit_code, left):
    """It announces itself only once: without that file nobody would ask it for its metrics."""

    def restart(_):
        raise StageUnusableError("app-1 cannot be started again.")

    services = object.__new__(Services)
    services._announced = tmp_path
    (tmp_path / "app-app-1-7.json").touch()
    (tmp_path / "app-app-2-7.json").touch()
    one = SimpleNamespace(label="app-1", exit_code=exit_code)
    services.containers = SimpleNamespace(containers=lambda: [one], restart=restart)
    with pytest.raises(StageUnusableError):
        services.bring_back("app-1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [*left, "app-app-2-7.json"]
