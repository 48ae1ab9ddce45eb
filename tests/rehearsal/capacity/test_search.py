"""The search finds the edge of an oracle, whatever happens on the way, within the tries it told."""

import random

import pytest

from dress_rehearsal.rehearsal.capacity.search import Asked, Search, between, is_close
from dress_rehearsal.reports.capacity.standing import edge_of, standings


def asked(**changed):
    usual = {"own": 12_000, "least": 750, "most": 192_000, "within": 0.1, "repeats": 3}
    return Asked(**(usual | changed))


def searched(oracle, question=None):
    """Return a search that was carried out as the conductor does: within the tries it told."""
    search = Search(question or asked())
    most = search.at_most()
    while (load := search.next()) is not None and search.number < most:
        search.record(load, oracle(load))
        most = min(most, search.at_most())
    return search


def edge(search):
    return edge_of(standings(search.tried, search._asked.repeats))


@pytest.mark.parametrize("capacity", [760, 5_000, 11_999, 12_000, 17_999, 18_000, 60_000, 191_999])
def test_the_edge_is_found_to_what_was_asked_within_the_tries_that_were_told(capacity):
    search = searched(lambda load: "pass" if load <= capacity else "fail")
    low, above = edge(search)
    assert low <= capacity < above
    assert above <= low * 1.1
    assert search.number <= Search(asked()).at_most() - asked().spare
    for load in (low, above):
        assert search.tried[load] == search.tried[load][:1] * 2, "the edge is tried again"


def test_the_plan_s_own_number_comes_first_and_half_as_much_again_is_tried_itself():
    search = searched(lambda load: "pass" if load <= 20_000 else "fail")
    loads = list(search.tried)
    assert loads[:3] == [12_000, 24_000, 18_000]


@pytest.mark.parametrize(("outcome", "end"), [("pass", 192_000), ("fail", 750)])
def test_where_everything_says_the_same_it_ends_at_the_bound_and_tries_that_again(outcome, end):
    search = searched(lambda load: outcome)
    assert edge(search) == ((end, None) if outcome == "pass" else (None, end))
    assert search.tried[end] == [outcome, outcome]
    assert search.next() is None


@pytest.mark.parametrize("seed", range(10))
def test_a_noisy_edge_is_found_by_majority_within_the_tries_that_were_told(seed):
    rng = random.Random(seed)

    def noisy(load):
        chance = min(max((load / 20_000 - 0.85) / 0.3, 0), 1)  # of failing: 0 at 17k, 1 at 23k
        return "fail" if rng.random() < chance else "pass"

    search = searched(noisy)
    assert search.number <= Search(asked()).at_most()
    low, above = edge(search)
    assert 14_000 <= low < above <= 24_000


def test_one_lucky_try_is_not_believed_once_the_edge_is_tried_again():
    lucky = iter(["pass"])
    search = searched(lambda load: "pass" if load <= 9_000 else next(lucky, "fail"))
    low, above = edge(search)
    assert low <= 9_000 < above
    assert above <= low * 1.1
    assert search.tried[12_000] == ["pass", "fail", "fail"]


def test_with_one_repeat_every_load_is_tried_once():
    search = searched(lambda load: "pass" if load <= 15_000 else "fail", asked(repeats=1))
    assert all(len(outcomes) == 1 for outcomes in search.tried.values())


def test_a_generator_at_its_end_ends_the_search_upward_and_what_is_below_is_still_found():
    search = searched(lambda load: "pass" if load <= 30_000 else "limited")
    low, above = edge(search)
    assert low <= 30_000 < above <= low * 1.1
    assert max(search.tried) == 48_000, "nothing larger is tried"
    assert search.tried[above] == ["limited", "limited"]


def test_a_generator_that_was_late_once_is_not_believed_at_once():
    late = iter(["limited"])
    search = searched(lambda load: next(late, "pass") if load == 24_000 else "pass")
    assert edge(search) != (None, 24_000)
    assert search.number <= Search(asked()).at_most()


def test_what_decides_nothing_is_tried_again_and_then_left_undecided():
    search = searched(lambda load: "undecided" if load == 24_000 else "pass")
    assert search.tried[24_000] == ["undecided"] * 3
    low, above = edge(search)
    assert above == 24_000
    assert low < 24_000
    once = iter(["undecided"])
    search = searched(lambda load: next(once, "pass" if load <= 15_000 else "fail"))
    assert search.tried[12_000][:2] == ["undecided", "pass"]


def test_on_a_machine_that_decides_nothing_it_ends_within_the_tries_that_were_told():
    search = searched(lambda load: "undecided")
    assert search.number <= Search(asked()).at_most()
    assert edge(search).passes is None


@pytest.mark.slow
def test_the_bound_holds_for_any_outcomes_and_never_grows():
    for seed in range(12):
        rng = random.Random(seed)
        words = ["pass", "fail", "limited", "undecided"]
        search = Search(asked(own=rng.randint(1, 500), least=1, most=8_000))
        told = [search.at_most()]
        while (load := search.next()) is not None and search.number < told[-1]:
            search.record(load, rng.choice(words))
            told.append(min(told[-1], search.at_most()))
        assert search.number <= told[0]


def test_a_bound_given_by_the_user_is_kept_to():
    search = searched(lambda load: "pass", asked(least=1_000, most=15_000))
    assert max(search.tried) == 15_000
    search = searched(lambda load: "fail", asked(least=10_000))
    assert min(search.tried) == 10_000
    search = searched(lambda load: "pass", asked(most=9_000))
    assert set(search.tried) == {9_000}


def test_few_people_are_told_apart_one_by_one():
    search = searched(lambda load: "pass" if load <= 3 else "fail", asked(own=2, least=1, most=32))
    assert edge(search) == (3, 4)


@pytest.mark.parametrize(("low", "above"), [(1, 3), (90, 100), (4_000, 8_000), (99_999, 180_000)])
def test_what_is_tried_between_two_loads_lies_between_them(low, above):
    assert low < between(low, above, asked(own=10**6, within=0.01)) < above


def test_close_is_what_was_asked():
    assert is_close(100, 110, 0.1)
    assert not is_close(100, 111, 0.1)
    assert is_close(5, 6, 0.01)
