"""The conductor asks a target within bounds, whatever answers, and tells nobody else its token."""

import time
from typing import Any

import pytest

from dress_rehearsal.compose import target
from dress_rehearsal.compose.errors import TargetRefusedError, UndecidedError
from dress_rehearsal.compose.target import Target
from dress_rehearsal.records.http import Answer, NoAnswerError
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


def switch(monkeypatch: pytest.MonkeyPatch, *answers: int) -> list[float]:
    """Switch a fault on where the tries are answered so (0: not at all), the last one for good.

    Return how long ago each try says that it was sent, in seconds.
    """
    left, ages_s = list(answers), []

    def ask(*_: object, headers: dict[str, str], **__: Any) -> Answer:
        sent_ns = int(headers["X-Request-Start"].removeprefix("t="))
        ages_s.append((time.time_ns() - sent_ns) / 1e9)
        status = left.pop(0) if len(left) > 1 else left[0]
        if status == 0:
            raise NoAnswerError("late", "no answer within 2 s")
        return Answer(status, {}, b'{"code": "c", "detail": "d"}')

    monkeypatch.setattr(target.http, "ask", ask)
    monkeypatch.setattr(target, "_SWITCHED_S", 0.1)
    Target("http://127.0.0.1:1").switch("unique_off", 1.0, "s3cr3t")
    return ages_s


@pytest.mark.parametrize("answers", [(0,), (0, 503), (503,), (500, 404), (0, 503, 409)])
def test_a_fault_that_a_try_may_have_begun_is_undecided(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[int, ...]
) -> None:
    with pytest.raises(UndecidedError, match="It may have taken effect all the same"):
        switch(monkeypatch, *answers)


@pytest.mark.parametrize("answer", [401, 404, 409])
def test_a_fault_that_was_refused_and_nothing_else_is_not_begun(
    monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    with pytest.raises(TargetRefusedError, match=f"cannot be begun: .* answered {answer} ") as no:
        switch(monkeypatch, answer)
    assert not isinstance(no.value, UndecidedError)


def test_each_try_to_switch_a_fault_says_when_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    ages_s = switch(monkeypatch, 0, 503, 503, 200)
    assert len(ages_s) == 4
    assert all(0 <= age_s < 0.5 for age_s in ages_s)
