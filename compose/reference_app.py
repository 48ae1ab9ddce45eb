"""The reference app's processes: its settings from the plan, and its secrets."""

import secrets
from pathlib import Path

from dress_rehearsal.plans import Plan, slo_edges_s, wait_edges_s
from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.records.tables import NS_PER_S

_NOT_YET_NS = 4_102_444_800 * NS_PER_S  # the year 2100: no sale before the conductor says so
_SECRET_BYTES = 32


class ReferenceApp:
    """The environment its processes share.

    Args:
        neighbours_url: where its neighbours answer; None where the plan wants none.
        queue_at: where the queue of the plan's strategy answers, as its client takes it; None
            where it has none.
        allow_faults: let its faults be switched on although the plan has none.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        dsn: str,
        redis_url: str,
        roster: Path,
        targets_dir: Path,
        neighbours_url: str | None,
        queue_at: str | None,
        allow_faults: bool,
    ) -> None:
        self.admin_token = new_secret()
        self.entry_token = new_secret()
        self.neighbours_token = new_secret()
        self.writebacks = plan.app.writeback_workers if plan.app.strategy.writes_back else 0
        self.workers = plan.app.workers
        self.secrets = {
            "APP_DATABASE_DSN": dsn,
            "APP_REDIS_URL": redis_url,
            "APP_JWT_SECRET": new_secret(),
            "APP_QR_SECRET": new_secret(),
            "APP_PIN_SECRET": new_secret(),
            "APP_ADMIN_TOKEN": self.admin_token,
            "APP_GATE_TOKEN": self.entry_token,
        }
        """What nobody else may read; never on a command line."""
        self.settings = {
            "APP_HOST": "127.0.0.1",
            "APP_WORKERS": str(plan.app.workers),
            "APP_BACKLOG": str(plan.app.backlog),
            "APP_ALLOCATION": plan.app.allocation,
            "APP_POSTGRES_POOL": str(plan.app.postgres_pool),
            "APP_POSTGRES_POOL_TIMEOUT": str(plan.app.postgres_pool_timeout),
            "APP_REDIS_POOL": str(plan.app.redis_pool),
            "APP_REDIS_POOL_TIMEOUT": str(plan.app.redis_pool_timeout),
            "APP_SLO_SECONDS": _limits_s(plan),
            "APP_EVENT": plan.event.id,
            "APP_TICKETS": str(plan.event.tickets),
            "APP_OPENS_AT_NS": str(_NOT_YET_NS),
            "APP_WAITING_ROOM": plan.app.waiting_room,
            "APP_ADMISSION_RATE": str(plan.app.admission_rate),
            "APP_ADMISSION_CAP": str(plan.app.admission_cap),
            "APP_FAULTS": "on" if plan.faults or allow_faults else "off",
            "APP_ROSTER_FILE": str(roster),
            "APP_TARGETS_DIR": str(targets_dir),
            "APP_LOG_LEVEL": "info",
        }
        """What else its processes are told."""
        if neighbours_url is not None:
            self.settings |= _neighbourhood(plan, neighbours_url)
            self.secrets["NEIGHBOURS_TOKEN"] = self.neighbours_token
        # Of its own name: what an earlier run left in its queue is none of this one's.
        queue = f"grants-{secrets.token_hex(4)}"
        if queue_at is not None and plan.app.strategy.queue == "sqs":
            self.secrets |= {
                "AWS_ACCESS_KEY_ID": "rehearsal",
                "AWS_SECRET_ACCESS_KEY": new_secret(),
            }
            self.settings |= {
                "APP_SQS_ENDPOINT": queue_at,
                "APP_SQS_QUEUE": queue,
                "AWS_DEFAULT_REGION": "eu-central-1",
            }
        if queue_at is not None and plan.app.strategy.queue == "kafka":
            self.settings |= {"APP_KAFKA_BOOTSTRAP": queue_at, "APP_KAFKA_TOPIC": queue}

    def environment(self, port: int) -> dict[str, str]:
        """Return the environment of one of its processes, where a server listens on `port`."""
        ports = {"APP_PORT": str(port), "NEIGHBOURS_PORT": str(port)}
        return child_environment(self.settings | self.secrets | ports)


def new_secret() -> str:
    """Return one that nobody guesses."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def _limits_s(plan: Plan) -> str:
    """Return the limits of the plan's gates on response times and on waits for pools, in seconds:
    edges of the app's histograms, to the last digit: an edge beside a limit decides nothing."""
    return ",".join(repr(edge) for edge in sorted({*slo_edges_s(plan), *wait_edges_s(plan)}))


def _neighbourhood(plan: Plan, url: str) -> dict[str, str]:
    """Tell the app where its neighbours are, and them how to behave."""
    return {
        "APP_ENROLMENT_URL": f"{url}/enrolment",
        "APP_ENROLMENT_LIMIT": str(plan.app.enrolment_limit),
        "APP_ENROLMENT_TIMEOUT": str(plan.app.enrolment_timeout),
        "APP_ALERT_URL": f"{url}/alerts",
        "NEIGHBOURS_LATENCY": str(plan.app.enrolment_latency),
        "NEIGHBOURS_FAILURES": str(plan.app.enrolment_failures),
    }
