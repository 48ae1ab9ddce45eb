"""A matrix names its cells, each with a plan of its own, and says what is wrong with it."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import (
    FAULTS,
    STRATEGIES,
    PlanError,
    PlanInvalidError,
    is_matrix,
    read_matrix,
    read_plan,
)
from dress_rehearsal.plans.matrix import merged

SMALL = """
name = "small"
strategies = ["naive", "row_lock", "redis_writeback"]
[base.event]
students = 40
[[rows]]
[[rows]]
fault = "early_open"
expect = ["audit.sold_early"]
set.students.late = "0%"
by.redis_writeback.expect = ["audit.sold_early", "pools.redis.saturated | pools.cpu.saturated"]
by.redis_writeback.set.students.outsiders = "10%"
[[rows]]
fault = "redis_down"
at = "T+1s"
lasts = "3s"
strategies = ["row_lock"]
expect = ["lost.redis"]
allow = ["pools.*.slow_holder"]
by.row_lock.allow = ["lost.*"]
"""
LEAK = 'fault = "leak"\nexpect = ["pools.postgres.leak"]\n'
LAST_ROW = '[[rows]]\nfault = "redis_down"'


@pytest.fixture
def write(tmp_path):
    def to(text):
        path = tmp_path / "matrix.toml"
        path.write_text(text)
        return path

    return to


def test_a_row_without_strategies_is_run_with_all_but_naive(write):
    cells = list(read_matrix(write(SMALL)).cells())
    assert [(cell.strategy, cell.fault) for cell in cells] == [
        ("row_lock", "none"),
        ("redis_writeback", "none"),
        ("row_lock", "early_open"),
        ("redis_writeback", "early_open"),
        ("row_lock", "redis_down"),
    ]


def test_each_cell_has_a_plan_of_its_own(write):
    _, _, first, second, outage = read_matrix(write(SMALL)).cells(seed=7)
    assert first.plan.app.allocation == "row_lock"
    assert first.plan.seed == second.plan.seed == 7
    assert first.plan.event.students == 40
    assert (first.plan.students.late, first.plan.students.outsiders) == (0.0, 0.05)
    assert (second.plan.students.late, second.plan.students.outsiders) == (0.0, 0.1)
    (fault,) = first.plan.faults
    assert (fault.name, fault.at, fault.grade) == ("early_open", -1.0, "on")
    (fault,) = outage.plan.faults
    assert (fault.at, fault.lasts) == (1.0, 3.0)


def test_a_strategy_may_expect_something_else_and_allow_more(write):
    _, _, first, second, outage = read_matrix(write(SMALL)).cells()
    assert first.expect == ("audit.sold_early",)
    assert len(second.expect) == 2
    assert outage.allow == ("pools.*.slow_holder", "lost.*")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('fault = "earthquake"', "rows.2.fault"),
        ('faullt = "leak"', "did you mean fault?"),
        ('fault = "leak"\nby.row_lock.expekt = []', "did you mean expect?"),
        ('fault = "leak"\nexpect = ["it breaks"]', 'such as "audit.oversold"'),
        ('fault = "leak"\nstrategies = ["clever"]', "rows.2.strategies.0 = …: expected 'naive'"),
        ('fault = "leak"\nstrategies = ["row_lock"]\nby.optimistic.expect = []', "by.optimistic"),
        ('fault = "early_open"', "the cell row_lock x early_open is there twice"),
        ('fault = "leak"\ngrade = "300%"', "cell row_lock x leak: faults.0"),
        ('fault = "leak"\nset.app.workerz = 1', "app.workerz"),
        ('fault = "client_position"', "needs app.waiting_room"),
        ('fault = "leak"', "expect is empty: name what leak has to be found by"),
        (f"{LEAK}by.row_lock.expect = []", "cell row_lock x leak: expect is empty"),
        (f"{LEAK}set.app = 5", "app = 5: expected a table of keys"),
        (f"{LEAK}strategies = []", "row leak has no strategy"),
        (f"{LEAK}set.app.allocation = 'naive'", "leave out app.allocation in base and set"),
        (f"{LEAK}set.faults = []", "leave out faults in base and set"),
        (f"{LEAK}set.target = {{ stage = 'external', url = 'http://127.0.0.1:9' }}", "external"),
        (
            'fault = "redelivery"\nexpect = ["audit.oversold"]',
            "redis_writeback, sqs_writeback or",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(write, text, sentence):
    path = write(f"{SMALL.partition(LAST_ROW)[0]}[[rows]]\n{text}\n")
    with pytest.raises(PlanInvalidError, match=r"[.?]$") as error:
        read_matrix(path)
    assert sentence in str(error.value)


@pytest.mark.parametrize("rows", ["rows = []", "strategies = []\n[[rows]]"])
def test_a_matrix_without_a_cell_proves_nothing(write, rows):
    with pytest.raises(PlanInvalidError, match=r"rows is empty|has no strategy"):
        read_matrix(write(f'name = "empty"\n{rows}\n'))


def test_a_base_that_is_no_table_is_a_sentence(write):
    with pytest.raises(PlanInvalidError, match="app = 5: expected a table of keys"):
        read_matrix(write('name = "bad"\nbase.app = 5\n[[rows]]\n'))


def test_a_matrix_is_no_plan_and_a_plan_no_matrix(write):
    path = write(SMALL)
    assert is_matrix(path)
    assert not is_matrix(Path("smoke"))
    with pytest.raises(PlanError, match="run it with `rehearse matrix`"):
        read_plan(path)
    with pytest.raises(PlanInvalidError, match=r"rows.*missing"):
        read_matrix(Path("smoke"))


def kinds(strategies):
    """Where the truth is, and when the row comes: what sets strategies apart from outside."""
    return {
        (STRATEGIES[each].holders_in_redis, STRATEGIES[each].writes_back) for each in strategies
    }


def tried():
    """The faults of the matrix: what is done to any service has tests of its own, on each stage."""
    return [name for name, kind in FAULTS.items() if kind.place != "service"]


def test_the_bundled_matrix_tries_every_strategy_and_every_fault():
    cells = list(read_matrix(Path("plans/matrix.toml")).cells())
    assert {cell.strategy for cell in cells if cell.fault == "none"} == set(STRATEGIES)
    assert {cell.fault for cell in cells} == {"none", *tried()}


def test_what_a_process_or_a_store_takes_along_is_tried_with_every_sound_strategy():
    cells = list(read_matrix(Path("plans/matrix.toml")).cells())
    sound = {name for name, strategy in STRATEGIES.items() if strategy.sound}
    for fault in ("kill_after_grant", "worker_crash", "redis_wipe", "redis_down", "database_down"):
        assert {cell.strategy for cell in cells if cell.fault == fault} == sound, fault


def test_every_other_fault_is_tried_with_rows_in_postgresql_and_with_holders_in_redis():
    cells = list(read_matrix(Path("plans/matrix.toml")).cells())
    for fault in tried():
        tried_with = {cell.strategy for cell in cells if cell.fault == fault}
        in_redis = {STRATEGIES[strategy].holders_in_redis for strategy in tried_with}
        if fault in ("redelivery", "drop_queue_items"):
            assert kinds(tried_with) == {(True, True)}, fault
        elif fault in ("duplicate_check_before_lock", "unique_off"):
            assert kinds(tried_with) == {(False, False)}, fault
        elif fault not in ("worker_stopped", "cpu_hogs"):  # it does not matter what the worker does
            assert in_redis == {True, False}, fault


def test_what_is_judged_by_how_long_it_took_is_alone():
    cells = list(read_matrix(Path("plans/matrix.toml")).cells())
    alone = {cell.fault for cell in cells if cell.alone}
    assert alone == {
        *("none", "worker_stopped", "database_stopped", "cpu_hogs"),
        *("lock_held", "slow_code", "busy_code", "slow_login", "slow_redis", "loop_block"),
    }


def test_every_seeded_fault_of_the_bundled_matrix_has_to_be_found_and_only_naive_is_wrong():
    cells = list(read_matrix(Path("matrix")).cells())
    for cell in cells:
        wrong = cell.fault != "none" or cell.strategy == "naive"
        assert bool(cell.expect) == wrong, cell.name


def test_a_healthy_cell_of_the_bundled_matrix_is_right_only_as_a_pass_without_a_cause():
    healthy = [cell for cell in read_matrix(Path("matrix")).cells() if not cell.plan.faults]
    assert {cell.strategy for cell in healthy} == set(STRATEGIES)
    for cell in healthy:
        if STRATEGIES[cell.strategy].sound:
            assert (cell.expect, cell.allow) == ((), ()), cell.name
        assert all(each.startswith("audit.") for each in cell.allow), cell.name
        assert cell.plan.generator.max_foreign_cpu == 0.3, "slow beside others proves nothing"


def test_tables_within_tables_are_merged():
    one = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert merged(one, {"a": {"c": {"f": 4}}, "e": {"g": 5}}) == {
        "a": {"b": 1, "c": {"d": 2, "f": 4}},
        "e": {"g": 5},
    }
    assert one["a"]["c"] == {"d": 2}
