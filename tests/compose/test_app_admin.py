"""Every alert is heard once, though the neighbours forget what they were told."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dress_rehearsal.compose.app_admin import AppAdmin
from dress_rehearsal.compose.errors import TargetRefusedError


class Neighbours:
    """What they remember."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.down = False

    def tell(self, *times: int) -> None:
        self.told += [{"t_ns": t_ns, "kind": "k", "message": "m"} for t_ns in times]

    def listed(self, *_: object) -> list[dict[str, Any]]:
        if self.down:
            raise TargetRefusedError("no answer")
        return list(self.told)


@pytest.fixture
def neighbours() -> Neighbours:
    return Neighbours()


@pytest.fixture
def admin(neighbours: Neighbours) -> AppAdmin:
    app = SimpleNamespace(neighbours_token="t")
    return AppAdmin(cast("Any", app), "e", cast("Any", None), cast("Any", neighbours))


def heard(admin: AppAdmin) -> list[int]:
    return [alert.t_ns for alert in admin.alerts()]


def test_each_alert_is_heard_once(admin: AppAdmin, neighbours: Neighbours) -> None:
    neighbours.tell(1, 2, 3)
    assert heard(admin) == [1, 2, 3]
    assert heard(admin) == []
    neighbours.tell(4, 5)
    neighbours.down = True
    assert heard(admin) == []
    neighbours.down = False
    assert heard(admin) == [4, 5]


@pytest.mark.parametrize("later", [(9,), (7, 8, 9), (6, 7, 8, 9)])
def test_neighbours_that_started_again_are_heard_from_the_start(
    admin: AppAdmin, neighbours: Neighbours, later: tuple[int, ...]
) -> None:
    """Whether they were asked before they had been told more than before, or not."""
    neighbours.tell(1, 2, 3)
    heard(admin)
    neighbours.told.clear()
    neighbours.tell(*later)
    assert heard(admin) == list(later)
    assert heard(admin) == []


def test_alerts_are_heard_though_the_oldest_are_forgotten(
    admin: AppAdmin, neighbours: Neighbours
) -> None:
    neighbours.tell(1, 2, 3)
    heard(admin)
    del neighbours.told[:2]
    neighbours.tell(4, 5)
    assert heard(admin) == [4, 5]
