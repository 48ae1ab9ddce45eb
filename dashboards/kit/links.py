"""Links: from dashboard to dashboard, to a run's report, and from slow requests to their logs."""

import json
import re
from typing import Final
from urllib.parse import quote

from grafana_foundation_sdk.models import dashboard

TAG: Final = "dress-rehearsal"
"""Every dashboard has it; the links between them go by it."""

LOGS: Final = '{job="rehearsal", run="$run"} |= "$trace"'
SLOW_MS: Final = 500
SLOW_REQUESTS: Final = f'{{job="rehearsal", run="$run"}} | json | duration_ms > {SLOW_MS}'
_VARIABLE: Final = re.compile(r"\$\{?\w+\}?")


def between_dashboards() -> list[dashboard.DashboardLink]:
    """Return the links at the top of every dashboard; time and variables go along."""
    return [
        dashboard.DashboardLink(
            title="Dashboards of the rehearsal",
            type_val=dashboard.DashboardLinkType.DASHBOARDS,
            icon="external link",
            tooltip="The other dashboards, with the same run and time",
            url="",
            tags=[TAG],
            include_vars=True,
            keep_time=True,
        ),
        dashboard.DashboardLink(
            title="Report",
            type_val=dashboard.DashboardLinkType.LINK,
            icon="doc",
            tooltip="The report of the chosen run",
            url="${report}",
            target_blank=True,
        ),
    ]


def to(title: str, url: str, *, new_tab: bool = False) -> dashboard.DashboardLink:
    """Return a link from a panel or a value in it."""
    return dashboard.DashboardLink(
        title=title,
        type_val=dashboard.DashboardLinkType.LINK,
        url=url,
        target_blank=new_tab,
    )


def to_dashboard(title: str, uid: str) -> dashboard.DashboardLink:
    """Return a link from a panel to another dashboard, with the same run and time."""
    return to(title, f"/d/{uid}?${{__url_time_range}}&${{__all_variables}}")


def to_slow_requests() -> dashboard.DashboardLink:
    """Return a link that opens the logs of slow requests of the chosen time in Explore."""
    pane = {
        "datasource": "${loki}",
        "queries": [
            {
                "refId": "A",
                "expr": SLOW_REQUESTS.replace("$run", "${run}"),
                "queryType": "range",
                "datasource": {"type": "loki", "uid": "${loki}"},
            }
        ],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    panes = json.dumps({"slow": pane}, separators=(",", ":"))
    return to(
        f"Logs of requests over {SLOW_MS} ms",
        f"/explore?schemaVersion=1&orgId=1&panes={_quoted(panes)}",
        new_tab=True,
    )


def _quoted(text: str) -> str:
    """Quote all but the variables, which Grafana fills in."""
    end = 0
    parts = []
    for variable in _VARIABLE.finditer(text):
        parts += [quote(text[end : variable.start()], safe=""), variable.group()]
        end = variable.end()
    return "".join([*parts, quote(text[end:], safe="")])
