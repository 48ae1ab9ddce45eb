"""The Slack message on a verdict: Block Kit blocks, and a text for receivers that have none.

Limits: https://docs.slack.dev/reference/block-kit/blocks (50 blocks, 150 characters in a header,
3,000 in a section's text, 10 fields of 2,000); escaping:
https://docs.slack.dev/messaging/formatting-message-text
"""

import itertools
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from plans import Plan
from records import RunDirectory
from reports.document import Status, Verdict
from reports.figures.pools import POOL_WORDS
from reports.figures.style import count, milliseconds, offset
from reports.steps import PURCHASE

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
    """Give the message without its image; None when it has none."""
    kept = [block for block in message["blocks"] if block["type"] != "image"]
    return {**message, "blocks": kept} if len(kept) < len(message["blocks"]) else None


def key_figures(plan: Plan, verdict: Verdict) -> list[tuple[str, str]]:
    """Give the numbers everybody asks for first, in words."""
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
    """Give text that Slack shows as it is, at most so long; no entity is cut in two."""
    parts = [_MARKED.get(each, each) for each in text]
    if sum(map(len, parts)) <= limit:
        return "".join(parts)
    ends = itertools.accumulate(map(len, parts))
    kept = sum(1 for end in ends if end < limit)
    return "".join([*parts[:kept], "…"])


def cut(text: str, limit: int) -> str:
    """Give plain text, at most so long."""
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
