"""Shares are everybody once; each holds what its worker needs, and no other student's PIN."""

from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dress_rehearsal.plans import Person, plan_toml, seeded_people
from dress_rehearsal.scenarios.timetable import draw_timetable
from dress_rehearsal.scenarios.workers.share import Share, digest_of, of_share, shares

STUDENTS = 10


@pytest.fixture
def people():
    return [Person(f"S{n}", f"pin{n}", n % 3 != 0, {"mail": f"{n}@x"}) for n in range(STUDENTS)]


def dealt(plan, people, of):
    timetable = draw_timetable(plan, people)
    text = plan_toml(plan)
    return list(shares("run", plan, text, "http://127.0.0.1:1", people, timetable, of))


def through_the_wire(share):
    return Share.read(msgspec.msgpack.decode(msgspec.msgpack.encode(share.content())))


@pytest.mark.parametrize("of", [1, 2, 3, 7, 12])
def test_shares_are_everybody_once(small_plan, people, of):
    plan = small_plan(event__students=STUDENTS)
    timetable = draw_timetable(plan, people)
    taken = [list(of_share(timetable, number, of)) for number in range(of)]
    assert sorted(chain(*taken)) == list(range(STUDENTS))
    sizes = [len(each) for each in taken]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) - min(sizes) <= 1
    given = [set(share.people) for share in dealt(plan, people, of)]
    assert given == [set(each) for each in taken]


def test_a_worker_knows_its_own_students_and_of_the_others_only_who_is_enrolled(small_plan, people):
    first = through_the_wire(dealt(small_plan(event__students=STUDENTS), people, 3)[0])
    everybody = first.everybody()
    for place, person in enumerate(everybody):
        assert person.enrolled == people[place].enrolled
        known = person == people[place] and person.further == people[place].further
        assert known == (place in first.people)
    told = msgspec.msgpack.encode(first.content())
    others = [person for place, person in enumerate(people) if place not in first.people]
    assert not any(person.pin.encode() + b"\x81" in told for person in others)
    assert "pin" not in repr(everybody)
    strangers = {id(everybody[place]) for place in range(STUDENTS) if place not in first.people}
    assert len(strangers) <= 2


@pytest.mark.parametrize("of", [1, 2, 3])
def test_every_worker_draws_the_timetable_that_one_process_draws(small_plan, people, tmp_path, of):
    plan = small_plan(event__students=STUDENTS)
    alone = digest_of(draw_timetable(plan, people))
    for share in map(through_the_wire, dealt(plan, people, of)):
        folder = tmp_path / share.name
        folder.mkdir()
        drawn = draw_timetable(share.placed(folder), share.everybody())
        assert digest_of(drawn) == share.timetable == alone


def test_another_seed_or_another_roster_is_another_timetable(small_plan, people):
    plan = small_plan(event__students=STUDENTS)
    digests = {
        digest_of(draw_timetable(plan, people)),
        digest_of(draw_timetable(small_plan(event__students=STUDENTS, seed=7), people)),
        digest_of(draw_timetable(plan, list(seeded_people(plan)))),
    }
    assert len(digests) == 3


def test_one_draw_that_differs_is_seen(small_plan, people):
    timetable = draw_timetable(small_plan(event__students=STUDENTS), people)
    before = digest_of(timetable)
    timetable.click_s[3] = np.nextafter(timetable.click_s[3], 1)
    assert digest_of(timetable) != before


def foreign(small_plan, file):
    return small_plan(
        event__students=STUDENTS,
        scenario__file=str(file),
        target__stage="external",
        target__url="http://127.0.0.1:1",
    )


def test_a_scenario_comes_with_its_share_where_the_worker_has_none(small_plan, people, tmp_path):
    file, folder = tmp_path / "shop.py", tmp_path / "worker"
    folder.mkdir()
    file.write_text("there = 1\n")
    [share] = dealt(foreign(small_plan, file), people, 1)
    file.unlink()
    placed = share.placed(folder).scenario.file
    assert placed.startswith(str(folder))
    assert placed.endswith("/shop.py")
    assert Path(placed).read_text() == "there = 1\n"


@pytest.mark.parametrize("there", ["there = 1\n", "there = 2\n"])
def test_its_own_file_is_used_where_it_is_the_same(small_plan, people, tmp_path, there):
    file, folder = tmp_path / "shop.py", tmp_path / "worker"
    folder.mkdir()
    file.write_text("there = 1\n")
    [share] = dealt(foreign(small_plan, file), people, 1)
    file.write_text(there)
    assert (share.placed(folder).scenario.file == str(file)) == (there == "there = 1\n")
