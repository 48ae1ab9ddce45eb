"""The id of a topic: one that was deleted, or lost, and is there again has another.

aiokafka asks for metadata in a version without ids, so the newer question is spelled out here.
"""

from io import BytesIO
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.kafka.connection import TITLE, TopicMissingError

_METADATA: Final = 3
_VERSION: Final = 12
_ID_BYTES: Final = 16
_UNKNOWN_TOPIC: Final = 3
_NO_LEADER_YET: Final = 5
_TEXT: Final = CompactString()
_TAGS: Final = ("tags", TaggedFields)


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]
    """A topic's id on the wire."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(_ID_BYTES)


_BROKERS: Final = CompactArray(
    ("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS
)
_PARTITIONS: Final = CompactArray(
    ("error", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)),
    ("in_sync", CompactArray(Int32)),
    ("offline", CompactArray(Int32)),
    _TAGS,
)
_TOPICS: Final = CompactArray(
    ("error", Int16),
    ("name", _TEXT),
    ("id", _Uuid),
    ("is_internal", Boolean),
    ("partitions", _PARTITIONS),
    ("operations", Int32),
    _TAGS,
)


class _Answer(Response):  # type: ignore[misc]
    API_KEY = _METADATA
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", _BROKERS),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        ("topics", _TOPICS),
        _TAGS,
    )


class _Question(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = _VERSION
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Uuid), ("name", _TEXT), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


class _TopicId(Request[_Question]):  # type: ignore[misc]
    """The question about one topic, which creates none."""

    API_KEY = _METADATA

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class([(bytes(_ID_BYTES), self._topic, {})], False, False, {})


async def topic_id(client: AIOKafkaClient, topic: str) -> bytes:
    """Return the id of a topic; always the same where brokers, older than 3.0, have no ids.

    To be called within `answered`. Raises `TopicMissingError` where there is no such topic, and
    `DependencyDownError` where nobody can tell.
    """
    try:
        answer = await client.send(client.get_random_node(), _TopicId(topic))
    except NotImplementedError:  # what aiokafka says of a version that brokers do not know
        return bytes(_ID_BYTES)
    ((error, _, told, *_),) = answer.topics
    if error == _UNKNOWN_TOPIC:
        raise TopicMissingError(topic)
    if error not in (0, _NO_LEADER_YET):
        raise DependencyDownError(TITLE, f"error {error} of topic {topic}")
    return bytes(told)
