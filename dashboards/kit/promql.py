"""Pieces of PromQL that the dashboards' expressions are put together from.

Three things decide their form. A counter with labels is born with its first count, and `increase`
knows nothing of what was counted before the first scrape: a total is therefore the highest value
each process reached, which is exact because every process of a rehearsal starts at zero and stays
when the process is gone; and what is rare is drawn as its count so far, since a burst within a
second would be no rate. And what happened not once has no series at all, or one at zero: where
nothing is an answer, zero is said while the rehearsal goes, and of many things that can happen
only those are named that did. And what is slow in a rush is slow for a second: a rate is that of a
counter's last two scrapes, a second apart, and what the generator counts by the second is drawn as
it counted it, whatever the step between two points.
"""

from typing import Final

BUYING: Final = 'role="purchase"'
NOT_PROBES: Final = 'route!~"/healthz|/readyz"'
"""Probes are nobody's request, and are told no while a process starts or ends."""
INSTANCE: Final = 'instance=~"$instance"'
_RUN: Final = 'run="$run"'
_GOING: Final = f"rehearsal_info{{{_RUN}}}"


def of_run(metric: str, *matchers: str) -> str:
    """Return the series of the chosen run."""
    chosen = ",".join((_RUN, *matchers))
    return f"{metric}{{{chosen}}}"


def of_app(metric: str, *matchers: str) -> str:
    """Return the series of the chosen run's chosen app processes."""
    return of_run(metric, 'job="app"', INSTANCE, *matchers)


def per_second(series: str, *by: str) -> str:
    """Return how fast a counter grew between its last two scrapes, summed up by labels."""
    return f"{_sum(by)}(irate({series}[$__rate_interval]))"


def by_second(series: str, how: str = "sum") -> str:
    """Return what is counted by the second, of several seconds between two points the most.

    Where a scrape came a moment late a point has none of its own: then it is the newest there is.
    """
    return f"{how}(max_over_time({series}[$__interval]) or {series})"


def so_far(series: str, *by: str, **none: str) -> str:
    """Return a count that is drawn as it grows, and stays when the processes are gone.

    Args:
        by: labels to sum up by; of their values those are given that were counted.
        none: labels of the zero that is given where nothing was.
    """
    counted = total(series, *by)
    return occurred(counted, series, *by, **none) if by else or_zero(counted)


def occurred(expr: str, series: str, *by: str, **none: str) -> str:
    """Return `expr`, which has the labels `by`, of what was counted at all in the time shown.

    While the rehearsal goes it is zero where `expr` has nothing, and if nothing was counted there
    is one zero with the labels `none`.
    """
    ever = f"{_sum(by)}(max_over_time({series}[$__range] @ end())) > 0"
    known = f"(({expr}) and on ({', '.join(by)}) {ever})"
    return or_zero(f"{known} or (0 * ({ever}) and on() {_GOING})", **none)


def rates(series: str, by: str) -> str:
    """Return how fast a counter grows, of those values of a label that were counted at all."""
    return occurred(per_second(series, by), series, by, **{by: "none"})


def total(series: str, *by: str) -> str:
    """Return what a counter that starts with its process has counted in all up to a moment."""
    return f"{_sum(by)}(max_over_time({series}[$__range]))"


def grown(series: str) -> str:
    """Return how much a counter grew that is older than the run, such as the kernel's."""
    return f"sum(max_over_time({series}[$__range]) - min_over_time({series}[$__range]))"


def highest(series: str, how: str = "max") -> str:
    """Return the most that was ever read in the chosen time, also after the rehearsal.

    Args:
        how: what is made of the processes' own, such as `sum by (job)`.
    """
    return f"{how}(max_over_time({series}[$__range]))"


def last(series: str) -> str:
    """Return the last value in the chosen time, also after the rehearsal, for instant queries."""
    return f"last_over_time({series}[$__range])"


def quantile(q: float, metric: str, *by: str, series: str | None = None) -> str:
    """Return a histogram's quantile between its last two scrapes."""
    buckets = series or of_run(f"{metric}_bucket")
    return f"histogram_quantile({q}, {per_second(buckets, 'le', *by)})"


def quantile_of_all(q: float, metric: str, *by: str, matchers: tuple[str, ...] = ()) -> str:
    """Return a histogram's quantile over the whole run, for instant queries."""
    return f"histogram_quantile({q}, {total(of_run(f'{metric}_bucket', *matchers), 'le', *by)})"


def or_zero(expr: str, **labels: str) -> str:
    """Return zero, with these labels, while the rehearsal goes and `expr` has nothing."""
    return f"({expr}) or on() {_labelled(f'0 * max({_GOING})', labels)}"


def or_absent(expr: str, series: str) -> str:
    """Return zero where the time shown has nothing of `series`, as in a plan without such a thing.

    Where it has ended there is no zero: a queue that nobody can read any more is not empty.
    """
    known = f"max_over_time({series}[$__range] @ end())"
    return f"({expr}) or on() (0 * max({_GOING}) unless on() {known})"


def or_value(expr: str, value: float = 0, **labels: str) -> str:
    """Return a number, with these labels, where an instant query has nothing."""
    return f"({expr}) or on() {_labelled(f'vector({value})', labels)}"


def _labelled(expr: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        expr = f'label_replace({expr}, "{name}", "{value}", "", "")'
    return expr


def _sum(by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)}) " if by else "sum"
