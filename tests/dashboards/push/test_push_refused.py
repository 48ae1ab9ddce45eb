"""A push that Grafana refuses says why, what was done and what was not."""

import pytest

from dress_rehearsal.dashboards import errors
from tests.dashboards.push.grafana_double import grafana
from tests.dashboards.push.grafana_rules import ADMIN, EDITOR, TOKEN
from tests.dashboards.push.pushing import DASHBOARDS, INDEX, OPEN, POOLS, failure, pushed

# Refusals of every status, on every route that is written to.


def test_a_wrong_token_is_told_and_not_shown():
    with grafana(token="glsa_another") as double:
        said = failure(double, errors.TokenRefusedError)
        assert "REHEARSE_GRAFANA_TOKEN" in said and "Nothing was changed" in said
        assert double.writes() == []


ROUTES = {
    "datasources:create": ("data source rehearsal-prometheus", []),
    "folders:create": ("folder dress-rehearsal", ["data source"]),
    "dashboards:create": (f"dashboard {OPEN}", ["data source", "folder"]),
}


@pytest.mark.parametrize("permission", ROUTES)
def test_a_missing_permission_is_named_with_what_was_done_and_what_not(permission):
    part, done = ROUTES[permission]
    with grafana(permissions=ADMIN - {permission}) as double:
        said = failure(double, errors.PermissionMissingError)
        asked, _, rest = said.partition("\n")
        assert f"the permission {permission}" in asked or permission in asked
        assert all(f"{word} " in rest for word in done)
        if done:
            changed, _, left = rest.partition("Not done:")
            assert all(word in changed for word in done) and part not in changed
            assert part in left and f"dashboard {POOLS}" in left
            assert "Push again" in left
        else:
            assert rest == "Nothing was changed in Grafana."


@pytest.mark.parametrize("permission", ["folders:write", "dashboards:write"])
def test_a_missing_permission_to_change_is_named(permission):
    with grafana() as double:
        pushed(double)
        double.permissions = ADMIN - {permission}
        double.folders["dress-rehearsal"]["title"] = "Something else"
        double.dashboards[OPEN]["dashboard"]["title"] = "Something else"
        assert permission in failure(double, errors.PermissionMissingError)


def test_reading_a_data_source_takes_a_permission_where_one_is_to_be_made():
    with grafana(permissions=EDITOR) as double:
        said = failure(double, errors.PermissionMissingError)
        assert "datasources:read on datasources:uid:rehearsal-prometheus" in said
        assert double.writes() == []


def test_a_folder_or_dashboard_that_is_there_but_not_to_be_seen_names_the_permission():
    with grafana(version="13.1.0", permissions=EDITOR) as double:
        pushed(double, datasource_url=None)
        double.unseen = {POOLS}
        said = failure(double, errors.PermissionMissingError, datasource_url=None)
        assert f"dashboards:read on dashboards:uid:{POOLS}" in said
        double.unseen = {"dress-rehearsal"}
        said = failure(double, errors.PermissionMissingError, datasource_url=None)
        assert "folders:read on folders:uid:dress-rehearsal" in said


STATUSES = {
    400: errors.RequestRefusedError,
    401: errors.TokenRefusedError,
    403: errors.PermissionMissingError,
    404: errors.MissingError,
    409: errors.ConflictError,
    412: errors.ConflictError,
    422: errors.RequestRefusedError,
    429: errors.RequestRefusedError,
    500: errors.ServerFailedError,
    502: errors.ServerFailedError,
    503: errors.ServerFailedError,
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/datasources", "data source rehearsal-prometheus"),
        ("/folders", "folder dress-rehearsal"),
        ("/dashboards/db", f"dashboard {OPEN}"),
    ],
)
def test_every_error_of_every_write_says_what_and_how_far(status, path, part):
    with grafana() as double:
        double.answer("POST", path, status, {"message": f"because \x1b[31m of {TOKEN}"})
        said = failure(double, STATUSES[status])
        assert "\x1b" not in said
        reason, _, rest = said.partition("\n")
        assert reason.endswith(".") or "because" in reason
        undecided = f"Whether the last request, for {part}, took effect is not known."
        assert (undecided in rest) == (status >= 500)
        if path == "/datasources" and status < 500:
            assert rest == "Nothing was changed in Grafana."
        else:
            assert f"Not done: {part}" in rest


def test_a_failure_half_way_through_the_dashboards_says_which_are_there():
    with grafana() as double:
        double.answer("POST", "/dashboards/db", 500, after=1)
        said = failure(double, errors.ServerFailedError)
        assert f"dashboard {OPEN} created" in said
        assert f"for dashboard {POOLS}, took effect is not known" in said
        assert f"Not done: dashboard {POOLS}; dashboard {INDEX}." in said
        assert list(double.dashboards) == [OPEN]


def test_empty_bodies_of_writes_are_no_failures_and_those_of_reads_are():
    with grafana() as double:
        double.answer("POST", "/folders", 200, b"", apply=True)
        double.answer("POST", "/dashboards/db", 200, b"", apply=True)
        pushed(double)
        assert list(double.dashboards) == list(DASHBOARDS)
        double.answer("GET", "/folders/dress-rehearsal", 200, b"")
        assert "with status 200 and nothing" in failure(double, errors.ServerFailedError)


def test_a_success_that_is_no_json_leaves_open_whether_it_was_one():
    with grafana() as double:
        double.answer("POST", "/folders", 200, b"<html>log in</html>")
        said = failure(double, errors.ServerFailedError)
        assert "something that is not JSON" in said and "is not known" in said


@pytest.mark.parametrize("body", [{"dashboard": 7, "meta": {}}, {"message": "no dashboard"}])
def test_an_answer_of_another_shape_is_told(body):
    with grafana() as double:
        double.answer("GET", "/dashboards/uid/rehearsal-open", 200, body)
        assert "GET /api/dashboards/uid" in failure(double, errors.ServerFailedError)
