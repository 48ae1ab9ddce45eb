"""The report: tables and sentences of what was found, for a terminal and for a page."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.generator.goals import goals
from benchmarks.generator.results import MOST_OTHERS, Results, compared, spread
from benchmarks.generator.rounds import Spread
from benchmarks.generator.table import Table, shown

_AFTERWARDS_S: Final = 0.2
"""CPU seconds after the load that are worth a word."""
_BEGIN: Final = "<!-- What follows is made by `make bench-generator`: do not edit it. -->"
_END: Final = "<!-- … as far as here. -->"
_GENERATED: Final = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)

Parts = list[tuple[str, list[str | Table]]]
"""Titles, and what stands under each."""


def parts(results: Results) -> Parts:
    """Return the whole report."""
    found: Parts = []
    if results.race:
        found.append(("One core, as fast as it can", _race(results)))
    if results.storm:
        found.append(("Everybody at one instant", _storm(results)))
    if results.calibration:
        found.append(("Beside a server's own times", _calibration(results)))
    reached = [f"- {goal.sentence}." for goal in goals(results)]
    if reached:
        found.append(("Goals", ["\n".join(reached)]))
    said = [f"- Not there: {results.names[key]} ({how})." for key, how in results.missing.items()]
    # What they printed stands in the JSON.
    said += [f"- Failed: {each.partition(' It printed:')[0]}" for each in results.failed]
    if said:
        found.append(("What is missing here", ["\n".join(said)]))
    return found


def terminal(results: Results) -> str:
    """Return it for a terminal."""
    lines = [_made(results)]
    for title, content in parts(results):
        lines += ["", title, ""]
        lines += [each.text() if isinstance(each, Table) else each for each in content]
    return "\n".join(lines)


def write_page(results: Results, page: Path) -> None:
    """Put it into a page, in place of what an earlier run has put there.

    Raises:
        SystemExit: the page does not say where.
    """
    text = page.read_text()
    if _GENERATED.search(text) is None:
        raise SystemExit(f"{page} has no place for the figures: a line {_BEGIN} and one {_END}")
    lines = [_BEGIN, "", _made(results)]
    for title, content in parts(results):
        lines += ["", f"### {title}"]
        for each in content:
            lines += ["", each.markdown() if isinstance(each, Table) else each]
    made = "\n".join([*lines, "", _END])
    page.write_text(_GENERATED.sub(lambda _: made, text))


def _made(results: Results) -> str:
    machine, settings = results.machine, results.settings
    versions = ", ".join(f"{name} {each}" for name, each in machine["versions"].items())
    commit = (machine["git_commit"] or "unknown")[:10]
    made = (
        f"Measured on {results.date} at commit {commit}: {machine['cpu']}, {machine['cores']} "
        f"cores, {machine['memory_gib']} GiB, {machine['os']} {machine['kernel']}, Python "
        f"{machine['python']}; {versions}. Medians of {settings['rounds']}, and in brackets the "
        f"least and the most."
    )
    if machine.get("connections_followed"):
        made += (
            " **A firewall follows the connections** (conntrack), which makes every packet dearer."
        )
    if results.others > MOST_OTHERS:
        made += (
            f" **Other programs were at work**, with up to {results.others:.0%} of both cores: "
            f"trust the CPU time a request rather than the requests per second."
        )
    return made


def _race(results: Results) -> list[str | Table]:
    table = Table(
        (
            "generator",
            "rows",
            "requests/s",
            "CPU µs a request",
            "its core",
            "nginx's",
            "ours is",
            "by CPU time",
        )
    )
    notes = []
    for key, laps in results.race.items():
        name = results.names[key]
        table.rows.append(
            (
                name,
                "yes" if any(lap.claims.rows is not None for lap in laps.values()) else "no",
                shown(spread(laps, lambda lap: lap.per_s)),
                shown(spread(laps, lambda lap: lap.cpu_us), ".1f"),
                shown(spread(laps, lambda lap: lap.busy), ".0%"),
                shown(spread(laps, lambda lap: lap.server_busy), ".0%"),
                _times(compared(results.race, "ours", key, lambda lap: lap.per_s)),
                _times(compared(results.race, "ours", key, lambda lap: 1 / lap.cpu_us)),
            )
        )
        after = spread(laps, lambda lap: lap.afterwards_s)
        if after is not None and after.median > _AFTERWARDS_S:
            notes.append(
                f"- {name} used {after.median:.1f} s of CPU time once the load was over, which is "
                f"not in its figures."
            )
        notes += [f"- {name}: {lap.problem}" for lap in laps.values() if lap.problem]
    return [table, *(["\n".join(notes)] if notes else [])]


def _storm(results: Results) -> list[str | Table]:
    table = Table(
        (
            "generator",
            "late p50 ms",
            "late p99 ms",
            "late most ms",
            "server's p99 ms",
            "reported p99 ms",
            "CPU s",
            "of it before T-0",
            "MB",
        )
    )
    columns: tuple[tuple[str, str], ...] = (
        ("late_p50", ",.0f"),
        ("late_p99", ",.0f"),
        ("late_max", ",.0f"),
        ("own_p99", ",.2f"),
        ("system_p99", ",.2f"),
        ("cpu_s", ".2f"),
        ("ahead_s", ".2f"),
        ("memory_mb", ",.0f"),
    )
    for key, rounds in results.storm.items():
        cells = (shown(spread(rounds, _attribute(name)), form) for name, form in columns)
        table.rows.append((results.names[key], *cells))
    return [table]


def _calibration(results: Results) -> list[str | Table]:
    table = Table(("server", "of it", "percentile", "reported ms", "true ms", "off by ms", "right"))
    for key, rounds in results.calibration.items():
        for calibration in rounds.values():
            for what, figures in (("felt", calibration.felt), ("system", calibration.system)):
                for figure in figures:
                    table.rows.append(
                        (
                            results.names[key],
                            what,
                            f"p{figure.percentile:g}",
                            f"{figure.measured:,.2f}",
                            f"{figure.true:,.2f}",
                            f"{figure.measured - figure.true:+.3f}",
                            "yes" if figure.is_right else "**no**",
                        )
                    )
    return [table]


def _attribute(name: str) -> Callable[[object], float]:
    return lambda of: float(getattr(of, name))


def _times(ratio: Spread | None) -> str:
    return "–" if ratio is None else f"× {shown(ratio, '.2f')}"
