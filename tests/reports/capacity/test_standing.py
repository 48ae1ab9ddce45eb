"""What several tries of one load say together, and where the loads that pass end."""

import pytest

from dress_rehearsal.reports.capacity.standing import edge_of, is_settled, standing


@pytest.mark.parametrize(
    ("outcomes", "repeats", "word", "settled"),
    [
        ([], 3, "open", False),
        (["pass"], 1, "pass", True),
        (["pass"], 3, "pass", False),
        (["pass", "pass"], 3, "pass", True),
        (["pass", "fail"], 3, "open", False),
        (["pass", "fail", "fail"], 3, "fail", True),
        (["fail", "pass"], 2, "fail", True),  # half is not most
        (["pass", "limited"], 2, "limited", True),
        (["undecided"], 3, "open", False),
        (["undecided", "pass"], 3, "pass", False),
        (["undecided"] * 3, 3, "undecided", False),
        (["pass", *["undecided"] * 3], 3, "pass", False),  # by one run
        (["pass", "fail", *["undecided"] * 3], 3, "undecided", False),
        (["wrong", "pass", "pass", "pass"], 3, "fail", True),  # nobody is wronged any less
        (["limited", "wrong"], 3, "fail", True),
    ],
)
def test_most_of_the_tries_that_decide_something_decide(outcomes, repeats, word, settled):
    assert standing(outcomes, repeats) == word
    assert is_settled(outcomes, repeats) is settled


def test_the_edge_is_below_the_smallest_load_that_does_not_pass():
    assert edge_of({10: "pass", 20: "pass", 30: "fail"}) == (20, 30)
    assert edge_of({10: "pass", 20: "fail", 30: "pass"}) == (10, 20), "what passed above is luck"
    assert edge_of({10: "pass", 20: "limited", 30: "fail"}) == (10, 20)
    assert edge_of({10: "fail"}) == (None, 10)
    assert edge_of({10: "pass"}) == (10, None)
    assert edge_of({}) == (None, None)
