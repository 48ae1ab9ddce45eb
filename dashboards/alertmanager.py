"""Alertmanager's configuration: alerts of one kind in one rehearsal are one message in Slack."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dress_rehearsal.dashboards.errors import DashboardsError

_ROUTE: Final = """\
# One message for an alert of a rehearsal, however many pools and workers it is about. A rehearsal
# is over in a minute, so nothing is saved up for longer than a second.
route:
  receiver: {receiver}
  group_by: [run, alertname]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 1h

# The worse alert says it all.
inhibit_rules:
  - source_matchers: [alertname = PoolExhausted]
    target_matchers: [alertname = PoolWaitHigh]
    equal: [run, pool]
  - source_matchers: [alertname = WritebackBacklogHigh]
    target_matchers: [alertname = WritebackOld]
    equal: [run]
"""
_NOBODY: Final = """
# Nobody is told: alerts are shown by Alertmanager and Grafana only.
receivers:
  - name: nobody
"""
_SLACK: Final = """
receivers:
  - name: slack
    slack_configs:
      - send_resolved: true
        color: >-
          {{ if ne .Status "firing" }}good{{ else if eq .CommonLabels.severity "critical" -}}
          danger{{ else }}warning{{ end }}
        title: >-
          {{ if ne .Status "firing" }}Over:{{ else if eq .CommonLabels.severity "critical" -}}
          :rotating_light:{{ else }}:warning:{{ end }}
          {{ .GroupLabels.alertname }} in {{ .GroupLabels.run }}
        text: |-
          {{ range .Alerts.Firing }}*{{ .Annotations.summary }}*
          {{ .Annotations.description }}
          {{ end }}{{ range .Alerts.Resolved }}Over: {{ .Annotations.summary }}
          {{ end }}
        fallback: >-
          {{ .GroupLabels.alertname }} in {{ .GroupLabels.run }}:
          {{ range .Alerts }}{{ .Annotations.summary }}. {{ end }}
        footer: Dress Rehearsal
"""
_LINK: Final = "/d/{{ .CommonAnnotations.dashboard }}?var-run={{ .GroupLabels.run }}"


def config_text(*, webhook_file: str | None, grafana: str | None = None) -> str:
    """Return `alertmanager.yml`.

    Args:
        webhook_file: the file that holds the URL of a Slack webhook, read anew for every message;
            none: nobody is told. The URL itself is never part of the configuration.
        grafana: where Grafana is, such as `http://127.0.0.1:3000`: messages then link to the
            dashboard that shows why.
    """
    if webhook_file is None:
        return _ROUTE.format(receiver="nobody") + _NOBODY
    secret = f"global:\n  slack_api_url_file: {json.dumps(webhook_file, ensure_ascii=False)}\n\n"
    link = ""
    if grafana is not None:
        link = f"        title_link: {json.dumps(grafana.rstrip('/') + _LINK)}\n"
    return secret + _ROUTE.format(receiver="slack") + _SLACK + link


def write_config(
    folder: Path, *, webhook_file: Path | None = None, grafana: str | None = None
) -> Path:
    """Write `alertmanager.yml` into `folder`, see `config_text`, and give its path.

    Raises:
        DashboardsError: it cannot be written.
    """
    config = folder / "alertmanager.yml"
    secret = None if webhook_file is None else str(webhook_file.absolute())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.write_text(config_text(webhook_file=secret, grafana=grafana), "utf-8")
    except OSError as error:
        raise _unwritable(config, error) from error
    return config


def write_webhook(folder: Path, environment: Mapping[str, str], variable: str) -> Path | None:
    """Write the webhook's URL from an environment variable to a file that only we may read.

    Gives the file, for `write_config`, or none where the variable is not set.

    Raises:
        DashboardsError: it cannot be written.
    """
    url = environment.get(variable, "").strip()
    if not url:
        return None
    secret = folder / "slack-webhook"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        secret.unlink(missing_ok=True)
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(url)
    except OSError as error:
        raise _unwritable(secret, error) from error
    return secret


def _unwritable(path: Path, error: OSError) -> DashboardsError:
    return DashboardsError(
        f"{path} cannot be written: {error.strerror or error}; free some space there or choose "
        f"another folder."
    )
