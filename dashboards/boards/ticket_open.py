"""*Ticket open*: the story of the rush, from arrival to verdict, as the students felt it."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.boards.shared_panels import (
    judgement_panels,
    students_by_state,
    students_in,
    verdict_stat,
    wrongs_stat,
)
from dress_rehearsal.dashboards.kit import colours, links
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json, source, trace
from dress_rehearsal.dashboards.kit.panels import logs, stat, timeseries
from dress_rehearsal.dashboards.kit.promql import (
    INSTANCE,
    NOT_PROBES,
    PURCHASE,
    highest,
    last,
    of_app,
    of_run,
    or_absent,
    or_value,
    per_second,
    quantile_of_all,
    rates,
    so_far,
    total,
)
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import Thresholds, fail_from, plain, warn_fail

UID: Final = "rehearsal-open"

_HELD: Final = f"max({of_run('tickets_held')})"
_LEFT: Final = f"max({of_run('rehearsal_event_tickets')}) - {_HELD}"
_STUDENTS: Final = f"max({of_run('rehearsal_event_students')})"


def ticket_open() -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard_json(
        UID,
        "Ticket open",
        "The rush as it goes: who comes, what they are told, how long they wait, what is left.",
        [
            Section("At a glance", _at_a_glance()),
            Section("Arrivals and answers", _arrivals()),
            Section("Latency: what students felt, and what the server says", _latency()),
            Section("Errors", _errors()),
            Section("Waiting room", _waiting_room()),
            Section("Verdict and gates", judgement_panels()),
            Section("Logs", _logs()),
        ],
        variables=[source("loki", "Logs", "loki", "Loki", "rehearsal-loki"), trace()],
    )


def _at_a_glance() -> tuple[Panel, ...]:
    return (
        verdict_stat(),
        stat(
            "Tickets left",
            "Tickets of the event less those that a store holds. Red below zero: oversold.",
            Query(_LEFT, "left"),
            limits=Thresholds(colours.FAILED, ((0, colours.OK),)),
            sparkline=True,
        ),
        stat(
            "Students with a ticket",
            "Students whom the target told that they have a ticket.",
            Query(students_in("ticket"), "with a ticket"),
            limits=plain(colours.OK),
            sparkline=True,
        ),
        stat(
            "Students failed by the target",
            "Share of all students whose rush ended in an error of the target, or without an "
            "answer. Red from the 1 % at which every rehearsal fails.",
            Query(f"{students_in('failed|unknown')} / {_STUDENTS}", "failed or unknown"),
            unit="percentunit",
            limits=warn_fail(0.0001, 0.01),
            sparkline=True,
            decimals=2,
        ),
        stat(
            "Purchase, p99 so far",
            "99 % of the tries to buy were answered in this time, counted from when the student "
            "meant to send them. The colour judges nothing: whether it is too slow is the plan's "
            "to say, and stands with the gates once judged.",
            Query(
                quantile_of_all(0.99, "generator_felt_seconds", matchers=(f'step="{PURCHASE}"',)),
                "felt p99",
            ),
            unit="s",
            limits=plain(colours.FELT_P99),
            links=[links.to_slow_requests()],
        ),
        wrongs_stat(),
    )


def _arrivals() -> tuple[Panel, ...]:
    never = of_run("generator_students", 'state="never_started"')
    outcomes = of_run("generator_outcomes_total")
    return (
        timeseries(
            "Arrivals and requests",
            "Students who begin, requests that ended for them one way or the other, and requests "
            "the app answered, a second.",
            [
                Query(
                    f"clamp_min(-sum(deriv({never}[$__rate_interval])), 0)",
                    "students arriving",
                    colours.FELT_P99,
                ),
                Query(
                    per_second(of_run("generator_requests_total")), "requests ended", colours.GREY
                ),
                Query(
                    per_second(of_app("http_server_requests_total", NOT_PROBES)),
                    "requests answered by the app",
                    colours.SERVER,
                ),
            ],
            unit="suffix:/s",
            span=12,
        ),
        students_by_state(),
        timeseries(
            "Answers by outcome",
            "Refused is an answer (sold out, too early, has one already); failed is an error of "
            "the target; unknown may have taken effect all the same; abandoned is what a student "
            "needed no more, such as a countdown still on its way at T-0.",
            [Query(rates(outcomes, "outcome", none="ok"), "{{outcome}}")],
            unit="reqps",
            span=12,
            stacked=True,
            colours=colours.OUTCOMES,
        ),
        timeseries(
            "Tickets",
            "What is left of the event's tickets, and how many each store holds.",
            [
                Query(_LEFT, "left", colours.OK),
                Query(f"max by (store) ({of_run('tickets_held')})", "held by {{store}}"),
            ],
            span=12,
            stepped=True,
            colours={"held by redis": colours.REDIS, "held by postgres": colours.POSTGRES},
            links=[links.to_dashboard("Integrity", "rehearsal-integrity")],
        ),
    )


def _latency() -> tuple[Panel, ...]:
    """Return panels of which each opens the logs of slow requests.

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
            span=12,
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
            span=12,
            height=9,
            many=True,
            links=slow,
        ),
        timeseries(
            "Server's own p99 by route",
            "From receipt in the app to the start of the answer, over ten seconds each.",
            [Query(of_run(f"run_route:{server}:p99"), "{{method}} {{route}}")],
            unit="s",
            span=12,
            height=9,
            many=True,
            links=slow,
        ),
    )


def _errors() -> tuple[Panel, ...]:
    broken = of_app("http_server_requests_total", 'status=~"5.."', NOT_PROBES)
    lost = of_run("generator_outcomes_total", 'outcome=~"failed|unknown"')
    failures = of_run("boundary_calls_total", 'result="failure"', INSTANCE)
    return (
        stat(
            "Share of 5xx, at worst",
            "The highest share of 5xx among the app's answers in any ten seconds.",
            Query(or_value(highest(of_run("run:http_server_requests:error_ratio"))), "5xx"),
            unit="percentunit",
            limits=warn_fail(0.0001, 0.01),
            decimals=2,
            height=8,
        ),
        timeseries(
            "Failed and unknown so far",
            "Answers that students wanted and did not get, as the generator counts them.",
            [Query(so_far(lost, "outcome", outcome="failed"), "{{outcome}}")],
            span=7,
            limits=fail_from(1),
            stepped=True,
            colours=colours.OUTCOMES,
            links=[links.to_slow_requests()],
        ),
        timeseries(
            "5xx so far by route",
            "Errors the app answered with; probes are not counted.",
            [
                Query(
                    so_far(broken, "route", "status", status="none", route="yet"),
                    "{{status}} {{route}}",
                )
            ],
            span=7,
            limits=fail_from(1),
            stepped=True,
        ),
        timeseries(
            "Failures at boundaries so far",
            "Calls that failed on the way out of the app: to the stores, the enrolment API, the "
            "alert API. What never failed is not listed.",
            [Query(so_far(failures, "kind", "name", kind="none", name="yet"), "{{kind}} {{name}}")],
            span=6,
            limits=fail_from(1),
            stepped=True,
        ),
    )


def _waiting_room() -> tuple[Panel, ...]:
    joined, admitted, inside = (
        of_run(f"waiting_room_{name}") for name in ("joined", "watermark", "inside")
    )
    streams = of_app("waiting_room_streams")
    # Each worker knows the newest it heard of, and the one that knows most may not be scraped.
    most_joined, most_admitted = highest(joined), highest(admitted)
    left_out = f"clamp_min({most_joined} - {most_admitted}, 0)"
    return (
        timeseries(
            "Queue so far",
            "Students who joined and students admitted. Who is not admitted waits, or was told "
            "that it is sold out. Zero where the plan has no waiting room.",
            [
                Query(or_absent(most_joined, joined), "joined", colours.GREY),
                Query(or_absent(most_admitted, admitted), "admitted", colours.OK),
                Query(or_absent(left_out, joined), "not admitted", colours.UNKNOWN),
            ],
            span=12,
            stepped=True,
        ),
        timeseries(
            "Inside, and streams open",
            "Students admitted and not yet answered, and event streams that tell waiting students "
            "their place.",
            [
                Query(or_absent(f"max({inside})", inside), "inside", colours.SERVER),
                Query(or_absent(f"sum({streams})", streams), "streams", colours.FELT_P99),
            ],
            span=12,
            stepped=True,
        ),
    )


def _logs() -> tuple[Panel, ...]:
    return (
        logs(
            "Logs of the run",
            "One JSON object a line. Put a trace id into the field at the top for one request's "
            "lines; the link in this panel's corner opens slow requests.",
            links.LOGS,
            links=[links.to_slow_requests()],
        ),
    )
