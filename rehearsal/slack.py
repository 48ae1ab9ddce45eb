"""Posts the verdict to a Slack incoming webhook, or to a receiver that takes the same.

The webhook's URL is the secret: it is read from the environment, and neither it nor an error of a
library, which may quote it, is shown. Whatever happens here changes no verdict.
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import html
import json
import re
import textwrap
from typing import Final
from urllib.parse import quote, urlsplit

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.environment_variables import given
from dress_rehearsal.records.http import KIB, NoAnswerError, ask
from dress_rehearsal.rehearsal.signals import interruptible
from dress_rehearsal.reports.doubts import where_it_fails
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.words import (
    SIGNS,
    counted,
    written,
)

_TIMEOUT_S: Final = 10.0
_LIMIT_BYTES: Final = 64 * KIB
_LONGEST: Final = 600
"""Characters of a line, before they are escaped; Slack shows messages of 4,000."""
_NOTE_LONGEST: Final = 300
_MOST_NOTES: Final = 3


def notify(plan: Plan, verdict: Verdict, timeout_s: float = _TIMEOUT_S) -> str | None:
    """Post a verdict if the plan asks for it; return a sentence on what went wrong, or None.

    Args:
        timeout_s: how long the receiver may take, from the first packet to the last.
    """
    variable = plan.notify.slack_webhook_env
    if variable is None or (plan.notify.when == "not_pass" and verdict.verdict == "pass"):
        return None
    url = (given(variable) or "").strip()
    wrong = _wrong_url(url)
    try:
        with interruptible():  # in what is not, as all is judged by now
            trouble = _post(url, slack_text(plan, verdict), timeout_s) if wrong is None else wrong
    except KeyboardInterrupt:
        return "Interrupted: the verdict stands, and was not posted to Slack."
    if trouble is None:
        return None
    return f"The verdict was not posted to Slack, by the webhook in {variable}: {trouble}."


def slack_text(plan: Plan, verdict: Verdict) -> str:
    """Return the message: the verdict, why, the cause, what was run, notes, where to read on."""
    word = f"{verdict.verdict.upper()}{where_it_fails(verdict)}"
    lines = [f"{SIGNS[verdict.verdict]} {word}: {plan.name}"]
    lines += verdict.reasons[:1]
    if verdict.reasons[1:]:
        lines.append(f"… and {written(len(verdict.reasons) - 1)} more; see the report.")
    lines += [verdict.cause, f"Run: {verdict.ran}"]
    shown = [_escaped(line) for line in lines]
    shown += [_escaped(f"Note: {note}", _NOTE_LONGEST) for note in verdict.notes[:_MOST_NOTES]]
    if verdict.notes[_MOST_NOTES:]:
        shown.append(f"… and {counted(len(verdict.notes) - _MOST_NOTES, 'more note')}.")
    if plan.notify.reports_url is None:
        return "\n".join([*shown, _escaped(f"Run {verdict.run}")])
    report = f"{plan.notify.reports_url}/{quote(verdict.run)}/report.html"
    return "\n".join([*shown, f"<{report}|Read the report>"])


def _escaped(line: str, longest: int = _LONGEST) -> str:
    """Return a line that Slack shows as it is, shortened before it is escaped: no entity is cut."""
    return html.escape(textwrap.shorten(visible_line(line), longest, placeholder=" …"), quote=False)


def _wrong_url(url: str) -> str | None:
    """Return why nothing is sent to a webhook's URL, without quoting it; None: it may be."""
    if not url:
        return "the variable is not set"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "what it holds is not a URL"
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or ""))
    if not encrypted or not host or "@" in parts.netloc:
        return "what it holds is not an https URL without a login"
    return None


def _post(url: str, text: str, timeout_s: float) -> str | None:
    try:
        answer = ask(
            "POST",
            url,
            body=json.dumps({"text": text}).encode(),
            headers={"Content-Type": "application/json; charset=utf-8"},
            deadline_s=timeout_s,
            limit_bytes=_LIMIT_BYTES,
        )
    except NoAnswerError as error:
        return f"the receiver gave no answer: {error}"
    if 200 <= answer.status < 300:
        return None
    word = answer.body[:100].decode("utf-8", "replace").strip()
    # Slack's word for what is wrong; a page that says more may quote what was sent.
    said = f" {word}" if re.fullmatch("[a-z_]{1,60}", word) else ""
    return f"the receiver answered {answer.status}{said}"
