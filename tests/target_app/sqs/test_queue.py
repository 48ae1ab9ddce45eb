"""The queue of grants by itself: its server, its outbox, its dead letters, and what it needs."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.errors import DependencyDownError, SettingsError
from dress_rehearsal.target_app.queues.outbox import Outbox
from dress_rehearsal.target_app.queues.queue import Counts
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.sqs import queue as sqs_queue
from dress_rehearsal.target_app.sqs.queue import SqsQueue
from dress_rehearsal.target_app.writeback import dead_letters


def run(endpoint: str, name: str, work: Callable[[SqsQueue], Any]) -> Any:
    async def opened() -> Any:
        queue = SqsQueue(endpoint, name)
        await queue.open()
        try:
            await queue.create()
            return await work(queue)
        finally:
            await queue.close()

    return asyncio.run(opened())


def test_messages_queued_together_leave_together_and_one_queued_twice_leaves_once(
    sqs_endpoint: str, aws: dict[str, str]
) -> None:
    async def post(queue: SqsQueue) -> tuple[int, Counts]:
        sizes = []
        send = queue.send

        async def counted(bodies: Any) -> Any:
            sizes.append(len(bodies))
            return await send(bodies)

        queue.send = counted  # type: ignore[method-assign]
        outbox = Outbox(queue)
        names = [f"message {index % 25}" for index in range(50)]
        await asyncio.gather(*(outbox.send(name, name) for name in names))
        assert sum(sizes) == 25
        counts = await queue.count()
        await outbox.close()
        return len(sizes), counts

    batches, counts = run(sqs_endpoint, "together", post)
    assert batches == 3
    assert counts == Counts(25, 0)


def test_a_message_sqs_does_not_take_is_not_said_to_have_left(
    sqs_endpoint: str, aws: dict[str, str]
) -> None:
    async def post(queue: SqsQueue) -> None:
        outbox = Outbox(queue)
        too_long = "x" * (2 * 1024 * 1024)
        results = await asyncio.gather(
            *(outbox.send(str(index), too_long) for index in range(2)), return_exceptions=True
        )
        assert [type(result) for result in results] == [DependencyDownError, DependencyDownError]
        await outbox.send("0", "short")  # it may be tried again

    run(sqs_endpoint, "long", post)


def test_moto_as_it_is_does_as_well(serving_sqs: Callable[..., Any], sqs_endpoint: str) -> None:
    """The stage's server leaves out some of moto's work; nobody can tell from here."""

    async def work(endpoint: str) -> list[Any]:
        queue = SqsQueue(endpoint, "plain")
        await queue.open()
        try:
            await queue.create()
            await queue.create()
            seen: list[Any] = [await queue.send([f"m{index}" for index in range(10)])]
            messages = await queue.receive(1)
            seen += [sorted(message.body for message in messages), await queue.count()]
            await queue.delete(messages[:9])
            for _ in range(sqs_queue.MAX_RECEIVES - 1):
                await queue.postpone([messages[9]], 0)
                (messages[9],) = await queue.receive(1)
            await queue.postpone([messages[9]], 0)
            seen += [await queue.receive(1), await queue.count()]
            return [*seen, await queue.replay(), await queue.count()]
        finally:
            await queue.close()

    seen = [asyncio.run(work(sqs_endpoint))]
    with serving_sqs("moto.server") as endpoint:
        seen.append(asyncio.run(work(endpoint)))
    assert seen[0] == seen[1]
    bodies = [f"m{index}" for index in range(10)]
    assert seen[0] == [{}, bodies, Counts(10, 0), [], Counts(0, 1), 1, Counts(1, 0)]


def test_settings_say_what_sqs_needs(
    make_stage: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make_stage("redis_writeback").environment
    assert make_stage("redis_writeback").settings.sqs_endpoint is None
    monkeypatch.setattr("dress_rehearsal.target_app.settings.find_spec", lambda _: None)
    with pytest.raises(SettingsError) as caught:
        Settings.read({**environment, "APP_ALLOCATION": "sqs_writeback"})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "APP_SQS_ENDPOINT",
        "AWS_DEFAULT_REGION",
        "APP_ALLOCATION=sqs_writeback",
    ]
    assert "pip install dress-rehearsal[sqs]" in str(caught.value)


def test_dead_letters_are_asked_for_in_vain_elsewhere(
    make_stage: Callable[..., Any],
    aws: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert dead_letters.main(["bury"]) == 2
    assert "usage" in capsys.readouterr().err
    for name, value in make_stage("redis_writeback").environment.items():
        monkeypatch.setenv(name, value)
    assert dead_letters.main([]) == 2
    assert "APP_ALLOCATION=sqs_writeback or kafka_writeback only" in capsys.readouterr().err
    for name, value in {
        "APP_ALLOCATION": "sqs_writeback",
        "APP_SQS_ENDPOINT": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    assert dead_letters.main([]) == 1
    assert "SQS is not available" in capsys.readouterr().err
