"""A scenario's steps: named as they are met, and never too many."""

from dress_rehearsal.records.steps import MOST_STEPS, OTHER, PAGE, PURCHASE, REST, TICKET, Steps


def test_a_step_has_the_role_of_what_it_was_first_known_to_be_for():
    steps = Steps({"GET /": PAGE})
    place = steps.code("POST /orders")
    assert steps.roles[place] == OTHER
    assert steps.give(place, PURCHASE) == steps.give(place, TICKET) == place
    assert steps.role_of("POST /orders") == PURCHASE
    assert Steps.read(steps.text()).text() == steps.text()


def test_those_that_there_is_no_room_for_share_a_name_for_each_role():
    steps = Steps({f"GET /{number}": PAGE for number in range(MOST_STEPS)})
    rest = steps.code("GET /one-more")
    clicks = {steps.give(steps.code(f"POST /{number}"), PURCHASE) for number in range(9)}
    assert steps.names[rest] == REST
    assert len(clicks) == 1
    assert steps.of_role(PURCHASE) == (f"{REST} ({PURCHASE})",)
    assert steps.give(rest, OTHER) == rest
    assert len(steps) == MOST_STEPS + 2
    assert Steps.read(steps.text()).text() == steps.text()


def test_a_step_that_is_for_something_is_found_again_by_both():
    steps, twin = Steps({"GET /": PAGE}), Steps({"GET /": PAGE})
    met = [("GET /", OTHER), ("POST /o", OTHER), ("POST /o", PURCHASE), ("POST /o", TICKET)]
    met += [(f"GET /{number}", TICKET) for number in range(MOST_STEPS)]
    for name, role in met * 2:
        assert steps.place(name, role) == twin.give(twin.code(name), role)
    assert steps.text() == twin.text()
    assert steps.of_role(PURCHASE) == ("POST /o",)


def test_they_can_be_written_down_while_another_thread_meets_a_new_one():
    """A shard is written beside the loop, and Python may go over to it between any two steps."""
    steps = Steps({"GET /": PAGE})

    class Amid(list[str]):
        def append(self, word: str) -> None:
            super().append(word)
            read.append(Steps.read(steps.text()))

    read: list[Steps] = []
    steps.names, steps.roles = Amid(steps.names), Amid(steps.roles)
    steps.code("POST /orders", PURCHASE)
    assert [each.names for each in read] == [["GET /"], ["GET /", "POST /orders"]]
    assert read[-1].role_of("POST /orders") == PURCHASE
