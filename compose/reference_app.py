"""The reference app's processes: its settings from the plan, and its secrets."""

import secrets
import signal
from collections.abc import Mapping
from pathlib import Path

from compose.component import Recipe, inherited_environment, python_module
from plans import Plan

_NOT_YET_NS = 4_102_444_800 * 10**9  # the year 2100: no sale before the conductor says so
_SECRET_BYTES = 32


class ReferenceApp:
    """The environment its processes share, and how each of them is started."""

    def __init__(
        self, plan: Plan, *, dsn: str, redis_url: str, roster: Path, targets_dir: Path
    ) -> None:
        self.admin_token = secrets.token_urlsafe(_SECRET_BYTES)
        self.gate_token = secrets.token_urlsafe(_SECRET_BYTES)
        self.has_writeback = plan.app.allocation == "redis_writeback"
        self.workers = plan.app.workers
        # Secrets travel in the environment only: command lines and files can be read by others.
        self._settings = {
            "APP_HOST": "127.0.0.1",
            "APP_WORKERS": str(plan.app.workers),
            "APP_BACKLOG": str(plan.app.backlog),
            "APP_DATABASE_DSN": dsn,
            "APP_REDIS_URL": redis_url,
            "APP_ALLOCATION": plan.app.allocation,
            "APP_POSTGRES_POOL": str(plan.app.postgres_pool),
            "APP_POSTGRES_POOL_TIMEOUT": str(plan.app.postgres_pool_timeout),
            "APP_REDIS_POOL": str(plan.app.redis_pool),
            "APP_REDIS_POOL_TIMEOUT": str(plan.app.redis_pool_timeout),
            "APP_EVENT": plan.event.id,
            "APP_TICKETS": str(plan.event.tickets),
            "APP_OPENS_AT_NS": str(_NOT_YET_NS),
            "APP_ROSTER_FILE": str(roster),
            "APP_TARGETS_DIR": str(targets_dir),
            "APP_LOG_LEVEL": "info",
            "APP_JWT_SECRET": secrets.token_urlsafe(_SECRET_BYTES),
            "APP_QR_SECRET": secrets.token_urlsafe(_SECRET_BYTES),
            "APP_PIN_SECRET": secrets.token_urlsafe(_SECRET_BYTES),
            "APP_ADMIN_TOKEN": self.admin_token,
            "APP_GATE_TOKEN": self.gate_token,
        }

    def recipe(
        self,
        name: str,
        module: str,
        *,
        port: int,
        marker: Mapping[str, str],
        logs: Path,
        folder: Path,
        patience_s: float,
    ) -> Recipe:
        """Start one of its modules; SIGTERM has it finish what it is doing."""
        settings = {**self._settings, "APP_PORT": str(port)}
        return Recipe(
            name=name,
            argv=python_module(module),
            environment={**inherited_environment(), **settings, **marker},
            log=logs / f"{name}.jsonl",
            folder=folder,
            stop_signals=((signal.SIGTERM, patience_s),),
        )
