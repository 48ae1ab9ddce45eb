"""Pushing puts all in place once, on Grafana 10 to 13, and gets along with what is there."""

import copy

import pytest

from dress_rehearsal.dashboards import errors
from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.push import push
from tests.dashboards.push.grafana_double import grafana
from tests.dashboards.push.grafana_rules import EDITOR, TOKEN
from tests.dashboards.push.pushing import (
    DASHBOARDS,
    INDEX,
    OPEN,
    POOLS,
    PROMETHEUS,
    VERSIONS,
    failure,
    pushed,
)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_first_push_makes_everything_and_a_second_changes_nothing(version):
    with grafana(version=version) as double:
        first = pushed(double)
        assert double.folders["dress-rehearsal"]["title"] == "Dress Rehearsal"
        assert double.datasources["rehearsal-prometheus"]["url"] == PROMETHEUS
        for uid, held in double.dashboards.items():
            assert held["folderUid"] == "dress-rehearsal"
            assert held["dashboard"]["panels"] == DASHBOARDS[uid]["panels"]
        assert first.outcomes[f"dashboard {OPEN}"] == "created"
        assert first.url == f"{double.url}/d/{OPEN}"
        before = copy.deepcopy((double.folders, double.dashboards))
        double.requests.clear()
        second = pushed(double)
        assert double.writes() == []
        assert set(second.outcomes.values()) == {"unchanged", "there already"}
        assert (double.folders, double.dashboards) == before


@pytest.mark.parametrize("version", VERSIONS)
def test_a_changed_dashboard_is_saved_over_the_version_that_was_read(version):
    with grafana(version=version) as double:
        pushed(double)
        changed = {**DASHBOARDS, OPEN: {**DASHBOARDS[OPEN], "title": "Ticket open!"}}
        outcomes = pushed(double, dashboards=changed).outcomes
        assert outcomes[f"dashboard {OPEN}"] == "updated"
        assert outcomes[f"dashboard {POOLS}"] == "unchanged"
        assert double.dashboards[OPEN]["dashboard"]["version"] == 2
        assert double.dashboards[OPEN]["message"] == "rehearse dashboards push"


@pytest.mark.parametrize("version", ["11.6.0", "13.1.0"])
def test_what_was_changed_by_hand_or_moved_is_put_back(version):
    with grafana(version=version) as double:
        pushed(double)
        double.dashboards[OPEN]["dashboard"]["panels"] = []
        double.dashboards[POOLS]["folderUid"] = ""
        double.folders["dress-rehearsal"]["title"] = "Something else"
        outcomes = pushed(double).outcomes
        assert outcomes[f"dashboard {OPEN}"] == outcomes[f"dashboard {POOLS}"] == "updated"
        assert outcomes["folder dress-rehearsal"] == "renamed"
        assert double.dashboards[OPEN]["dashboard"]["panels"] == DASHBOARDS[OPEN]["panels"]
        assert double.dashboards[POOLS]["folderUid"] == "dress-rehearsal"
        assert double.folders["dress-rehearsal"]["title"] == "Dress Rehearsal"


def test_a_grafana_that_stores_dashboards_in_another_form_but_makes_no_version_is_unchanged():
    with grafana(version="13.0.0") as double:
        pushed(double)
        double.answer(
            "GET",
            f"/dashboards/uid/{OPEN}",
            body={
                "dashboard": {**DASHBOARDS[OPEN], "schemaVersion": 42, "version": 1},
                "meta": {"folderUid": "dress-rehearsal"},
            },
        )
        assert pushed(double).outcomes[f"dashboard {OPEN}"] == "unchanged"


def test_the_dashboards_of_this_project_are_taken_and_found_unchanged():
    built = dashboards()
    with grafana() as double:
        push(double.url, TOKEN, built, datasource_url=PROMETHEUS)
        assert {OPEN, POOLS, INDEX} < set(double.dashboards)
        double.requests.clear()
        push(double.url, TOKEN, built)
        assert double.writes() == []


def test_it_works_below_a_path_and_with_a_slash_at_the_end():
    with grafana(prefix="/grafana") as double:
        made = push(f"{double.url}/", f" {TOKEN}\n", dashboards={}, datasource_url=PROMETHEUS)
        assert made.url == f"{double.url}/d/"
        assert "dress-rehearsal" in double.folders


@pytest.mark.parametrize("version", VERSIONS)
def test_an_editors_token_is_enough_though_what_is_missing_answers_403(version):
    with grafana(version=version, permissions=EDITOR) as double:
        first = pushed(double, datasource_url=None)
        assert first.outcomes["folder dress-rehearsal"] == "created"
        (note,) = first.notes
        assert "datasources:read" in note
        double.requests.clear()
        pushed(double, datasource_url=None)
        assert double.writes() == []


# Versions.


def test_a_grafana_that_is_too_old_is_refused_before_it_sees_the_token():
    with grafana(version="9.5.21") as double:
        said = failure(double, errors.VersionTooOldError)
        assert "Grafana 9.5.21" in said and "10 or newer" in said
        assert "Nothing was changed" in said
        assert [each.path for each in double.requests] == ["/health"]


@pytest.mark.parametrize(("version", "word"), [("14.2.0", "newer"), ("", "does not tell")])
def test_a_version_that_is_unknown_is_pushed_to_with_a_note(version, word):
    with grafana(version=version) as double:
        (note,) = pushed(double).notes
        assert word in note
        assert OPEN in double.dashboards


def test_a_grafana_without_its_database_is_not_pushed_to():
    with grafana() as double:
        double.answer("GET", "/health", 503, {"database": "failing", "version": "11.6.0"})
        assert "database is not reachable" in failure(double, errors.ServerFailedError)
        assert len(double.requests) == 1


# Conflicts with what is there.


def test_a_missing_data_source_is_told_before_anything_is_made():
    with grafana() as double:
        said = failure(double, errors.MissingError, datasource_url=None)
        assert "--datasource-url" in said and "rehearsal-prometheus" in said
        assert "Nothing was changed" in said
        assert double.writes() == []


def test_a_data_source_that_is_there_is_used_and_left_as_it_is():
    there = {"uid": "rehearsal-prometheus", "type": "prometheus", "url": "http://prom:9090/"}
    with grafana(datasources={"rehearsal-prometheus": dict(there)}) as double:
        assert pushed(double, datasource_url=None).notes == []
        assert pushed(double, datasource_url="http://prom:9090").notes == []
        (note,) = pushed(double).notes
        assert "left as it is" in note
        assert double.datasources["rehearsal-prometheus"] == there


def test_a_data_source_of_another_kind_or_name_is_a_conflict():
    with grafana(datasources={"rehearsal-prometheus": {"type": "loki", "url": ""}}) as double:
        assert "'loki'" in failure(double, errors.ConflictError)
    with grafana(datasources={"x": {"name": "Dress Rehearsal Prometheus"}}) as double:
        assert "with another uid" in failure(double, errors.ConflictError)


def test_another_folder_with_the_same_title_is_a_conflict_only_in_grafana_10():
    other = {"other": {"uid": "other", "title": "Dress Rehearsal", "version": 1}}
    with grafana(version="10.4.1", folders=copy.deepcopy(other)) as double:
        assert "another folder is titled" in failure(double, errors.ConflictError)
    with grafana(version="11.6.0", folders=copy.deepcopy(other)) as double:
        pushed(double)
        assert set(double.folders) == {"other", "dress-rehearsal"}


def test_another_dashboard_with_the_same_title_is_let_be():
    with grafana(version="10.4.1") as double:
        pushed(double)
        theirs = double.dashboards.pop(OPEN)
        double.dashboards["theirs"] = theirs
        theirs["dashboard"]["uid"] = "theirs"
        kept = copy.deepcopy(theirs)
        said = failure(double, errors.ConflictError)
        assert "'Ticket open'" in said and "same name in the folder" in said
        assert double.dashboards["theirs"] == kept


def test_a_provisioned_dashboard_is_not_pushed_over():
    with grafana() as double:
        pushed(double)
        double.dashboards[POOLS].update(provisioned=True)
        double.dashboards[POOLS]["dashboard"]["title"] = "From a file"
        assert "provisioning files" in failure(double, errors.ConflictError)


@pytest.mark.parametrize("times", [1, 2])
def test_a_change_by_somebody_else_in_between_is_read_again(times):
    with grafana() as double:
        pushed(double)
        double.dashboards[OPEN]["dashboard"]["title"] = "Edited"
        double.folders["dress-rehearsal"]["title"] = "Edited"
        left = {"dashboard": times, "folder": times}

        def edit(double, asked):
            if asked.path == "/dashboards/db" and left["dashboard"]:
                left["dashboard"] -= 1
                double.dashboards[OPEN]["dashboard"]["version"] += 1
            if asked.method == "PUT" and left["folder"]:
                left["folder"] -= 1
                double.folders["dress-rehearsal"]["version"] += 1

        double.before = edit
        outcomes = pushed(double).outcomes
        assert outcomes[f"dashboard {OPEN}"] == "updated"
        assert outcomes["folder dress-rehearsal"] == "renamed"


def test_endless_changes_by_somebody_else_end_the_push():
    with grafana() as double:
        pushed(double)
        double.dashboards[OPEN]["dashboard"]["title"] = "Edited"

        def edit(double, asked):
            if asked.path == "/dashboards/db":
                double.dashboards[OPEN]["dashboard"]["version"] += 1

        double.before = edit
        said = failure(double, errors.ConflictError)
        assert "3 times" in said and "Nothing was changed" in said


def test_a_folder_that_somebody_makes_at_the_same_moment_is_used():
    with grafana() as double:

        def make(double, asked):
            if (asked.method, asked.path) == ("POST", "/folders"):
                double.folders["dress-rehearsal"] = {"title": "Dress Rehearsal", "version": 1}

        double.before = make
        assert pushed(double).outcomes["folder dress-rehearsal"] == "unchanged"


def test_a_folder_without_a_version_as_in_grafana_12_0_0_is_renamed():
    with grafana(version="12.0.0") as double:
        pushed(double)
        double.folders["dress-rehearsal"]["title"] = "Edited"
        double.answer("GET", "/folders/dress-rehearsal", body={"title": "Edited"})
        assert pushed(double).outcomes["folder dress-rehearsal"] == "renamed"
