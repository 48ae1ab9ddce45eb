"""The verdict reaches Slack as text; whatever goes wrong is a sentence that holds no secret."""

import contextlib
import json
import os
import signal
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.rehearsal.signals import uninterruptible
from dress_rehearsal.rehearsal.slack import notify, slack_text
from tests.hostile_http import MODES, hostile
from tests.rehearsal.verdicts import RUN, verdict_of

SECRET = "/services/T0123/B0123/s3cr3tS3cr3ts3cr3t"
VARIABLE = "REHEARSE_TEST_WEBHOOK"
CAUSE = "Cause: none; nobody bought.\nRun: 10 students, no faults."


def plan(**settings):
    wanted = {"slack_webhook_env": VARIABLE, **settings}
    return Plan.model_validate({"name": "festival", "notify": wanted})


@dataclass
class Receiver:
    """A Slack that takes one webhook's JSON, and keeps the texts."""

    texts: list = field(default_factory=list)
    tries: int = 0
    answer: tuple = (200, b"ok", {})
    """Status, body and headers; a status of 0 is no answer."""
    url: str = ""

    def take(self, handler):
        message = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.tries += 1
        assert handler.path == SECRET
        assert handler.headers["Content-Type"].startswith("application/json")
        assert list(message) == ["text"]
        if self.answer[0] == 200:
            self.texts.append(message["text"])
        return self.answer


@contextlib.contextmanager
def receiving(receiver):
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            status, body, headers = receiver.take(self)
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
    """A receiver on loopback, which the environment's proxy could not reach."""
    with receiving(Receiver()) as receiver:
        monkeypatch.setenv(VARIABLE, receiver.url)
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        yield receiver


def told(plan, verdict, **options):
    """Notify and give the sentence, which never shows the secret nor where it points."""
    sentence = notify(plan, verdict, **options)
    assert sentence is None or sentence.endswith(".")
    for part in (SECRET, "s3cr3t", "127.0.0.1", "T0123"):
        assert sentence is None or part not in sentence
    return sentence


def test_whoever_does_not_want_to_wait_for_it_is_told_that_the_verdict_stands(slack, monkeypatch):
    def take(handler):
        os.kill(os.getpid(), signal.SIGINT)
        return 0, b"", {}

    monkeypatch.setattr(slack, "take", take)
    with uninterruptible():
        sentence = told(plan(), verdict_of())
    assert sentence == "Interrupted: the verdict stands, and was not posted to Slack."


def test_the_verdict_is_posted_with_its_reason_its_cause_and_what_was_run(slack):
    reasons = ["3 students were wronged.", "A gate is broken.", "Lost: the app."]
    cause = "Cause: the Redis pool, which is too small."
    assert told(plan(), verdict_of(reasons=reasons, cause=cause)) is None
    (text,) = slack.texts
    *above, first, ran, run = text.splitlines()
    assert above == [
        "❌ FAIL: festival",
        "3 students were wronged.",
        "… and 2 more; see the report.",
    ]
    assert first == cause
    assert ran == "Run: 10 students, no faults."
    assert run == f"Run {RUN}"


def test_the_report_is_linked_where_runs_are_published(slack):
    assert told(plan(reports_url="https://ci.example.org/runs/"), verdict_of()) is None
    link = f"<https://ci.example.org/runs/{RUN}/report.html|Read the report>"
    assert slack.texts == [f"❌ FAIL: festival\nOversold: 3.\n{CAUSE}\n{link}"]


@pytest.mark.parametrize("status", ["pass", "fail", "inconclusive"])
def test_not_pass_posts_all_but_passes(slack, status):
    assert told(plan(when="not_pass"), verdict_of(verdict=status)) is None
    assert len(slack.texts) == (status != "pass")


def test_nobody_is_told_unless_a_webhook_is_named(slack):
    assert told(Plan(name="festival"), verdict_of()) is None
    assert slack.tries == 0


def test_hostile_and_endless_reasons_call_nobody_and_stay_short():
    hostile = "<!channel> & <https://evil.example|click>\nnext " + "&" * 300 + " lost" * 300
    text = slack_text(plan(), verdict_of(reasons=[hostile]))
    assert "\n&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;\\nnext &amp;" in text
    assert "lost …\nCause" in text
    assert len(text) < 4_000
    assert slack_text(plan(), verdict_of(reasons=["&" * 5_000])).endswith(
        f"\n…\n{CAUSE}\nRun {RUN}"
    )


def test_notes_are_told_and_many_are_counted() -> None:
    assert "Note" not in slack_text(plan(), verdict_of())
    told = slack_text(plan(), verdict_of(notes=["The host gave 0.8 cores <away>."]))
    assert told.endswith(f"{CAUSE}\nNote: The host gave 0.8 cores &lt;away&gt;.\nRun {RUN}")
    many = slack_text(plan(), verdict_of(notes=["&" * 1_000, *(f"Note {n}." for n in range(4))]))
    assert many.endswith(f"Note: …\nNote: Note 0.\nNote: Note 1.\n… and 2 more notes.\nRun {RUN}")
    assert len(many) < 4_000


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b"invalid_payload", "answered 400 invalid_payload."),
        (404, b"no_service", "answered 404 no_service."),
        (404, f"<html>no {SECRET} here</html>".encode(), "answered 404."),
        (429, b"rate_limited", "answered 429 rate_limited."),
        (503, b"\xff\xfe", "answered 503."),
    ],
)
def test_a_refusal_is_a_sentence(slack, status, body, words):
    slack.answer = (status, body, {})
    assert words in told(plan(), verdict_of())
    assert slack.tries == 1


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirection_is_not_followed(slack, status):
    with receiving(Receiver()) as other:
        slack.answer = (status, b"", {"Location": other.url})
        assert f"answered {status}." in told(plan(), verdict_of())
        assert other.tries == 0


@pytest.mark.slow
def test_a_receiver_that_does_not_answer_is_given_up(slack):
    slack.answer = (0, b"", {})
    assert "no whole answer within 0.3 s" in told(plan(), verdict_of(), timeout_s=0.3)


@pytest.mark.parametrize("mode", MODES)
def test_a_receiver_that_answers_without_end_or_sense_is_a_sentence(monkeypatch, mode):
    with hostile(mode) as server:
        monkeypatch.setenv(VARIABLE, f"{server.url}{SECRET}")
        timeout_s = 0.2 if MODES[mode][0] == "late" else 60.0
        assert "the receiver gave no answer: " in told(plan(), verdict_of(), timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", f"{VARIABLE}: the variable is not set"),
        (f"http://127.0.0.1:1{SECRET}", "gave no answer: Connection refused"),
        (f"https://hooks.invalid{SECRET}", "the receiver gave no answer: "),
        (f"http://hooks.slack.com{SECRET}", "is not an https URL"),
        (f"hooks.slack.com{SECRET}", "is not an https URL"),
        (f"file://{SECRET}", "is not an https URL"),
        (f"https://somebody:pw@hooks.slack.com{SECRET}", "an https URL without a login"),
        (f"https://hooks.slack.com:port{SECRET}", "is not a URL"),
        (f"https://hooks.slack.com{SECRET} x", "a character that no header may"),
        (f"https://hooks.slack.com{SECRET}é", "a character that no header may"),
    ],
)
def test_a_url_that_leads_nowhere_is_a_sentence(monkeypatch, url, words):
    monkeypatch.setenv(VARIABLE, url)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    assert words in told(plan(), verdict_of())


def test_a_receiver_that_speaks_no_tls_is_a_sentence(slack, monkeypatch):
    monkeypatch.setenv(VARIABLE, slack.url.replace("http:", "https:"))
    assert "the receiver gave no answer: what answers there does not speak TLS" in told(
        plan(), verdict_of()
    )
