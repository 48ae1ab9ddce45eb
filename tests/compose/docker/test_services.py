"""Of a stage in containers those are waited for who have something to get ready."""

from types import SimpleNamespace

import pytest

from dress_rehearsal.compose.docker.services import Services


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
