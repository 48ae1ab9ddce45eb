"""The ways to hand out tickets, one file each, registered by the name `APP_ALLOCATION` takes."""

from dress_rehearsal.target_app.allocators.atomic_update import AtomicUpdate
from dress_rehearsal.target_app.allocators.base import Allocator
from dress_rehearsal.target_app.allocators.kafka_writeback import KafkaWriteback
from dress_rehearsal.target_app.allocators.naive import Naive
from dress_rehearsal.target_app.allocators.optimistic import Optimistic
from dress_rehearsal.target_app.allocators.redis_lock import RedisLock
from dress_rehearsal.target_app.allocators.redis_script import RedisScript
from dress_rehearsal.target_app.allocators.redis_writeback import RedisWriteback
from dress_rehearsal.target_app.allocators.row_lock import RowLock
from dress_rehearsal.target_app.allocators.skip_locked import SkipLocked
from dress_rehearsal.target_app.allocators.sqs_writeback import SqsWriteback

ALLOCATIONS: dict[str, type[Allocator]] = {
    kind.name: kind
    for kind in (
        Naive,
        RowLock,
        Optimistic,
        AtomicUpdate,
        SkipLocked,
        RedisLock,
        RedisScript,
        RedisWriteback,
        SqsWriteback,
        KafkaWriteback,
    )
}
"""Every strategy by its name; `settings.Allocation` has the same names."""
