"""What the numbers of a run are called, wherever people read them: one name for one thing.

The keys are those of `verdict.json`, of gates and of metrics. The page, the terminal and the boards
of Grafana take their words from here.
"""

from typing import Final, NamedTuple


class Name(NamedTuple):
    """What a number is called, and what it counts."""

    title: str
    meaning: str

    @property
    def words(self) -> str:
        """The title within a sentence."""
        return self.title[:1].lower() + self.title[1:]


ENDS: Final = {
    "ticket": Name("Ticket", "were told of a ticket: granted, or still being issued"),
    "sold_out": Name("Sold out", "were told that no ticket is left"),
    "refused": Name("Refused", "may not buy, and were told so"),
    "gave_up": Name("Gave up", "lost patience or ran out of attempts"),
    "failed": Name(
        "Failed", "met an error and did not try again; no try to buy was left without an answer"
    ),
    "unknown": Name(
        "Unknown",
        "had no answer to a try to buy, and nothing later settled it; may or may not hold a ticket",
    ),
    "never_started": Name("Never started", "did not act at all, or left no record"),
    "in_flight": Name("In flight", "were still under way when the run ended"),
}
"""Where students' stories end: the census."""

WRONGS: Final = {
    "oversold": Name(
        "Oversold",
        "tickets beyond the last one there was, or for a place that was sold already, whichever is "
        "more",
    ),
    "duplicate_students": Name("Duplicates", "tickets beyond the one a student may have"),
    "wrong_owner": Name("Wrong owner", "tickets of somebody else than who was told of them"),
    "acked_but_missing": Name(
        "Lost tickets", "students told of a ticket for which there is no row"
    ),
    "held_without_ack": Name(
        "Unannounced tickets",
        "students who hold a ticket and whose answers told them of none. Students without an "
        "answer are not counted",
    ),
    "ineligible": Name("Ineligible holders", "tickets of people who may not buy"),
    "sold_early": Name("Sold early", "tickets granted before T-0"),
    "early_admissions": Name("Let in early", "students let in before T-0"),
    "false_sold_out": Name("False sold out", "students sent away though tickets were left"),
    "false_too_early": Name("Told too early", "students told so who clicked after T-0"),
    "false_not_enrolled": Name("Told not enrolled", "students of the roster told not to be on it"),
    "false_already_holds": Name(
        "Told they have one", "students told that they have a ticket who cannot have had one"
    ),
    "false_not_admitted": Name("Not let in", "students told that it was their turn, then that not"),
    "lost_places": Name("Lost places", "students who had joined the queue and were not in it"),
    "lost_sessions": Name("Lost sessions", "students who had logged in and were told to log in"),
    "refused_logins": Name("Refused logins", "students refused with the roster's number and PIN"),
    "false_issued": Name("Issued too soon", "students told so before their ticket's row was there"),
    "wrong_code": Name(
        "Wrong QR codes", "holders shown another's ticket or code, or a code given to another too"
    ),
    "false_number": Name("Wrong numbers", "holders shown a number that is not their ticket's"),
    "false_place": Name("Wrong places", "students told a place in the queue that was not theirs"),
    "false_countdown": Name("Wrong countdown", "students told a wrong time until T-0"),
    "false_state": Name("Wrong state", "students told not open, open or sold out when it was not"),
    "false_remaining": Name("Wrong number left", "students told of more tickets left, or of fewer"),
    "replays_refused": Name("Repeats refused", "students not given their ticket on clicking again"),
    "false_rejections": Name("Rejections", "students whose well-formed request was called faulty"),
    "denied_tickets": Name(
        "Denied tickets",
        "holders told that their ticket is unknown or pending, or whose QR code failed again and "
        "again. Students without an answer are not counted",
    ),
    "refused_entry": Name("Refused entry", "holders sent away at the entrance with a good code"),
    "store_drift": Name("Store drift", "tickets that two stores disagree about"),
    "stuck_students": Name("Stuck", "students promised a ticket that was never issued"),
    "double_entry": Name("Double entry", "people let in on a ticket that had been used already"),
    "lost_entries": Name("Entries lost", "students let in whose entry was never written"),
    "lost_views": Name("Lost views", "page views by which the event's counter is off"),
}
"""Who may have been wronged, and how: the audit's counters."""

POOLS: Final = {
    "postgres": "PostgreSQL pools",
    "redis": "Redis pools",
    "enrolment": "Calls to the enrolment API",
    "redis_lock": "The sale's lock in Redis",
    "sqs": "Calls to the queue (SQS)",
    "kafka": "Sends to the topic (Kafka)",
    "write_back": "Write-back queue",
    "accept_queue": "Kernel's accept queue",
    "max_connections": "PostgreSQL's connections",
    "cpu": "Machine's CPU",
    "app_loop": "App's event loops",
    "generator_loop": "Generator's loop",
    "app_cpu_limit": "App's CPU limit",
    "nginx_cpu_limit": "nginx's CPU limit",
    "postgres_cpu_limit": "PostgreSQL's CPU limit",
    "redis_cpu_limit": "Redis' CPU limit",
    "kafka_cpu_limit": "Kafka's CPU limit",
    "sqs_cpu_limit": "The queue service's CPU limit",
    "writeback_cpu_limit": "Write-back's CPU limit",
    "neighbours_cpu_limit": "Neighbours' CPU limit",
}
"""What requests wait for."""


def pool_words(name: str) -> str:
    """Return a pool as people call it; one that is not known by its own name."""
    return POOLS.get(name, name)
