"""Rules that every dashboard keeps: those of Grafana's dashboard linter, and this house's own.

Each function gives one sentence for each breach. Grafana's linter asks for `job` and `instance` in
every query; here it is `run`, which every target of a rehearsal carries.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from dress_rehearsal.dashboards.queries import Target, panels, targets
from tests.dashboards.exported import HISTOGRAMS, METRICS

Dashboard = Mapping[str, Any]

PANEL_TYPES = frozenset({"timeseries", "stat", "gauge", "bargauge", "table", "logs", "text"})
UNITS = frozenset(
    {
        "none",
        "locale",
        "s",
        "reqps",
        "ops",
        "percentunit",
        "bytes",
        "dateTimeAsIso",
        "suffix:CPUs",
        "suffix:/s",
        "suffix: s",
    }
)
"""Counts are `locale`: with `short` 2,150 tickets left would read 2.15 K."""
TITLE_MAX = 8
"""How many characters a title may have for each column of its panel; longer ones are cut."""
ACROSS_RUNS = frozenset({"rehearsal-index"})
"""Dashboards about all runs, which choose none."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OFFSET = re.compile(r"\boffset\s+[^\s)]+")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_TOKEN = re.compile(r"(?<![\w.])[A-Za-z_:][\w:]*|\{|\"|\[[^\]]*\]")
_RANGE = re.compile(r"\[[^\]]*\]")
_OPERATORS = frozenset({"and", "or", "unless", "bool"})
_LATEST = re.compile(r"irate\([^\[\]]*\[([^\]]*)\]\)")
_COUNTED = ("irate", "max_over_time", "min_over_time", "last_over_time")


def selectors(expr: str) -> Iterator[tuple[str, str, str | None]]:
    """Return each metric of an expression, its matchers, and the function over its range."""
    strings = iter(_STRING.findall(expr))
    bare = _OFFSET.sub(" ", _LABELS.sub(" ", _STRING.sub('"', expr)))
    position = 0
    while found := _TOKEN.search(bare, position):
        word, position = found.group(), found.end()
        if word == '"':
            next(strings)
            continue
        if word[0] in "[{" or word in _OPERATORS:
            continue
        rest = bare[position:].lstrip()
        if rest.startswith("("):
            continue
        matchers = ""
        if rest.startswith("{"):
            end = bare.index("}", position)
            inside = bare[bare.index("{", position) + 1 : end]
            matchers = "".join(next(strings) if part == '"' else part for part in inside)
            position = end + 1
        function = None
        if _RANGE.match(bare[position:]):
            before = re.search(r"(\w+)\($", bare[: found.start()])
            function = before and before.group(1)
        yield word, matchers, function


def lint(dashboard: Dashboard) -> list[str]:
    """Return every breach of every rule."""
    return [
        *_frame(dashboard),
        *_variables(dashboard),
        *_panels(dashboard),
        *_closed(dashboard),
        *_positions(dashboard),
        *_expressions(dashboard),
    ]


def _frame(dashboard: Dashboard) -> Iterator[str]:
    name = dashboard["uid"]
    if dashboard.get("editable", True):
        yield f"{name} may be edited, and the next build would undo it."
    if not any(link["type"] == "dashboards" and link["tags"] for link in dashboard["links"]):
        yield f"{name} does not link to the other dashboards."


def _variables(dashboard: Dashboard) -> Iterator[str]:
    name = dashboard["uid"]
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    for wanted in ("datasource", "run", "instance"):
        if wanted not in variables:
            yield f"{name} has no variable {wanted}."
    for variable in variables.values():
        if not variable.get("label"):
            yield f"{name}: the variable {variable['name']} has no label."
        if variable["type"] != "query":
            continue
        if variable["refresh"] != 2:
            yield f"{name}: the variable {variable['name']} stays when the time changes."
        if variable["datasource"]["uid"] != "${datasource}":
            yield f"{name}: the variable {variable['name']} asks a fixed data source."
    instance = variables.get("instance", {})
    asked = any("$instance" in target.expr for target in targets(dashboard))
    if asked == (instance.get("hide") == 2):
        yield f"{name}: instances can be chosen and nothing asks for them, or the other way round."
    if not (instance.get("multi") and instance.get("includeAll") and instance.get("allValue")):
        yield f"{name}: not all instances can be chosen at once."


def _panels(dashboard: Dashboard) -> Iterator[str]:
    numbers = [panel["id"] for panel in (*panels(dashboard), *_rows(dashboard))]
    if len(set(numbers)) < len(numbers):
        yield f"{dashboard['uid']} has two panels with one id."
    titles = Counter(panel.get("title") for panel in panels(dashboard))
    for title in [title for title, count in titles.items() if count > 1]:
        yield f"{dashboard['uid']} has two panels called {title!r}."
    for panel in panels(dashboard):
        where = f"{dashboard['uid']}, panel {panel.get('title')!r}"
        if panel["type"] not in PANEL_TYPES:
            yield f"{where} is a {panel['type']}."
        if not panel.get("title") or not panel.get("description"):
            yield f"{where} lacks a title or a description."
        if len(panel.get("title", "")) > TITLE_MAX * panel["gridPos"]["w"]:
            yield f"{where} has a title that is cut."
        if panel["type"] not in ("text", "logs"):
            yield from _fields(panel, where)
            yield from _units(panel, where)
            yield from _queries(panel, where)
        if panel["type"] == "table":
            yield from _sorting(panel, where)


def _fields(panel: Mapping[str, Any], where: str) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    if not defaults.get("unit"):
        yield f"{where} has no unit."
    if not defaults.get("thresholds", {}).get("steps"):
        yield f"{where} has no thresholds."


def _units(panel: Mapping[str, Any], where: str) -> Iterator[str]:
    config = panel["fieldConfig"]
    own = [
        each["value"]
        for override in config["overrides"]
        for each in override["properties"]
        if each["id"] == "unit"
    ]
    for unit in {config["defaults"].get("unit"), *own} - UNITS:
        yield f"{where} has the unknown unit {unit!r}."


def _queries(panel: Mapping[str, Any], where: str) -> Iterator[str]:
    if panel["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
        yield f"{where} asks a fixed data source."
    if not panel.get("targets"):
        yield f"{where} asks nothing."
    for target in panel["targets"]:
        if target["datasource"]["uid"] != "${datasource}":
            yield f"{where}, query {target['refId']} asks a fixed data source."
        if not target.get("legendFormat"):
            yield f"{where}, query {target['refId']} has no legend."
    legends = [target["legendFormat"] for target in panel["targets"]]
    if len(set(legends)) < len(legends):
        yield f"{where} has two queries with one legend."


def _sorting(panel: Mapping[str, Any], where: str) -> Iterator[str]:
    organised = panel["transformations"][-1]["options"]
    for by in panel["options"]["sortBy"]:
        if by["displayName"] not in organised["renameByName"].values():
            yield f"{where} sorts by {by['displayName']!r}, a column it has not."


def _closed(dashboard: Dashboard) -> Iterator[str]:
    for row in _rows(dashboard):
        if row["collapsed"] != bool(row["panels"]):
            yield f"{dashboard['uid']}, row {row['title']!r}: a closed row holds its panels."
    if dashboard["panels"][0]["collapsed"]:
        yield f"{dashboard['uid']}: what answers at a glance is closed."


def _rows(dashboard: Dashboard) -> list[Mapping[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] == "row"]


def _positions(dashboard: Dashboard) -> Iterator[str]:
    yield from _places(dashboard["uid"], dashboard["panels"], 0)
    for row in _rows(dashboard):
        if row["panels"]:
            yield from _places(dashboard["uid"], row["panels"], row["gridPos"]["y"] + 1)


def _places(uid: str, placed: Sequence[Mapping[str, Any]], top: int) -> Iterator[str]:
    """Look at what is open at once; it begins at the line `top`."""
    boxes = [(panel["title"], panel["gridPos"]) for panel in placed]
    for title, box in boxes:
        if box["x"] + box["w"] > 24:
            yield f"{uid}: {title!r} reaches beyond the 24 columns."
    for (one, a), (other, b) in combinations(boxes, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        if not apart:
            yield f"{uid}: {one!r} lies over {other!r}."
    covered = sum(box["w"] * box["h"] for _, box in boxes)
    height = max(box["y"] + box["h"] for _, box in boxes) - top
    if covered != 24 * height:
        yield f"{uid} has {24 * height - covered} empty cells between its panels."


def _expressions(dashboard: Dashboard) -> Iterator[str]:
    across = dashboard["uid"] in ACROSS_RUNS
    for target in targets(dashboard):
        where = f"{dashboard['uid']}, panel {target.panel_title!r}, query {target.ref_id}"
        yield from _windows(target, where)
        chosen = False
        for metric, matchers, function in selectors(target.expr):
            yield from _unknown(where, metric)
            if 'run="$run"' in matchers:
                chosen = True
            elif not across:
                yield f"{where} asks {metric} of every run."
            is_count = metric.endswith(("_total", "_bucket", "_sum", "_count"))
            if is_count and function not in _COUNTED:
                yield f"{where} draws the counter {metric} as it is."
        if not (chosen or across):
            yield f"{where} is of no run."


def _windows(target: Target, where: str) -> Iterator[str]:
    at_once = target.instant or "so far" in target.panel_title
    wanted = "$__range" if at_once else "$__interval"
    # Of a counter's growth only the last two scrapes count, however far back it looks for them.
    for window in _LATEST.findall(target.expr):
        if window != "$__rate_interval":
            yield f"{where} looks for two scrapes in {window}, not $__rate_interval."
    others = _LATEST.sub("", target.expr)
    for window, of_all in re.findall(r"\[([^\]]*)\](\s*@ end\(\))?", others):
        right = "$__range" if of_all else wanted
        if window.removesuffix(":1s") != right:
            yield f"{where} looks back over {window}, not {right}."


def _unknown(where: str, metric: str) -> Iterator[str]:
    family = re.sub(r"_(bucket|sum|count)$", "", metric)
    if metric in METRICS or (family in HISTOGRAMS and family != metric):
        if metric in HISTOGRAMS:
            yield f"{where} asks the histogram {metric} without saying what of it."
        return
    yield f"{where} asks {metric}, which nobody exports."


def metrics_of(dashboards: Mapping[str, Dashboard]) -> set[str]:
    """Return every metric that some panel shows."""
    return {
        name
        for dashboard in dashboards.values()
        for target in targets(dashboard)
        for name in families(target.expr)
    }


def families(expr: str) -> set[str]:
    """Return the metrics that an expression reads; a histogram by its family's name."""
    return {re.sub(r"_(bucket|sum|count)$", "", metric) for metric, _, _ in selectors(expr)}
