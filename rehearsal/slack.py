"""Posts the verdict to a Slack incoming webhook, or to a receiver that takes the same.

The URL is the secret: it is read from the environment, and neither it nor an error of a library,
which would quote it, is shown. Whatever happens here changes no verdict.
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import http.client
import itertools
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.evidence import PURCHASE
from dress_rehearsal.reports.figures.palette import count, milliseconds, offset
from dress_rehearsal.reports.figures.pools import POOL_WORDS
from dress_rehearsal.reports.schema import Status, Verdict

FIGURE: Final = "figures/arrivals.png"
"""The figure of the story, as PNG: Slack shows no SVG."""

_HEADER, _TEXT, _FIELD = 150, 3_000, 2_000
_SIGN: Final[dict[Status, str]] = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}
_MARKED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Message = dict[str, Any]


def slack_message(plan: Plan, run: RunDirectory, verdict: Verdict) -> Message:
    """Put a verdict, its key figures and its reasons into a message.

    With `notify.reports_url` it links the report, and shows the figure if the run has it.
    """
    title = f"{_SIGN[verdict.verdict]} {verdict.verdict.upper()}: {plan.name}"
    figures = key_figures(plan, verdict)
    reasons = _bulleted(verdict.reasons, _TEXT)
    blocks: list[Message] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(title, _HEADER)}},
        {
            "type": "section",
            "fields": [
                _mrkdwn(f"*{name}*\n{escaped(value, _FIELD - len(name) - 3)}")
                for name, value in figures
            ],
        },
    ]
    if reasons:
        blocks.append({"type": "section", "text": _mrkdwn(reasons)})
    lines = [escaped(title, _HEADER)]
    lines += [f"{name}: {escaped(value, _FIELD)}" for name, value in figures]
    report = _published(plan, run, "report.html")
    if report is not None:
        blocks.append({"type": "section", "text": _mrkdwn(f"<{report}|Read the report>")})
        lines.append(f"<{report}|Read the report>")
        image = _published(plan, run, FIGURE)
        if image is not None and (run.path / FIGURE).is_file():
            alt = cut(f"{title}. {' '.join(verdict.reasons)}", _FIELD)
            blocks.append({"type": "image", "image_url": image, "alt_text": alt})
    blocks.append({"type": "context", "elements": [_mrkdwn(escaped(f"Run {run.id}", _FIELD))]})
    head = "\n".join(lines)
    return {
        "text": f"{head}\n{_bulleted(verdict.reasons, _TEXT - len(head) - 1)}",
        "blocks": blocks,
    }


def without_figure(message: Message) -> Message | None:
    """Return the message without its image; None when it has none."""
    kept = [block for block in message["blocks"] if block["type"] != "image"]
    return {**message, "blocks": kept} if len(kept) < len(message["blocks"]) else None


def key_figures(plan: Plan, verdict: Verdict) -> list[tuple[str, str]]:
    """Return the numbers everybody asks for first, in words."""
    census, bought = verdict.census, verdict.latency_ms.get(PURCHASE)
    first = verdict.bottleneck
    p99 = bought.p99 if bought else None
    return [
        ("Tickets", f"{count(census.ticket)} of {count(plan.event.tickets)} held by students"),
        ("Told sold out", count(census.sold_out, "student")),
        ("Buying, p99", "not measured" if p99 is None else f"{milliseconds(p99)} felt"),
        (
            "Saturated first",
            "nothing was seen to saturate"
            if first is None
            else f"{POOL_WORDS.get(first.resource, first.resource)} at {offset(first.since_s)}",
        ),
        ("Wronged", _wrongs(verdict)),
        ("Students", f"{count(census.students)}, {_lost(verdict)}"),
    ]


def escaped(text: str, limit: int) -> str:
    """Return text that Slack shows as it is, at most so long; no entity is cut in two."""
    parts = [_MARKED.get(each, each) for each in text]
    if sum(map(len, parts)) <= limit:
        return "".join(parts)
    ends = itertools.accumulate(map(len, parts))
    kept = sum(1 for end in ends if end < limit)
    return "".join([*parts[:kept], "…"])


def cut(text: str, limit: int) -> str:
    """Return plain text, at most so long."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _bulleted(sentences: Sequence[str], limit: int) -> str:
    """List the sentences; those that do not fit any more are counted."""
    room = limit - len("\n… and 1,000 more; see the report.")
    lines: list[str] = []
    for number, sentence in enumerate(sentences):
        line = f"• {escaped(' '.join(sentence.split()), room - 2)}"
        if sum(len(each) + 1 for each in lines) + len(line) > room:
            left = len(sentences) - number
            lines.append(f"… and {left:,} more; see the report.")
            break
        lines.append(line)
    return "\n".join(lines)


def _wrongs(verdict: Verdict) -> str:
    counters = verdict.audit.model_dump(exclude={"settle_ms"})
    found = [f"{number:,} {name.replace('_', ' ')}" for name, number in counters.items() if number]
    blind = [name.replace("_", " ") for name, number in counters.items() if number is None]
    said = ", ".join(found) or "nobody"
    return f"{said} (not audited: {', '.join(blind)})" if blind else said


def _lost(verdict: Verdict) -> str:
    census = verdict.census
    open_ends = {
        "gave up": census.gave_up,
        "failed": census.failed,
        "unknown": census.unknown,
        "in flight": census.in_flight,
        "never started": census.never_started,
    }
    said = [f"{number:,} {word}" for word, number in open_ends.items() if number]
    return ", ".join(said) or "all of them answered"


def _published(plan: Plan, run: RunDirectory, name: str) -> str | None:
    base = plan.notify.reports_url
    return None if base is None else f"{base}/{quote(run.id)}/{name}"


def _mrkdwn(text: str) -> Message:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


_TIMEOUT_S: Final = 10.0
_LONGEST_WAIT_S: Final = 30.0
_NOT_POSTED: Final = "The verdict was not posted to Slack"
_MEANINGS: Final = {
    "invalid_token": "the webhook was revoked",
    "no_service": "there is no such webhook, or it was revoked",
    "no_team": "its workspace is gone",
    "channel_not_found": "its channel is gone",
    "channel_is_archived": "its channel is archived",
    "action_prohibited": "an administrator forbids it",
    "posting_to_general_channel_denied": "it may not post to that channel",
}
"""Slack's error words that a user can do something about."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    word: str
    """Slack's word for the error; empty unless it is one."""
    retry_after_s: float | None


def notify(
    plan: Plan,
    run: RunDirectory,
    verdict: Verdict,
    *,
    sleep: Callable[[float], None] = time.sleep,
    timeout_s: float = _TIMEOUT_S,
) -> str | None:
    """Post a verdict if the plan asks for it; gives a sentence on what went wrong, or None.

    Waits once, for 30 s at most, where the receiver asks for patience (429 and `Retry-After`).
    """
    wanted = plan.notify
    if wanted.slack_webhook_env is None:
        return None
    if wanted.when == "not_pass" and verdict.verdict == "pass":
        return None
    url = os.environ.get(wanted.slack_webhook_env, "").strip()
    if not url:
        return (
            f"{_NOT_POSTED}: the environment variable {wanted.slack_webhook_env}, which "
            f"notify.slack_webhook_env names, is not set."
        )
    wrong = _wrong_url(url)
    if wrong is not None:
        return f"{_NOT_POSTED}: what {wanted.slack_webhook_env} holds {wrong}."
    message = slack_message(plan, run, verdict)
    try:
        answer = _patiently(url, message, sleep, timeout_s)
        bare = without_figure(message)
        if bare is not None and answer.status == 400 and answer.word in ("", "invalid_blocks"):
            answer = _patiently(url, bare, sleep, timeout_s)
            if answer.status < 300:
                return (
                    "The verdict was posted to Slack without its figure, which could not be "
                    "fetched from notify.reports_url: publish the run before, where everybody "
                    "may read it."
                )
    except TimeoutError:
        return f"{_NOT_POSTED}: there was no answer within {timeout_s:g} s."
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{_NOT_POSTED}: {_reason(error)}."
    return None if answer.status < 300 else f"{_NOT_POSTED}: {_refusal(answer)}."


def _wrong_url(url: str) -> str | None:
    """Say why a webhook's URL is not posted to, without quoting it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not host:
        return "is not an https URL"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "has characters that no URL has"
    if parts.username is not None or parts.password is not None:
        return "carries a user name or password, which no webhook does"
    if parts.scheme == "http" and not is_loopback(host):
        return "is an http URL: a secret is not sent unencrypted, use https"
    return None


def _patiently(
    url: str, message: Message, sleep: Callable[[float], None], timeout_s: float
) -> _Answer:
    answer = _post(url, message, timeout_s)
    wait_s = answer.retry_after_s
    if answer.status == 429 and wait_s is not None and wait_s <= _LONGEST_WAIT_S:
        sleep(wait_s)
        answer = _post(url, message, timeout_s)
    return answer


def _post(url: str, message: Message, timeout_s: float) -> _Answer:
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        url,
        json.dumps(message).encode(),
        {"Content-Type": "application/json; charset=utf-8", "User-Agent": "dress-rehearsal"},
        method="POST",
    )
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if is_loopback(urlsplit(url).hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as answer:
            return _Answer(answer.status, "", None)
    except urllib.error.HTTPError as error:
        with error:
            word = error.read(200).decode("utf-8", "replace").strip()
            return _Answer(
                error.code,
                word if re.fullmatch("[a-z_]{1,60}", word) else "",
                _seconds(error.headers.get("Retry-After")),
            )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: the message goes to the host that was named, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _seconds(written: str | None) -> float | None:
    return float(written) if written is not None and re.fullmatch(r"\d{1,6}", written) else None


def _refusal(answer: _Answer) -> str:
    word = f" {answer.word}" if answer.word else ""
    said = f"the receiver answered {answer.status}{word}"
    if answer.word in _MEANINGS:
        return f"{said}: {_MEANINGS[answer.word]}"
    if answer.status == 429:
        return f"{said}, too many messages at once; post again later"
    if 300 <= answer.status < 400:
        return f"{said}, a redirection, which is not followed; name the URL it leads to"
    if answer.status >= 500:
        return f"{said}, a failure of its own"
    return said


def _reason(error: Exception) -> str:
    """Say what went wrong in words that hold no URL."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "it could not be reached in time"
    kind = type(cause).__name__
    if kind == "SSLCertVerificationError":
        return "the receiver's certificate is not trusted"
    if kind.startswith("SSL"):
        return "there is no TLS connection to the receiver"
    if kind == "gaierror":
        return "the receiver's host is not known"
    if isinstance(cause, ConnectionRefusedError):
        return "the receiver refused the connection"
    return "the connection to the receiver broke off"
