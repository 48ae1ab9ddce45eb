"""Where panels get their data: the data sources, and queries as panels take them."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from grafana_foundation_sdk.builders import prometheus as prometheus_builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard, prometheus

from dress_rehearsal.dashboards.prometheus_config import SCRAPE_S

_T = TypeVar("_T")

SCRAPE: Final = f"{SCRAPE_S}s"
"""No query asks for a finer step than there are samples."""
COUNT: Final = "locale"
"""The unit of what is counted: all digits, where `short` would write 2,150 as 2.15 K."""

PROMETHEUS: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
LOKI: Final = dashboard.DataSourceRef(type_val="loki", uid="${loki}")
_REF_IDS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Ready(Builder[_T], Generic[_T]):
    """What is built already, where a builder is asked for."""

    def __init__(self, built: _T) -> None:
        self._built = built

    def build(self) -> _T:
        """Return it."""
        return self._built


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what the series it gives are called."""

    expr: str
    legend: str
    colour: str | None = None
    dashed: bool = False
    """Drawn as a limit: a dashed line without an area."""


def ref_id(index: int) -> str:
    """Return the letter a panel's query is known by."""
    return _REF_IDS[index]


def target(
    expr: str, legend: str, ref: str, *, instant: bool, table: bool = False
) -> prometheus_builders.Dataquery:
    """Return a query as a panel takes it."""
    query = (
        prometheus_builders.Dataquery()
        .expr(expr)
        .legend_format(legend)
        .ref_id(ref)
        .datasource(PROMETHEUS)
        .editor_mode(prometheus.QueryEditorMode.CODE)
        .interval(SCRAPE)
        .format(
            prometheus.PromQueryFormat.TABLE if table else prometheus.PromQueryFormat.TIME_SERIES
        )
    )
    return query.instant() if instant else query.range()
