"""How metrics of this process have grown during a test."""

from typing import Any

from dress_rehearsal.target_app.telemetry.metrics import REGISTRY


def sample(metric: str, /, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


class Growth:
    """How much metrics have grown since it was made."""

    def __init__(self) -> None:
        self._before: dict[Any, float] = {
            (one.name, frozenset(one.labels.items())): one.value
            for family in REGISTRY.collect()
            for one in family.samples
        }

    def of(self, metric: str, /, **labels: str) -> float:
        return sample(metric, **labels) - self._before.get((metric, frozenset(labels.items())), 0.0)
