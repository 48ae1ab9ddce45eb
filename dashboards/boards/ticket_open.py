"""*Ticket open*: the story of the rush, from arrival to verdict, as the students felt it."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.boards.bottleneck import (
    cpu_by_whom,
    others_cpu,
    waited_for_most,
    waiting_now,
)
from dress_rehearsal.dashboards.boards.judgement import (
    cause_sentence,
    judgement_panels,
    verdict_stat,
)
from dress_rehearsal.dashboards.kit import colours, links
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json, source, trace
from dress_rehearsal.dashboards.kit.panels import logs, stat, timeseries
from dress_rehearsal.dashboards.kit.promql import (
    BUYING,
    NOT_PROBES,
    by_second,
    highest,
    last,
    occurred,
    of_app,
    of_run,
    or_absent,
    quantile,
    quantile_of_all,
    so_far,
    total,
)
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import Thresholds, fail_from, plain
from dress_rehearsal.plans.names import ENDS

UID: Final = "rehearsal-open"

_LEFT: Final = f"max({of_run('rehearsal_event_tickets')}) - max({of_run('tickets_held')})"
_SENT: Final = of_run("generator_sent_last_second")
_FELT_P99: Final = "generator_felt_p99_last_second_seconds"
_SERVER: Final = "http_server_request_duration_seconds"
_BY_SECOND: Final = "Each second as the generator counted it, up to three seconds after it."


def ticket_open() -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard_json(
        UID,
        "Ticket open",
        "The rush as it goes: who comes, what they are told, how long they wait, what is left.",
        [
            Section("At a glance", (*_at_a_glance(), *_rush())),
            Section("Latency and errors", (*_latency(), _errors())),
            Section("Verdict and gates", judgement_panels()),
            Section("Waiting room", (_waiting_room(),), optional=True),
            Section("Logs", (_logs(),), optional=True),
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
            links=[links.to_dashboard("Integrity", "rehearsal-integrity")],
        ),
        stat(
            "Sent in the busiest second",
            "Requests that were sent in the whole second in which most were. The report counts "
            "within any one second, wherever it begins, so its number may be higher.",
            Query(highest(_SENT, "sum"), "sent"),
            limits=plain(colours.SERVER),
        ),
        stat(
            "Purchase, p99 so far",
            "99 % of the tries to buy were answered in this time, counted from when the student "
            "meant to send them. The colour judges nothing: whether it is too slow is the plan's "
            "to say, and stands with the gates once judged.",
            Query(
                quantile_of_all(0.99, "generator_felt_seconds", matchers=(BUYING,)),
                "felt p99",
            ),
            unit="s",
            limits=plain(colours.FELT_P99),
            links=[links.to_slow_requests()],
        ),
        waited_for_most(),
        others_cpu(),
        cause_sentence(),
    )


def _rush() -> tuple[Panel, ...]:
    """Return what belongs on the first screen, second by second."""
    answers = of_run("generator_answers_last_second")
    bought = ('method="POST"', 'route="/events/{event}/tickets"')
    return (
        timeseries(
            "Requests sent, students arriving",
            f"{_BY_SECOND} Requests count when they are sent, whenever they are answered.",
            [
                Query(by_second(_SENT), "requests sent", colours.SERVER),
                Query(
                    by_second(of_run("generator_arrivals_last_second")),
                    "students arriving",
                    colours.FELT_P99,
                ),
            ],
            unit="suffix:/s",
        ),
        timeseries(
            "Answers by outcome",
            f"{_BY_SECOND} Refused is an answer (sold out, too early, has one already); failed is "
            "an error of the target; unknown may have taken effect all the same; abandoned is "
            "what a student no longer needed, such as a countdown still on its way at T-0.",
            [
                Query(
                    occurred(
                        by_second(answers, "sum by (outcome) "), answers, "outcome", outcome="ok"
                    ),
                    "{{outcome}}",
                )
            ],
            unit="reqps",
            stacked=True,
            colours=colours.OUTCOMES,
        ),
        timeseries(
            "Purchase, p99: felt and served",
            "Felt is from when the student meant to ask to the end of the answer, of the answers "
            "of each second; the server's own time starts when the app receives the request. What "
            "lies between them was spent in the generator, the kernel's queue or the network.",
            [
                Query(
                    by_second(of_run(_FELT_P99, BUYING), "max"),
                    "felt",
                    colours.FELT_P99,
                ),
                Query(
                    quantile(0.99, _SERVER, series=of_app(f"{_SERVER}_bucket", *bought)),
                    "served",
                    colours.SERVER,
                ),
            ],
            unit="s",
            links=[links.to_slow_requests()],
        ),
        timeseries(
            "Students by state",
            "Every student is in exactly one state, so the sum is always the whole roster.",
            [Query(f"sum by (state) ({of_run('generator_students')})", "{{state}}")],
            stacked=True,
            stepped=True,
            colours=colours.STUDENTS,
            names={state: name.words for state, name in ENDS.items()},
        ),
        waiting_now(),
        cpu_by_whom(),
    )


def _latency() -> tuple[Panel, ...]:
    """Return latency by step; how slow is too slow is the plan's to say, so no colour does."""
    of_all_by_route = quantile_of_all(0.99, _SERVER, "method", "route")
    answered = of_run("generator_felt_seconds_count")
    return (
        table(
            "Latency of the whole run by step",
            "Over all answers so far; percentiles are exact to a histogram bucket's width.",
            [Key("step", "Step")],
            [
                Column(total(answered, "step"), "Answers", width=90),
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
                    f"and on (step) sum by (step) ({last(answered)})",
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
            f"What students felt. {_BY_SECOND}",
            [Query(by_second(of_run(_FELT_P99), "max by (step) "), "{{step}}")],
            unit="s",
            span=12,
            height=9,
            many=True,
            links=[links.to_slow_requests(), links.to_dashboard("Pools", "rehearsal-pools")],
        ),
    )


def _errors() -> Panel:
    broken = of_app("http_server_requests_total", 'status=~"5.."', NOT_PROBES)
    lost = of_run("generator_outcomes_total", 'outcome=~"failed|unknown"')
    return timeseries(
        "Failed or no answer so far, as students and as the app count it",
        "Answers that students wanted and did not get, as the generator counts them, and errors "
        "that the app answered with, by route; probes are not counted.",
        [
            Query(so_far(lost, "outcome", outcome="failed"), "{{outcome}}"),
            Query(
                so_far(broken, "route", "status", status="none", route="yet"),
                "{{status}} {{route}}",
            ),
        ],
        span=24,
        height=7,
        limits=fail_from(1),
        stepped=True,
        many=True,
        colours=colours.OUTCOMES,
        links=[links.to_slow_requests()],
    )


def _waiting_room() -> Panel:
    joined, admitted, inside = (
        of_run(f"waiting_room_{name}") for name in ("joined", "watermark", "inside")
    )
    streams = of_app("waiting_room_streams")
    # Each worker knows the newest it heard of, and the one that knows most may not be scraped.
    most_joined, most_admitted = highest(joined), highest(admitted)
    left_out = f"clamp_min({most_joined} - {most_admitted}, 0)"
    return timeseries(
        "Queue so far",
        "Students who joined and students admitted. Who is not admitted waits, or was told that it "
        "is sold out. Inside are those admitted and not yet answered; streams tell waiting "
        "students their place. Zero where the plan has no waiting room.",
        [
            Query(or_absent(most_joined, joined), "joined", colours.GREY),
            Query(or_absent(most_admitted, admitted), "admitted", colours.OK),
            Query(or_absent(left_out, joined), "not admitted", colours.UNKNOWN),
            Query(or_absent(f"max({inside})", inside), "inside", colours.SERVER),
            Query(or_absent(f"sum({streams})", streams), "streams open", colours.FELT_P99),
        ],
        span=24,
        stepped=True,
    )


def _logs() -> Panel:
    return logs(
        "Logs of the run",
        "One JSON object a line. Put a trace id into the field at the top for one request's "
        "lines; the link in this panel's corner opens slow requests.",
        links.LOGS,
        links=[links.to_slow_requests()],
    )
