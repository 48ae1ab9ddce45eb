"""Who suffered: groups add up to the crowd, and show what came of them."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.reports.page.tables import group_tables
from dress_rehearsal.reports.students.suffered import FEWEST, find_groups
from dress_rehearsal.reports.words import written
from tests.steps import LOGIN, PAGE, PURCHASE


def of(groups, by):
    return {group.group: group for group in groups if group.by == by}


def test_groups_add_up_to_the_crowd_whatever_they_are_made_by(healthy, healthy_verdict):
    census = healthy_verdict.census
    for by in ("journey", "devices", "login", "arrival"):
        own = of(healthy_verdict.groups, by).values()
        assert sum(group.students for group in own) == census.students, by
        assert sum(group.ticket for group in own) == census.ticket, by
        assert sum(group.sold_out for group in own) == census.sold_out, by
        bought = int((healthy.requests["step"] == PURCHASE).sum())
        assert sum(group.requests for group in own) == bought, by
    assert len(of(healthy_verdict.groups, "arrival")) == 10
    assert sum(group.no_good_end for group in of(healthy_verdict.groups, "journey").values()) == 0


def test_students_who_failed_are_found_in_their_group(evidence_of):
    groups = find_groups(evidence_of(failed=12, unknown=8))
    for by in ("journey", "devices", "login", "arrival"):
        assert sum(group.no_good_end for group in of(groups, by).values()) == 20, by


def test_a_p99_stands_only_where_there_are_enough_requests(healthy_verdict):
    for group in healthy_verdict.groups:
        assert (group.p99 is None) == (group.waited < FEWEST), group
        if group.p99 is not None:
            assert group.p99_low <= group.p99 <= group.p99_high
    assert any(group.p99 is None for group in healthy_verdict.groups)
    assert any(group.p99 is not None for group in healthy_verdict.groups)


def test_a_group_that_waited_longer_shows_it(healthy):
    """Whoever logged in at T-0 waits 3 s longer to buy."""
    logins = healthy.requests[healthy.requests["step"] == LOGIN].groupby("student")["intended_ns"]
    first = logins.min()
    at_open = first.index[first >= healthy.t0_ns]
    requests = healthy.requests
    slow = (requests["step"] == PURCHASE) & requests["student"].isin(at_open)
    later = {
        name: requests[name] + 3_000_000_000 * slow.astype("int64")
        for name in ("first_byte_ns", "done_ns", "read_ns")
    }
    slower = dataclasses.replace(healthy, requests=requests.assign(**later))
    before, after = (of(find_groups(each), "login") for each in (healthy, slower))
    name = "T-0 to T-0 + 2 s"
    assert after[name].p99 == pytest.approx(before[name].p99 + 3000, abs=1e-3)
    assert after["before T-0"].p99 == before["before T-0"].p99


def test_a_group_of_whom_the_end_of_the_run_cut_one_has_a_lower_bound(healthy, healthy_verdict):
    """However short that one was waited for: it ranks low and would have taken longer."""
    groups = of(healthy_verdict.groups, "journey")
    whose = max(groups, key=lambda name: groups[name].waited)
    rows = healthy.requests.copy()
    mine = (rows["step"] == PURCHASE) & (rows["journey"] == whose)
    shortest = (rows["done_ns"] - rows["intended_ns"])[mine].idxmin()
    for column, word in (("outcome", "unknown"), ("error", "cut")):
        rows[column] = rows[column].astype("object")
        rows.loc[shortest, column] = word
    of_one = of(find_groups(dataclasses.replace(healthy, requests=rows)), "journey")
    bounds = {name for name, group in of_one.items() if group.at_least}
    assert bounds == {whose}
    assert not any(group.at_least for group in find_groups(healthy))


def test_a_group_whose_interval_alone_reaches_a_given_up_request_has_one_without_end(
    healthy, healthy_verdict
):
    groups = of(healthy_verdict.groups, "journey")
    whose = max(groups, key=lambda name: groups[name].waited)
    own = groups[whose]
    rows = healthy.requests.copy()
    mine = (rows["step"] == PURCHASE) & (rows["journey"] == whose)
    felt_ms = (rows["done_ns"] - rows["intended_ns"])[mine].astype("float64") / 1e6
    next_one = felt_ms[felt_ms > own.p99 + 0.001].idxmin()
    assert felt_ms[next_one] <= own.p99_high
    for column, word in (("outcome", "unknown"), ("error", "cut")):
        rows[column] = rows[column].astype("object")
        rows.loc[next_one, column] = word
    found = of(find_groups(dataclasses.replace(healthy, requests=rows)), "journey")[whose]
    assert (found.p99, found.at_least) == (own.p99, False)
    assert (found.p99_low, found.p99_high) == (own.p99_low, None)
    (table,) = group_tables([found])
    assert table.rows[0][-1].text == f"{written(own.p99_low)} or more"


def test_devices_are_counted_only_of_those_who_have_several(healthy):
    requests, students = healthy.requests, healthy.students
    several = students.loc[students["journey"] == "multi-device", "student"].tolist()
    pages = requests[(requests["step"] == PAGE) & requests["student"].isin(several)]
    more = [pages.assign(device=number) for number in (1, 2)]
    more[1] = more[1].iloc[:3]
    rows = np.concatenate([np.arange(len(requests)), *(each.index for each in more)])
    device = np.concatenate([requests["device"], *(each["device"] for each in more)])
    crowded = requests.iloc[rows].assign(device=device).reset_index(drop=True)
    found = of(find_groups(dataclasses.replace(healthy, requests=crowded)), "devices")
    assert found["3 devices or more"].students == 3
    assert found["2 devices"].students == len(several) - 3
    doubles = (students["journey"] == "double-clicker").sum()
    assert found["1 device"].students >= doubles, "their copies go over connections, no devices"


def test_of_how_many_devices_is_not_known_where_no_request_of_them_is_recorded(healthy):
    several = int((healthy.students["journey"] == "multi-device").sum())
    lost = dataclasses.replace(healthy, requests=healthy.requests.head(0))
    found = of(find_groups(lost), "devices")
    assert several > 0
    assert found["not known"].students == several
    assert found["1 device"].students == len(healthy.students) - several
    assert not {"2 devices", "3 devices or more"} & set(found)
    assert "not known" not in of(find_groups(healthy), "devices")


def test_without_students_a_login_or_a_t0_there_are_no_such_groups(healthy):
    assert find_groups(dataclasses.replace(healthy, students=healthy.students.head(0))) == ()
    untimed = dataclasses.replace(healthy, t0_ns=None)
    assert of(find_groups(untimed), "login") == {}
    without = healthy.requests[healthy.requests["step"] != LOGIN]
    unasked = dataclasses.replace(healthy, requests=without)
    assert of(find_groups(unasked), "login") == {}
    assert of(find_groups(unasked), "journey")
    nothing = dataclasses.replace(healthy, requests=healthy.requests.head(0))
    assert {group.requests for group in find_groups(nothing)} == {0}


def test_who_was_told_too_early_is_a_group_beside_the_others(healthy):
    """The first clicks of the first thirty who clicked are refused so."""
    rows = healthy.requests
    clickers = healthy.students.loc[healthy.students["clicked_ns"].notna(), "student"][:30]
    clicks = rows[(rows["step"] == PURCHASE) & rows["student"].isin(clickers)]
    first = rows.index.isin(clicks.groupby("student")["seq"].idxmin())
    error = rows["error"].astype("object")
    error = error.mask(error == "too_early").mask(first, "too_early")
    groups = find_groups(dataclasses.replace(healthy, requests=rows.assign(error=error)))
    own = of(groups, "early_click")
    assert own["refused as too early"].students == 30
    assert sum(group.students for group in own.values()) == len(healthy.students)


def test_where_nobody_was_told_too_early_there_are_no_such_groups(evidence_of):
    rows = evidence_of().requests
    none = rows.assign(error=rows["error"].astype("object").mask(rows["error"] == "too_early"))
    groups = find_groups(dataclasses.replace(evidence_of(), requests=none))
    assert not of(groups, "early_click")
