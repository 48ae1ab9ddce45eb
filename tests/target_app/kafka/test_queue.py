"""The topic of grants by itself: what is committed, how much waits, and what a client needs."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.kafka.connection import CALL_TIMEOUT_S, TopicMissingError
from dress_rehearsal.target_app.kafka.progress import Progress
from dress_rehearsal.target_app.kafka.queue import PARTITIONS, KafkaQueue
from dress_rehearsal.target_app.queues.queue import Message
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from dress_rehearsal.target_app.writeback import dead_letters
from tests.target_app.queues import bury, taken

Start = Callable[..., Any]


@pytest.fixture
def run(queue_settings: Callable[[str], dict[str, str]]) -> Start:
    """Do something with a client of a topic of its own."""
    settings = queue_settings("kafka_writeback")

    def opened(work: Callable[[KafkaQueue], Any]) -> Any:
        async def inside() -> Any:
            queue = KafkaQueue(settings["APP_KAFKA_BOOTSTRAP"], settings["APP_KAFKA_TOPIC"])
            try:
                await queue.create()
                return await work(queue)
            finally:
                await queue.close()

        return asyncio.run(inside())

    return opened


def test_an_offset_is_committed_when_nothing_before_it_is_left() -> None:
    progress, first, second = Progress(), TopicPartition("t", 0), TopicPartition("t", 1)
    for offset in (3, 4, 5):
        progress.take(first, offset)
    progress.take(second, 0)
    progress.finish(first, 4)
    assert progress.offsets() == {first: 3, second: 0}
    progress.finish(first, 3)
    assert progress.offsets()[first] == 5
    progress.finish(first, 5)
    assert progress.offsets()[first] == 6
    progress.begin_anew()
    progress.finish(first, 7)  # taken before partitions were shared anew: another's by now
    assert progress.offsets() == {}


def test_the_lag_counts_each_message_of_a_batch_and_tells_the_oldests_age(run: Start) -> None:
    async def work(queue: KafkaQueue) -> None:
        assert await queue.count() == (0, 0, 0.0)
        began_s = time.time()
        assert await queue.send([f"m{index}" for index in range(50)]) == {}
        counts = await queue.count()
        assert (counts.waiting, counts.dead) == (50, 0)
        lags = {"consumergroup": queue.group, "topic": queue.topic}
        assert REGISTRY.get_sample_value("kafka_consumergroup_lag", lags) == 50
        assert counts.oldest_s is not None
        assert 0 <= counts.oldest_s <= time.time() - began_s + 0.001
        messages = await taken(queue, 50)
        assert sorted(message.body for message in messages) == sorted(
            f"m{index}" for index in range(50)
        )
        assert (await queue.count()).waiting == 50  # taken is not done
        await queue.delete(messages[1:])
        first = messages[0].handle[0]
        behind = sum(message.handle[0] == first for message in messages)
        assert (await queue.count()).waiting == behind  # the first of its partition is left
        await queue.delete(messages[:1])
        assert await queue.count() == (0, 0, 0.0)

    run(work)


def test_dead_letters_are_kept_until_they_are_replayed(run: Start) -> None:
    async def work(queue: KafkaQueue) -> None:
        await bury(queue, [f"m{index}" for index in range(30)])
        assert (await queue.count())[:2] == (0, 30)
        assert await queue.replay() == 30
        assert (await queue.count())[:2] == (30, 0)
        assert await queue.replay() == 0
        assert len({message.body for message in await taken(queue, 30)}) == 30

    run(work)


def test_dead_letters_are_looked_at_and_stay(run: Start) -> None:
    async def work(queue: KafkaQueue) -> None:
        assert await queue.dead_letters() == []
        await bury(queue, [f"m{index}" for index in range(30)])
        for _ in range(2):
            assert sorted(await queue.dead_letters()) == sorted(f"m{index}" for index in range(30))
        assert await queue.replay() == 30
        assert await queue.dead_letters() == []

    run(work)


def test_a_dead_letter_that_is_no_text_is_replayed_like_the_others(run: Start) -> None:
    async def work(queue: KafkaQueue) -> None:
        producer = await queue._sending()
        for value in (b"\xff no text", b"text", None):
            await producer.send_and_wait(queue.dead.topic, value, key=b"key")
        assert await queue.replay() == 3
        bodies = {message.body for message in await taken(queue, 3)}
        assert bodies == {"\N{REPLACEMENT CHARACTER} no text", "text", ""}

    run(work)


def test_a_consumer_that_cannot_leave_keeps_no_replay_from_its_end(
    run: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def never(consumer: AIOKafkaConsumer) -> None:
        await stop(consumer)
        await asyncio.Event().wait()

    stop = AIOKafkaConsumer.stop
    monkeypatch.setattr(AIOKafkaConsumer, "stop", never)

    async def work(queue: KafkaQueue) -> None:
        await bury(queue, ["m"])
        async with asyncio.timeout(3 * CALL_TIMEOUT_S):
            assert await queue.replay() == 1

    run(work)
    assert "closed without saying goodbye" in caplog.text


async def begin_anew(queue: KafkaQueue) -> None:
    """Have the topic be deleted, and be there again."""
    admin = AIOKafkaAdminClient(**queue._where)
    await admin.start()
    await admin.delete_topics([queue.topic])
    await admin.close()
    await queue.create()


@pytest.mark.parametrize("new", [8, 80], ids=["smaller", "outgrown"])
@pytest.mark.parametrize("seen_by", ["count", "commit"])
def test_a_topic_that_begins_anew_is_read_from_its_beginning(
    run: Start, caplog: pytest.LogCaptureFixture, new: int, seen_by: str
) -> None:
    """Whether it is shorter or longer than what was read of the old one."""
    bodies = {f"new {index}" for index in range(new)}

    async def work(queue: KafkaQueue) -> None:
        await queue.send([f"old {index}" for index in range(40)])
        await queue.delete(await taken(queue, 40))
        await begin_anew(queue)
        assert await queue.send(sorted(bodies)) == {}
        if seen_by == "count":
            assert (await queue.count()).waiting == new
        came: set[str] = set()
        async with asyncio.timeout(30):
            while not came >= bodies:  # not joined again: how far the old topic was read is known
                messages = await queue.take()
                came |= {message.body for message in messages}
                await queue.delete(messages)
                if seen_by == "count":
                    await queue.count()
        assert (await queue.count()).waiting == 0

    run(work)
    assert caplog.text.count("the topic begins anew") == 1


def test_only_the_partition_that_ends_before_its_offset_is_read_again_and_once(
    run: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(queue: KafkaQueue) -> None:
        await queue.send([f"m{index}" for index in range(40)])
        messages = await taken(queue, 40)
        lost = messages[0].handle[0]
        consumer = queue._member._consumer
        assert consumer is not None
        await consumer.commit({lost: 500})
        consumer.seek(lost, 500)
        due = sorted(each for each in messages if each.handle[0] == lost)
        again: list[Message] = []
        async with asyncio.timeout(30):
            while len(again) < len(due):
                await queue.count()
                again += await queue.take()
        for _ in range(4):
            await queue.count()
            again += await queue.take()
        assert sorted(again) == due
        await queue.delete(messages)
        assert (await queue.count()).waiting == 0

    run(work)
    assert caplog.text.count("the topic begins anew") == 1


def test_the_age_is_that_of_the_oldest_message_of_all_partitions(
    run: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka gives the first batch of an answer whole, of other partitions what fits."""
    send = AIOKafkaClient.send

    async def kept_to(client: AIOKafkaClient, node: int, request: Any, **more: Any) -> Any:
        answer = await send(client, node, request, **more)
        if isinstance(request, FetchRequest):
            room = {
                (topic, number): size
                for topic, asked in request.topics
                for number, _, size in asked
            }
            is_first = True
            for topic, partitions in answer.topics:
                for index, (number, *told, records) in enumerate(partitions):
                    if records and not is_first and len(records) > room[topic, number]:
                        partitions[index] = (number, *told, b"")
                    is_first = is_first and not records
        return answer

    async def work(queue: KafkaQueue) -> None:
        producer = await queue._sending()
        now_ms = round(time.time() * 1000)
        for partition in range(PARTITIONS):
            made_ms = now_ms - 60_000 * partition
            await producer.send_and_wait(
                queue.topic, b"m", partition=partition, timestamp_ms=made_ms
            )
        monkeypatch.setattr(AIOKafkaClient, "send", kept_to)
        counts = await queue.count()
        assert counts.waiting == PARTITIONS
        assert counts.oldest_s is not None
        assert counts.oldest_s >= 60 * (PARTITIONS - 1)

    run(work)


def test_a_message_kafka_does_not_take_is_not_said_to_have_left(run: Start) -> None:
    async def work(queue: KafkaQueue) -> None:
        refused = await queue.send(["short", "x" * (2 * 1024 * 1024)])
        assert list(refused) == [1]
        assert "MessageSizeTooLarge" in refused[1]

    run(work)


def test_topics_that_are_gone_are_created_anew(
    run: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(queue: KafkaQueue) -> None:
        with pytest.raises(TopicMissingError, match="it has no topic never-created"):
            await queue._lag.read("never-created", "anybody")
        admin = AIOKafkaAdminClient(**queue._where)
        await admin.start()
        await admin.delete_topics([queue.topic, queue.dead.topic])
        await admin.close()
        assert (await queue.count())[:2] == (0, 0)
        assert (
            f"a topic is created anew: Kafka is not available (it has no topic {queue.topic}"
            in (caplog.text)
        )

    run(work)


def test_settings_say_what_kafka_needs(make_stage: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**make_stage().environment, "APP_ALLOCATION": "kafka_writeback"}
    where = {"APP_KAFKA_BOOTSTRAP": "kafka"}
    with pytest.raises(SettingsError, match="APP_KAFKA_BOOTSTRAP must be host:port"):
        Settings.read({**environment, **where})
    assert Settings.read({**environment, "APP_KAFKA_BOOTSTRAP": "a:9092,b:9092"}).kafka_bootstrap
    monkeypatch.setattr("dress_rehearsal.target_app.settings.find_spec", lambda _: None)
    with pytest.raises(SettingsError) as caught:
        Settings.read(environment)
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "APP_KAFKA_BOOTSTRAP",
        "APP_ALLOCATION=kafka_writeback",
    ]
    assert "pip install dress-rehearsal[kafka]" in str(caught.value)


def test_where_nobody_answers_dead_letters_are_asked_for_in_vain(
    make_stage: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = {"APP_ALLOCATION": "kafka_writeback", "APP_KAFKA_BOOTSTRAP": "127.0.0.1:9"}
    for name, value in {**make_stage().environment, **where}.items():
        monkeypatch.setenv(name, value)
    assert dead_letters.main([]) == 1
    assert "Kafka is not available" in capsys.readouterr().err


def test_a_topic_has_room_for_several_readers(run: Start) -> None:
    async def work(queue: KafkaQueue) -> None:
        assert len(await queue._lag.partitions(queue.topic)) == PARTITIONS > 1

    run(work)
