"""Annotations: what happened when, drawn through every panel over time."""

from typing import Final

from grafana_foundation_sdk.models import dashboard

from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.query import PROMETHEUS, SCRAPE

_TIMELINE: Final = 'rehearsal_timeline_timestamp_seconds{{run="$run",{which}}}'
_GATE: Final = 'rehearsal_gate{{run="$run",status="{status}"}}{at}'


class Annotation(dashboard.AnnotationQuery):
    """An annotation query of the Prometheus data source.

    The SDK's class knows nothing of what a data source adds. Both the query in `target`, where
    Grafana reads it now, and that in `expr`, where it did before, are written. A label that a
    series lacks would be written as its own name, so what may be missing is joined beforehand.
    """

    def __init__(
        self,
        name: str,
        expr: str,
        colour: str,
        *,
        title: str,
        text: str,
        tags: str,
        value_is_time: bool,
    ) -> None:
        super().__init__(name=name, datasource=PROMETHEUS, icon_color=colour, expr=expr)
        self._texts = {"titleFormat": title, "textFormat": text, "tagKeys": tags}
        self._value_is_time = value_is_time

    def to_json(self) -> dict[str, object]:
        """Return it as Grafana's JSON has it."""
        return {
            **super().to_json(),
            **self._texts,
            "step": SCRAPE,
            "useValueForTime": self._value_is_time,
            "target": {
                "datasource": PROMETHEUS,
                "expr": self.expr,
                "interval": SCRAPE,
                "range": True,
                "refId": "Anno",
            },
        }


def annotations() -> list[dashboard.AnnotationQuery]:
    """Return those of every dashboard: Grafana's own, the timeline's, alerts and gates.

    Grafana's own are off until switched on: what people note by hand is of no single run.
    """
    return [
        dashboard.AnnotationQuery(
            name="Made by hand",
            datasource=dashboard.DataSourceRef(type_val="grafana", uid="-- Grafana --"),
            icon_color=colours.SERVER,
            enable=False,
            type_val="dashboard",
            built_in=1,
        ),
        _moments("Phases", 'kind=~"phase|t0"', colours.GREY),
        _moments("Faults", 'kind="fault"', colours.FAULT),
        _moments("Processes and aborts", 'kind=~"process|abort"', colours.FAILED),
        # Those with a state are Prometheus' own, which ALERTS tells of.
        _moments("Alerts the app sent", 'kind="alert",state=""', colours.UNKNOWN),
        Annotation(
            "Alerts firing",
            _joined('ALERTS{alertstate="firing",run="$run"}', "alertname", "job", "pool"),
            colours.FAILED,
            title="{{what}}",
            text="Alert firing",
            tags="alertname,severity",
            value_is_time=False,
        ),
        _verdicts("Gates kept", "pass", colours.OK),
        _verdicts("Gates broken", "fail", colours.FAILED),
        _verdicts("Gates undecided", "inconclusive", colours.UNKNOWN),
    ]


def _moments(name: str, which: str, colour: str) -> Annotation:
    """Return events of the timeline; each series' value is the moment it happened.

    Whether a fault went on or off is the beginning of its text.
    """
    return Annotation(
        name,
        f"{_joined(_TIMELINE.format(which=which), 'name', 'text')} * 1000",
        colour,
        title="{{what}}",
        text="{{kind}}",
        tags="kind,name",
        value_is_time=True,
    )


def _verdicts(name: str, status: str, colour: str) -> Annotation:
    """Return gates with this result when they were judged: there now, and not a step before."""
    now, before = (
        f"count by (metric, limit, status) ({_GATE.format(status=status, at=at)})"
        for at in ("", " offset $__interval")
    )
    return Annotation(
        name,
        f"{now} unless {before}",
        colour,
        title="{{metric}} {{limit}}",
        text="{{status}}",
        tags="status",
        value_is_time=False,
    )


def _joined(series: str, *labels: str) -> str:
    """Put labels into one, `what`."""
    names = '", "'.join(labels)
    return f'label_join({series}, "what", " ", "{names}")'
