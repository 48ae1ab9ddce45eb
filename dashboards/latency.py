"""Latency panels of *Ticket open*: what students felt, and what the server says of itself."""

from grafana_foundation_sdk.models.dashboard import Panel

from dashboards import colours, links
from dashboards.panels import timeseries
from dashboards.promql import PURCHASE, last, of_run, quantile_of_all, total
from dashboards.source import Query
from dashboards.table import Column, Key, table


def latency_panels() -> tuple[Panel, ...]:
    """Give them; each opens the logs of slow requests.

    No colour says what is slow: limits are the plan's, and stand with the gates once judged.
    """
    slow = [links.to_slow_requests(), links.to_dashboard("Pools", "rehearsal-pools")]
    bought = 'route="/events/{event}/tickets"'
    server = "http_server_request_duration_seconds"
    of_all_by_route = quantile_of_all(0.99, server, "method", "route")
    return (
        timeseries(
            "Purchase: felt and served",
            "Felt is from when the student meant to ask to the end of the answer; the server's "
            "own time starts when the app receives the request. What lies between them was spent "
            "in the generator, the kernel's queue or the network. How slow is too slow is the "
            "plan's to say: see the gates.",
            [
                Query(
                    of_run("run_step:generator_felt_seconds:p99", f'step="{PURCHASE}"'),
                    "felt p99",
                    colours.FELT_P99,
                ),
                Query(
                    of_run("run_step:generator_felt_seconds:p50", f'step="{PURCHASE}"'),
                    "felt p50",
                    colours.FELT_P50,
                ),
                Query(
                    of_run(f"run_route:{server}:p99", 'method="POST"', bought),
                    "server p99",
                    colours.SERVER,
                ),
            ],
            unit="s",
            height=9,
            links=slow,
        ),
        table(
            "Latency of the whole run by step",
            "Over all answers so far; percentiles are exact to a histogram bucket's width.",
            [Key("step", "Step")],
            [
                Column(
                    total(of_run("generator_felt_seconds_count"), "step"),
                    "Answers",
                    "locale",
                    width=90,
                ),
                *(
                    Column(
                        quantile_of_all(q, "generator_felt_seconds", "step"),
                        heading,
                        "s",
                        width=100,
                    )
                    for q, heading in ((0.5, "Felt p50"), (0.99, "Felt p99"))
                ),
                Column(
                    "max by (step) (label_join("
                    f'{of_all_by_route}, "step", " ", "method", "route")) '
                    "and on (step) "
                    f"sum by (step) ({last(of_run('generator_felt_seconds_count'))})",
                    "Server p99",
                    "s",
                    width=110,
                ),
            ],
            sort="Felt p99",
            span=12,
            height=9,
        ),
        timeseries(
            "Felt p99 by step",
            "What students felt, over ten seconds each.",
            [Query(of_run("run_step:generator_felt_seconds:p99"), "{{step}}")],
            unit="s",
            height=9,
            many=True,
            links=slow,
        ),
        timeseries(
            "Server's own p99 by route",
            "From receipt in the app to the start of the answer, over ten seconds each.",
            [Query(of_run(f"run_route:{server}:p99"), "{{method}} {{route}}")],
            unit="s",
            height=9,
            many=True,
            links=slow,
        ),
    )
