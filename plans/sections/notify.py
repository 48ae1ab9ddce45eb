"""The `[notify]` table: who is told of the verdict, and of alerts while the rehearsal goes on."""

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from dress_rehearsal.plans.types import Section

_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
"""In capitals, as variables are named: a token, put there by mistake, is rarely."""


def _published(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("expected a URL") from error
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise ValueError("expected an http or https URL, such as https://ci.example.org/runs")
    if parts.username is not None or parts.query or parts.fragment or set("<>|") & set(url):
        raise ValueError("expected a URL that runs can be put below, without login, ? or #")
    return url.rstrip("/")


class Notify(Section):
    """Who is told of the verdict; nobody, unless a webhook is named."""

    slack_webhook_env: str | None = None
    """Name of the environment variable that holds the webhook's URL, which is a secret."""
    when: Literal["always", "not_pass"] = "always"
    """Which verdicts are posted."""
    reports_url: Annotated[str, Field(max_length=500), AfterValidator(_published)] | None = None
    """Where the folder of runs is published, for links to reports."""
    alertmanager: Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$")] | None = (
        None
    )
    """Where an Alertmanager takes Prometheus' alerts, such as `127.0.0.1:9093`."""

    @model_validator(mode="before")
    @classmethod
    def _names_no_secret(cls, values: Any) -> Any:
        # For the whole table: a message about one key shows its value, which may be the secret.
        name = values.get("slack_webhook_env") if isinstance(values, dict) else None
        if isinstance(name, str) and not _VARIABLE.fullmatch(name):
            raise ValueError(
                "slack_webhook_env must be the name of an environment variable in capitals, such "
                "as SLACK_WEBHOOK_URL; the webhook's URL is a secret and does not belong in a plan"
            )
        return values
