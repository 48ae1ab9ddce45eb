"""Thresholds: from which value on something is worrying, and what colour that is."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from dress_rehearsal.dashboards.kit import colours


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A colour up to the first value, and another from each value on."""

    base: str
    above: tuple[tuple[float, str], ...] = ()

    def models(self) -> list[dashboard.Threshold]:
        """Return them as Grafana's JSON has them."""
        first = dashboard.Threshold(value=None, color=self.base)
        return [first, *(dashboard.Threshold(value=at, color=hue) for at, hue in self.above)]

    def builder(self) -> builders.ThresholdsConfig:
        """Return them as a panel takes them."""
        return (
            builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(self.models())
        )


def plain(colour: str = colours.SERVER) -> Thresholds:
    """Return one colour whatever the value."""
    return Thresholds(colour)


def warn_fail(warning: float, failing: float) -> Thresholds:
    """Return green, orange from `warning` on, red from `failing` on."""
    return Thresholds(colours.OK, ((warning, colours.WARNING), (failing, colours.FAILED)))


def fail_from(failing: float) -> Thresholds:
    """Return green, and red from `failing` on."""
    return Thresholds(colours.OK, ((failing, colours.FAILED),))


def warn_from(warning: float) -> Thresholds:
    """Return green, and orange from `warning` on."""
    return Thresholds(colours.OK, ((warning, colours.WARNING),))


JUDGED_ZERO: Final = Thresholds(colours.GREY, ((0, colours.OK), (1, colours.FAILED)))
"""Of a number that should be zero and is below it as long as nobody has judged."""
