"""The schemas of the tables a run leaves behind (Arrow), and the words their columns use.

All times are int64 nanoseconds since the Unix epoch; a null means the event did not happen or
could not be measured. `student` is the position on the roster, never the student number.
"""

from typing import Final

import pyarrow as pa

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
"""Nanoseconds in a millisecond and in a second: what every time of these tables is divided by."""

OUTCOMES: Final = ("ok", "refused", "failed", "unknown")
"""A request's outcome. `unknown`: cut or timed out, so it may have taken effect."""

ABANDONED: Final = "abandoned"
"""Word in `error` of a request whose student needed the answer no more; its `outcome` is still
`failed` or `unknown`, for the audit must know whether it may have taken effect."""

JOURNEYS: Final = (
    "eager",
    "late",
    "outsider",
    "double-clicker",
    "multi-device",
    "queue-jumper",
    "bot",
)
"""What kind of student it is."""

STUDENT_OUTCOMES: Final = (
    "never_started",
    "in_flight",
    "ticket",
    "sold_out",
    "refused",
    "gave_up",
    "failed",
    "unknown",
)
"""Where a student's story ended; each student has exactly one (the census)."""

NO_FREE_PORT: Final = "no_free_port"
"""The word in `error` where this machine had no local port left for a connection."""

CONNECT_ERRORS: Final = (
    "connect_refused",
    "connect_timeout",
    "connect_failed",
    NO_FREE_PORT,
    "too_many_files",
    "tls_failed",
    "certificate_untrusted",
    "certificate_expired",
    "certificate_mismatch",
    "proxy_refused",
    "redirect_refused",
    "too_many_redirects",
    "host_refused",
)
"""Words in `error` of requests that had no connection: the target cannot have seen them."""

OWN_WORDS: Final = (
    ABANDONED,
    *CONNECT_ERRORS,
    "timeout",
    "cut",
    "defect",
    "connection_reset",
    "connection_lost",
    "tls_broken",
    "protocol_error",
    "encoding_error",
    "head_too_large",
    "body_too_large",
    "event_too_large",
    "not_json",
    "no_token",
    "no_ticket",
    "stream_ended",
    "not_a_stream",
)
"""The generator's own words in `error`, for answers that never came or were none; no target's."""

NOT_KEPT: Final = "not_kept"
"""The phase on the timeline that says how many values of the target's could not be kept."""

SCENARIO_TROUBLES: Final = "scenario_troubles"
"""The phase on the timeline that says what went wrong with somebody's own scenario, how often."""

MOST_WORDS: Final = 1000
"""Words of a column that are the target's and kept: who makes up a word an answer would make it
grow without end, and past what its codes can count."""

LOOP_BUSY: Final = "loop_busy"
"""The phase on the timeline that says how long a loop stood still, and in whose code."""

CLIENT_POOLS: Final = ("postgres", "redis", "redis_lock", "sqs", "kafka", "enrolment")
"""Words in the label `pool` of the app's own metrics: what its requests wait for. The last four
are only there where the strategy or the plan has them."""

_WORD = pa.dictionary(pa.int16(), pa.string())

CLAIMS: Final = pa.schema(
    [
        ("told_now_ns", pa.int64()),  # the target's own time
        ("told_opens_ns", pa.int64()),  # when the sale opens
        ("told_state", _WORD),  # waiting, open, sold_out; of a ticket pending, issued
        ("told_remaining", pa.int32()),  # tickets left
        ("told_tickets", pa.int32()),  # … that there are in all
        ("told_position", pa.int32()),  # place in the queue, from 1
        ("told_ahead", pa.int32()),  # students to be let in before
        ("told_admitted", pa.bool_()),  # whether it is the student's turn
        ("told_number", pa.int32()),  # of the ticket, in the order of grants
        ("told_ticket", pa.string()),  # that a ticket's page, a purchase or a QR code names
        ("told_code", pa.int64()),  # digest of what a QR code holds
    ]
)
"""What an answer of a success tells; null where it does not say so (of a stream: the first place).

A run of before these were recorded has none of them."""

_ASKED: Final = pa.schema(
    [
        ("intended_ns", pa.int64()),  # when the student meant to act
        ("sent_ns", pa.int64()),  # first packet: of the request, or of a new connection (SYN)
        ("first_byte_ns", pa.int64()),  # kernel receive time of the answer's first bytes
        ("done_ns", pa.int64()),  # … and of its last; of the failure when there is no answer
        ("read_ns", pa.int64()),  # when the generator got round to reading the last bytes
        ("student", pa.int32()),
        ("seq", pa.int32()),  # counts this student's requests from 0
        ("device", pa.int8()),  # 0 the student's first connection, 1… extra ones
        ("journey", _WORD),
        ("step", _WORD),  # its name, of `steps.json`
        ("status", pa.int16()),  # HTTP status, 0: none
        ("outcome", _WORD),
        ("error", _WORD),  # problem code or the client's own word; null on ok
        ("bytes", pa.int32()),  # of the answer, head and body
        ("new_connection", pa.bool_()),
        ("connect_us", pa.int32()),  # null unless new_connection
    ]
)

TIMINGS: Final = pa.schema(
    [
        ("queue_us", pa.int32()),
        ("pool_us", pa.int32()),
        ("db_connect_us", pa.int32()),
        ("db_us", pa.int32()),
        ("redis_connect_us", pa.int32()),
        ("redis_us", pa.int32()),
        ("external_us", pa.int32()),
        ("app_us", pa.int32()),
        ("pool", _WORD),  # the pool that was waited for longest, of CLIENT_POOLS; null: none named
        ("worker", _WORD),  # the pid of the worker that answered; null where it is not said
    ]
)
"""What an answer's `Server-Timing` says; null where it does not, or nobody measured it."""

TIMES: Final = tuple(field.name for field in TIMINGS if field.type == pa.int32())
TIMING_WORDS: Final = tuple(field.name for field in TIMINGS if field.type == _WORD)

REQUESTS: Final = pa.schema([*_ASKED, *TIMINGS, *CLAIMS])
"""A request as it is judged."""

SERVER_TIMING: Final = "server_timing"
REQUEST_SHARDS: Final = pa.schema([*_ASKED, (SERVER_TIMING, pa.binary()), *CLAIMS])
"""A request as it is recorded: with the header as it came, null where there was none, in place of
`TIMINGS`, which shards of before hold themselves."""

STUDENTS: Final = pa.schema(
    [
        ("student", pa.int32()),
        ("journey", _WORD),
        ("enrolled", pa.bool_()),
        ("arrival_ns", pa.int64()),  # intended
        ("clicked_ns", pa.int64()),  # intended time of the first try to buy
        ("outcome", _WORD),  # of STUDENT_OUTCOMES
        ("ticket", pa.string()),  # as acknowledged by the target
        ("acked_ns", pa.int64()),  # when the acknowledgement arrived
        ("issued_ns", pa.int64()),  # when the target first said the ticket is issued
        ("attempts", pa.int16()),  # tries to buy
        ("more_tickets", pa.list_(pa.string())),  # other ones acknowledged; null: none (or older)
        ("pending_ns", pa.int64()),  # when the target first said that one is being issued
        ("pending_tickets", pa.list_(pa.string())),  # … and which; null: it said so of none
        ("open_tickets", pa.list_(pa.string())),  # those of them without a yes or a no by the end
    ]
)

METRICS: Final = pa.schema(
    [
        ("t_ns", pa.int64()),
        ("source", _WORD),  # app:<pid>, writeback:<pid>, postgres, redis, kernel, processes, …
        ("name", _WORD),  # Prometheus spelling
        ("labels", _WORD),  # JSON object, keys sorted, without source
        ("value", pa.float64()),
    ]
)

LEDGER: Final = pa.schema(
    [
        ("source", _WORD),  # postgres, redis, gate (a row an admission), queue (still unwritten)
        ("ticket", pa.string()),
        ("student", pa.int32()),  # -1: not on the roster at all
        ("number", pa.int32()),  # order of grant as the store has it, from 1
        ("granted_ns", pa.int64()),
        ("committed_ns", pa.int64()),  # null where the store does not say
    ]
)

BEFORE: Final = ":before"
"""Ending of the source of rows that say who held a ticket before the first arrival."""

_PENDING: Final = ("pending_ns", "pending_tickets", "open_tickets")

LATER: Final = frozenset(
    (
        *CLAIMS.names,
        *("more_tickets", *_PENDING),
        *(SERVER_TIMING, *TIMINGS.names),
    )
)
"""Columns that runs of earlier versions have not, or those of later ones."""
