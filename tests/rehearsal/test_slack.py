"""The verdict reaches Slack, readable and within its limits; whatever goes wrong is a sentence."""

import contextlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanInvalidError, plan_toml
from dress_rehearsal.plans.reading import check_plan, read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.slack import escaped, notify, slack_message
from dress_rehearsal.reports.schema import Verdict

SECRET = "/services/T0123/B0123/s3cr3tS3cr3ts3cr3t"
VARIABLE = "REHEARSE_TEST_WEBHOOK"
PURCHASE = "POST /events/{event}/tickets"


def plan(**settings):
    wanted = {"slack_webhook_env": VARIABLE, **settings}
    return check_plan({"name": "festival", "notify": wanted}, "festival.toml")


def judged(status="fail", reasons=("3 students were wronged.",), **audit):
    """Return a verdict on 12,000 students."""
    counters = ("oversold", "duplicate_students", "acked_but_missing", "held_without_ack")
    counters += ("ineligible", "sold_early", "false_sold_out", "store_drift", "stuck_students")
    counters += ("double_entry", "lost_views", "settle_ms")
    census = {"students": 12_000, "ticket": 5_000, "sold_out": 6_390, "refused": 600, "failed": 10}
    others = ("gave_up", "unknown", "never_started", "in_flight")
    felt = {"count": 9, "p50": 1, "p90": 2, "p99": 5032.8, "p99_9": 3, "max": 4, "system_p99": 5}
    return Verdict.model_validate(
        {
            "schema": 1,
            "run": "20261121T020411Z-festival-857217",
            "plan": "festival",
            "verdict": status,
            "reasons": reasons,
            "census": {**census, **dict.fromkeys(others, 0)},
            "latency_ms": {PURCHASE: felt},
            "audit": {**dict.fromkeys(counters, 0), **audit},
            "fairness": dict.fromkeys(("inversions", "kendall_tau", "multi_device_advantage")),
            "pools": [],
            "bottleneck": {"resource": "redis", "since_s": 0.4, "evidence": "it waits"},
            "generator": {
                **dict.fromkeys(("requests", "late_start_p99_ms", "read_lag_p99_ms"), 1),
                "release_skew_ms": 1,
                "cpu_peak": 1,
                "limited": False,
            },
            "gates": [],
        }
    )


@pytest.fixture
def run(tmp_path):
    return RunDirectory.create(tmp_path, plan())


def texts_in(block):
    """Return a block's texts, how long each may be, and what fields it has besides."""
    match block:
        case {"type": "header", "text": {"type": "plain_text", "text": text}, **rest}:
            return [text], 150, rest
        case {"type": "section", "text": {"type": "mrkdwn", "text": text}, **rest}:
            return [text], 3_000, rest
        case {"type": "section", "fields": list(fields), **rest} if len(fields) <= 10:
            return [each["text"] for each in fields], 2_000, rest
        case {"type": "context", "elements": list(elements), **rest} if len(elements) <= 10:
            return [each["text"] for each in elements], 2_000, rest
        case {"type": "image", "image_url": str(url), "alt_text": alt, **rest}:
            shown = url.endswith((".png", ".jpg", ".jpeg", ".gif")) and len(url) <= 3_000
            return [alt], 2_000, rest if shown else {**rest, "image_url": url}
    return [], 0, block


def wrongs_of(message):
    """Say what breaks Slack's rules in a message."""
    found = [f"unknown field {key}" for key in message.keys() - {"text", "blocks"}]
    if not message.get("text") or not 0 < len(message["blocks"]) <= 50:
        found.append("no text, or too many blocks")
    for block in message["blocks"]:
        texts, limit, rest = texts_in(block)
        found += [f"unknown: {rest}"] if rest else []
        found += [f"{len(text)} characters" for text in texts if not 0 < len(text) <= limit]
        if block["type"] not in ("header", "image"):
            control = r"<(?!https?://[^|<>]+\|[^<>]+>)|&(?!amp;|lt;|gt;)"
            found += [f"not escaped: {text}" for text in texts if re.search(control, text)]
    return found


def test_the_receiver_refuses_what_slack_does():
    fine = {"type": "section", "text": {"type": "mrkdwn", "text": "a &amp; <https://b.c|d>"}}
    assert wrongs_of({"text": "a", "blocks": [fine]}) == []
    for wrong in (
        {"text": "", "blocks": [fine]},
        {"text": "a", "blocks": [fine] * 51},
        {"text": "a", "blocks": [{**fine, "colour": "red"}]},
        {"text": "a", "blocks": [{**fine, "text": {"type": "mrkdwn", "text": "<!here>"}}]},
        {"text": "a", "blocks": [{**fine, "text": {"type": "mrkdwn", "text": "a & b"}}]},
        {"text": "a", "blocks": [{**fine, "text": {"type": "mrkdwn", "text": "a" * 3_001}}]},
        {
            "text": "a",
            "blocks": [{"type": "image", "image_url": "https://a/b.svg", "alt_text": "c"}],
        },
        {"text": "a", "blocks": [{"type": "video"}]},
    ):
        assert wrongs_of(wrong)


@dataclass
class Receiver:
    """A Slack that takes one webhook, refuses what breaks its rules, and keeps the rest."""

    messages: list = field(default_factory=list)
    tries: int = 0
    script: list = field(default_factory=list)
    """Statuses, bodies and headers to answer with first; a status of 0 is no answer."""
    images: bool = True
    """Whether it can fetch images."""
    url: str = ""

    def answer(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        raw = handler.rfile.read(length)
        self.tries += 1
        if handler.path != SECRET:
            return 404, b"no_service", {}
        if handler.headers.get("Content-Type", "").split(";")[0] != "application/json":
            return 400, b"invalid_payload", {}
        message = json.loads(raw)
        if self.script:
            return self.script.pop(0)
        fetched = self.images or all(each["type"] != "image" for each in message["blocks"])
        if wrongs_of(message) or not fetched:
            return 400, b"invalid_blocks", {}
        self.messages.append(message)
        return 200, b"ok", {}


@contextlib.contextmanager
def receiving(receiver):
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            status, body, headers = receiver.answer(self)
            if not status:
                released.wait()
                return
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}{SECRET}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def slack(monkeypatch):
    with receiving(Receiver()) as receiver:
        monkeypatch.setenv(VARIABLE, receiver.url)
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        yield receiver


def told(plan, run, verdict, **options):
    """Notify and give the sentence, which never shows the secret nor where it points."""
    sentence = notify(plan, run, verdict, **options)
    assert sentence is None or sentence.endswith(".")
    for part in (SECRET, "s3cr3t", "127.0.0.1", "T0123"):
        assert sentence is None or part not in sentence
    return sentence


def texts_of(message):
    return json.dumps(message["blocks"], ensure_ascii=False)


def test_the_verdict_is_posted_with_its_key_figures_and_reasons(slack, run):
    verdict = judged(reasons=("3 students were wronged.", "A gate is broken."), oversold=3)
    assert told(plan(), run, verdict) is None
    (message,) = slack.messages
    assert message["blocks"][0]["text"]["text"] == "❌ FAIL: festival"
    shown = texts_of(message)
    for words in (
        "5,000 of 5,000 held by students",
        "6,390 students",
        "5.03 s felt",
        "T-0 + 400 ms",
        "3 oversold",
        "12,000, 10 failed",
        "• 3 students were wronged.\\n• A gate is broken.",
        run.id,
    ):
        assert words in shown
    for words in ("❌ FAIL: festival", "Buying, p99: 5.03 s felt", "• A gate is broken."):
        assert words in message["text"]  # all that receivers without blocks show
    assert "Read the report" not in shown and "image" not in shown


def test_the_report_and_its_figure_are_linked_where_runs_are_published(slack, run):
    published = plan(reports_url="https://ci.example.org/runs/")
    assert told(published, run, judged()) is None
    (run.path / "figures" / "arrivals.png").write_bytes(b"\x89PNG")
    assert told(published, run, judged()) is None
    without, with_figure = slack.messages
    base = f"https://ci.example.org/runs/{run.id}"
    link = f"<{base}/report.html|Read the report>"
    assert link in texts_of(without) and link in without["text"]
    assert "image" not in {block["type"] for block in without["blocks"]}
    (image,) = [block for block in with_figure["blocks"] if block["type"] == "image"]
    assert image["image_url"] == f"{base}/figures/arrivals.png"
    assert image["alt_text"] == "❌ FAIL: festival. 3 students were wronged."


def test_a_figure_that_slack_cannot_fetch_is_left_out_and_told(slack, run):
    slack.images = False
    (run.path / "figures" / "arrivals.png").write_bytes(b"\x89PNG")
    sentence = told(plan(reports_url="https://ci.example.org/runs"), run, judged())
    assert "posted to Slack without its figure" in sentence
    assert len(slack.messages) == 1


@pytest.mark.parametrize("status", ["pass", "fail", "inconclusive"])
def test_not_pass_posts_all_but_passes(slack, run, status):
    assert told(plan(when="not_pass"), run, judged(status)) is None
    assert len(slack.messages) == (status != "pass")


def test_nobody_is_told_unless_a_webhook_is_named(slack, run):
    quiet = check_plan({"name": "festival"}, "festival.toml")
    assert told(quiet, run, judged()) is None
    assert slack.tries == 0


def test_hostile_and_endless_reasons_stay_within_slacks_rules(slack, run):
    hostile = "<!channel> & <https://evil.example|click> *bold*\nnext"
    assert told(plan(), run, judged(reasons=(hostile,))) is None
    assert told(plan(), run, judged(reasons=("&" * 5_000, "lost"))) is None
    many = tuple(f"Reason <{number}> {'x' * 90}." for number in range(200))
    assert told(plan(), run, judged(reasons=many)) is None
    first, endless, crowd = slack.messages
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in texts_of(first)
    assert "… and 1 more; see the report." in texts_of(endless)
    assert re.search(r"… and 1\d\d more; see the report\.", texts_of(crowd))
    assert all(len(message["text"]) <= 3_000 for message in slack.messages)


@pytest.mark.parametrize("limit", range(1, 12))
def test_escaping_cuts_no_entity_in_two(limit):
    assert escaped("a&b", 7) == "a&amp;b"
    shown = escaped("<&>&<", limit)
    assert len(shown) <= limit
    assert re.fullmatch("(&(amp|lt|gt);)*…", shown)


def test_what_was_not_measured_is_not_called_fine(run):
    verdict = judged("inconclusive", lost_views=None).model_copy(
        update={"latency_ms": {}, "bottleneck": None}
    )
    message = slack_message(plan(), run, verdict)
    assert wrongs_of(message) == []
    for words in ("nobody (not audited: lost views)", "not measured", "nothing was seen"):
        assert words in texts_of(message)


@pytest.mark.parametrize(
    ("answers", "waits", "posted"),
    [
        ([(429, b"rate_limited", {"Retry-After": "7"})], [7.0], True),
        ([(429, b"rate_limited", {"Retry-After": "7"})] * 2, [7.0], False),
        ([(429, b"rate_limited", {"Retry-After": "3600"})], [], False),
        ([(429, b"rate_limited", {"Retry-After": "soon"})], [], False),
        ([(429, b"rate_limited", {})], [], False),
    ],
)
def test_patience_is_had_once(slack, run, answers, waits, posted):
    slack.script = answers
    slept = []
    sentence = told(plan(), run, judged(), sleep=slept.append)
    assert slept == waits
    assert (sentence is None) == posted == bool(slack.messages)
    assert posted or "429" in sentence


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b"invalid_payload", "answered 400 invalid_payload"),
        (403, b"action_prohibited", "an administrator forbids it"),
        (404, b"no_service", "no such webhook"),
        (410, b"channel_is_archived", "its channel is archived"),
        (404, f"<html>no {SECRET} here</html>".encode(), "answered 404."),
        (500, b"", "a failure of its own"),
        (503, b"\xff\xfe", "503, a failure of its own"),
    ],
)
def test_a_refusal_is_a_sentence(slack, run, status, body, words):
    slack.script = [(status, body, {})]
    assert words in told(plan(), run, judged())
    assert slack.tries == 1


def test_a_redirection_is_not_followed(slack, run):
    with receiving(Receiver()) as other:
        slack.script = [(307, b"", {"Location": other.url})]
        assert "a redirection" in told(plan(), run, judged())
        assert other.tries == 0


def test_a_receiver_that_does_not_answer_is_given_up(slack, run):
    slack.script = [(0, b"", {})]
    assert "no answer within 0.3 s" in told(plan(), run, judged(), timeout_s=0.3)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not set"),
        (f"http://127.0.0.1:1{SECRET}", "refused the connection"),
        (f"https://hooks.invalid{SECRET}", "host is not known"),
        (f"http://hooks.slack.com{SECRET}", "use https"),
        (f"hooks.slack.com{SECRET}", "is not an https URL"),
        (f"file://{SECRET}", "is not an https URL"),
        (f"https://somebody:pw@hooks.slack.com{SECRET}", "user name or password"),
        (f"https://hooks.slack.com:port{SECRET}", "is not a URL"),
        (f"https://hooks.slack.com{SECRET} x", "characters that no URL has"),
    ],
)
def test_a_url_that_leads_nowhere_is_a_sentence(monkeypatch, run, url, words):
    monkeypatch.setenv(VARIABLE, url)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    assert words in told(plan(), run, judged())


def test_a_receiver_that_speaks_no_tls_or_no_http_is_a_sentence(slack, monkeypatch, run):
    monkeypatch.setenv(VARIABLE, slack.url.replace("http:", "https:"))
    assert "no TLS connection" in told(plan(), run, judged())


# The table of the plan.


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"slack_webhook_env": f"https://hooks.slack.com{SECRET}"}, "name of an environment"),
        ({"reports_url": "ftp://example.org"}, "expected an http or https URL"),
        ({"reports_url": "https://example.org/?token=1"}, "without login, ? or #"),
        ({"reports_url": "https://example.org/a|b>"}, "without login, ? or #"),
        ({"reports_url": "https://a:b@example.org"}, "without login, ? or #"),
        ({"when": "sometimes"}, "'always' or 'not_pass'"),
        ({"alertmanager": "http://127.0.0.1:9093"}, "alertmanager"),
    ],
)
def test_a_wrong_table_is_refused_without_showing_a_secret(settings, words):
    with pytest.raises(PlanInvalidError) as caught:
        plan(**settings)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        f"notify.slack_webhook_env=https://hooks.slack.com{SECRET}",
        f'notify.slack_webhook_env=["https://hooks.slack.com{SECRET}"]',
        f"notify.slack_webhook=https://hooks.slack.com{SECRET}",
        f"notify=https://hooks.slack.com{SECRET}",
        f"notify.reports_url=ftp://ci.example.org{SECRET}",
    ],
)
def test_a_secret_given_on_the_command_line_is_not_shown_either(written):
    with pytest.raises(PlanInvalidError) as caught:
        read_plan(Path("smoke"), [written])
    assert str(caught.value).startswith(f"--set {written.partition('=')[0]}: ")
    assert SECRET not in str(caught.value)


def test_the_table_is_written_out_and_read_again(run):
    given = plan(reports_url="https://ci.example.org/runs/", alertmanager="127.0.0.1:9093")
    assert given.notify.reports_url == "https://ci.example.org/runs"
    run.write_text("plan.toml", plan_toml(given))
    assert run.plan() == given
