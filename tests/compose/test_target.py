"""The conductor asks a target within bounds, whatever answers, and tells nobody else its token."""

import pytest

from dress_rehearsal.compose import target
from dress_rehearsal.compose.errors import TargetRefusedError
from dress_rehearsal.compose.target import Target
from dress_rehearsal.records.http import Answer
from tests.hostile_http import MODES, hostile


@pytest.mark.parametrize("mode", MODES)
def test_whatever_a_target_answers_the_question_has_an_end(mode: str) -> None:
    late = MODES[mode][0] == "late"
    with hostile(mode) as server:
        asked = Target(server.url, answers_within_s=0.2 if late else 60.0)
        with pytest.raises(TargetRefusedError, match=r"does not answer GET /events/e/countdown: "):
            asked.ask("GET", "/events/e/countdown")
        assert not Target(server.url, answers_within_s=0.2).ready()


def test_the_admin_token_follows_no_redirect() -> None:
    with hostile("closes") as other, hostile("redirect", location=other.url) as server:
        with pytest.raises(TargetRefusedError, match="answered 307"):
            Target(server.url).open_at("festival", 1, "s3cr3t", agreeing=1)
        with pytest.raises(TargetRefusedError, match="answered 307"):
            Target(server.url).switch("leak", 1.0, "s3cr3t")
        assert other.seen == []


def test_a_token_that_no_header_can_hold_is_not_shown() -> None:
    with hostile("closes") as server:
        with pytest.raises(TargetRefusedError) as caught:
            Target(server.url).open_at("festival", 1, "s3cr3t€\r\nX: y", agreeing=1)
        assert server.seen == []
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"", b'"text"', b'{"opens_at_ns": "1"}'])
def test_an_opening_that_is_no_number_is_none(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target.http, "ask", lambda *_, **__: Answer(200, {}, body))
    monkeypatch.setattr(target, "_HONOURED_S", 0.05)
    with pytest.raises(TargetRefusedError, match=r"still answers 200 and tells "):
        Target("http://127.0.0.1:1").open_at("festival", 1, "s3cr3t", agreeing=1)
