"""What each strategy is known for, and that plans know the same ones."""

from typing import get_args

import pytest

from dress_rehearsal.plans import STRATEGIES, Plan
from dress_rehearsal.plans.strategies import Allocation


def with_trait(trait):
    return {name for name, strategy in STRATEGIES.items() if getattr(strategy, trait)}


def test_a_plan_takes_every_strategy_of_the_table_and_no_other():
    assert get_args(Allocation) == tuple(STRATEGIES)
    schema = Plan.model_json_schema()["$defs"]["App"]["properties"]["allocation"]
    assert schema["enum"] == list(STRATEGIES)


def test_only_naive_is_unsound():
    assert set(STRATEGIES) - with_trait("sound") == {"naive"}


def test_who_answers_before_the_row_is_written_keeps_the_holders_in_redis():
    assert with_trait("writes_back") == {"redis_writeback", "sqs_writeback", "kafka_writeback"}
    assert with_trait("queue") == {"sqs_writeback", "kafka_writeback"}
    assert with_trait("queue") < with_trait("writes_back") < with_trait("holders_in_redis")


def test_a_plan_says_whether_its_holders_are_in_redis():
    for name in STRATEGIES:
        app = Plan.model_validate({"name": "any", "app": {"allocation": name}}).app
        assert app.holders_in_redis is (name in with_trait("writes_back") | {"redis_script"})


def test_several_write_back_workers_need_a_queue_to_share():
    for name in STRATEGIES:
        app = {"allocation": name, "writeback_workers": 2}
        if name in with_trait("queue"):
            assert Plan.model_validate({"name": "any", "app": app}).app.writeback_workers == 2
        else:
            with pytest.raises(ValueError, match="choose sqs_writeback or kafka_writeback"):
                Plan.model_validate({"name": "any", "app": app})
