"""What each strategy is known for, and that plans know the same ones."""

from typing import get_args

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
    assert with_trait("writes_back") == {"redis_writeback", "sqs_writeback"}
    assert with_trait("through_sqs") == {"sqs_writeback"}
    assert with_trait("through_sqs") < with_trait("writes_back") < with_trait("holders_in_redis")


def test_a_plan_says_whether_its_holders_are_in_redis():
    for name in STRATEGIES:
        app = Plan.model_validate({"name": "any", "app": {"allocation": name}}).app
        in_redis = name in ("redis_script", "redis_writeback", "sqs_writeback")
        assert app.holders_in_redis is in_redis
