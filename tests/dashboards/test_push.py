"""Pushing puts all in place once, on Grafana 10 to 13, and says how far it came when it fails."""

import copy
import json
import socket
import ssl
import subprocess
import threading
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dashboards import errors
from dashboards.push import push
from plans.reading import check_plan
from records import RunDirectory, RunDirectoryUnreadable
from tests.dashboards.grafana_double import ADMIN, EDITOR, TOKEN, grafana

VERSIONS = ("10.0.0", "10.4.19+security-01", "11.6.0", "12.0.0", "12.3.1-19204", "13.1.0")
OPEN, POOLS, INDEX = "rehearsal-open", "rehearsal-pools", "rehearsal-index"
DASHBOARDS = {
    uid: {
        "uid": uid,
        "id": None,
        "title": title,
        "schemaVersion": 39,
        "panels": [{"id": 1, "type": "timeseries", "title": "Requests", "maxDataPoints": 100.0}],
        "tags": ["dress-rehearsal"],
    }
    for uid, title in ((OPEN, "Ticket open"), (POOLS, "Pools"), (INDEX, "Rehearsals"))
}
PROMETHEUS = "http://127.0.0.1:9090"
T0_NS = 1_795_226_687_423_150_396
S = 1_000_000_000


@pytest.fixture
def run(tmp_path):
    """A finished run with a fault, two alerts and a verdict."""
    run = RunDirectory.create(tmp_path, check_plan({"name": "festival"}, "festival.toml"))
    run.stamp("phase", "stage_starting", t_ns=T0_NS - 40 * S)
    run.stamp("phase", "arrivals", t_ns=T0_NS - 30 * S)
    run.stamp("t0", "open", t_ns=T0_NS)
    run.stamp("fault", "leak", t_ns=T0_NS + 2 * S, on=True, grade="20%", what="it leaks")
    run.stamp("alert", "pool", t_ns=T0_NS + 3 * S, message="pool <postgres> & more")
    run.stamp("alert", "pool", t_ns=T0_NS + 3 * S, message="again")
    run.stamp("fault", "leak", t_ns=T0_NS + 9 * S, on=False)
    run.stamp("phase", "performed", t_ns=T0_NS + 30 * S)
    run.stamp("phase", "torn_down", t_ns=T0_NS + 33 * S)
    run.write_json(
        "verdict.json",
        {
            "verdict": "fail",
            "reasons": ["3 students were wronged.", "A gate is broken."],
            "gates": [
                {"metric": "audit.oversold", "limit": "== 0", "value": 3, "status": "fail"},
                {"metric": "census.failed", "limit": "<= 1%", "value": 0, "status": "pass"},
            ],
        },
    )
    return run


def pushed(double, **options):
    """Push with what a first push needs."""
    settings = {"dashboards": DASHBOARDS, "datasource_url": PROMETHEUS, **options}
    return push(double.url, TOKEN, **settings)


def failure(double, kind, **options):
    """Push, hold that it fails so and that nothing about it shows the token; give its message."""
    with pytest.raises(kind) as caught:
        pushed(double, **options)
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in shown
    return str(caught.value)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_first_push_makes_everything_and_a_second_changes_nothing(version, run):
    with grafana(version=version) as double:
        first = pushed(double, run=run)
        assert double.folders["dress-rehearsal"]["title"] == "Dress Rehearsal"
        assert double.datasources["rehearsal-prometheus"]["url"] == PROMETHEUS
        for uid, held in double.dashboards.items():
            assert held["folderUid"] == "dress-rehearsal"
            assert held["dashboard"]["panels"] == DASHBOARDS[uid]["panels"]
        assert dict(first.outcomes)[f"dashboard {OPEN}"] == "created"
        assert first.url == f"{double.url}/d/{OPEN}?var-run={run.id}"
        before = copy.deepcopy((double.folders, double.dashboards, double.annotations))
        double.requests.clear()
        second = pushed(double, run=run)
        assert double.writes() == []
        assert {outcome for _, outcome in second.outcomes} == {"unchanged", "there already"}
        assert (double.folders, double.dashboards, double.annotations) == before


@pytest.mark.parametrize("version", VERSIONS)
def test_a_changed_dashboard_is_saved_over_the_version_that_was_read(version):
    with grafana(version=version) as double:
        pushed(double)
        changed = {**DASHBOARDS, OPEN: {**DASHBOARDS[OPEN], "title": "Ticket open!"}}
        outcomes = dict(pushed(double, dashboards=changed).outcomes)
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
        outcomes = dict(pushed(double).outcomes)
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
        assert dict(pushed(double).outcomes)[f"dashboard {OPEN}"] == "unchanged"


def test_the_dashboards_of_this_project_are_pushed_unless_others_are_given():
    with grafana() as double:
        push(double.url, TOKEN, datasource_url=PROMETHEUS)
        assert {OPEN, POOLS, INDEX} < set(double.dashboards)
        double.requests.clear()
        push(double.url, TOKEN)
        assert double.writes() == []


def test_it_works_below_a_path_and_with_a_slash_at_the_end():
    with grafana(prefix="/grafana") as double:
        made = push(f"{double.url}/", f" {TOKEN}\n", dashboards={}, datasource_url=PROMETHEUS)
        assert made.url == f"{double.url}/d/"
        assert "dress-rehearsal" in double.folders


@pytest.mark.parametrize("version", VERSIONS)
def test_an_editors_token_is_enough_though_what_is_missing_answers_403(version, run):
    with grafana(version=version, permissions=EDITOR) as double:
        first = pushed(double, datasource_url=None, run=run)
        assert dict(first.outcomes)["folder dress-rehearsal"] == "created"
        (note,) = first.notes
        assert "datasources:read" in note
        double.requests.clear()
        pushed(double, datasource_url=None, run=run)
        assert double.writes() == []


def test_annotations_are_points_regions_gates_and_the_verdict(run):
    with grafana() as double:
        pushed(double, run=run)
        marks = double.marks(OPEN)
        at_ms = T0_NS // 1_000_000
        t0 = marks[f"t0-open-{at_ms}"]
        assert (t0["time"], t0["timeEnd"]) == (at_ms, at_ms)
        assert {"dress-rehearsal", f"run:{run.id}", "kind:t0"} <= set(t0["tags"])
        leak = marks[f"fault-leak-{at_ms + 2_000}"]
        assert (leak["time"], leak["timeEnd"]) == (at_ms + 2_000, at_ms + 9_000)
        assert leak["text"] == "Fault leak (20%): it leaks"
        alert = marks[f"alert-pool-{at_ms + 3_000}"]
        assert alert["text"] == "Alert pool: pool &lt;postgres&gt; &amp; more"
        assert marks[f"alert-pool-{at_ms + 3_000}-2"]["text"] == "Alert pool: again"
        assert marks["verdict"]["text"] == (
            "Verdict: FAIL<br>3 students were wronged.<br>A gate is broken."
        )
        assert marks["gates"]["text"] == (
            "1 of 2 gates hold<br>fail: audit.oversold == 0, measured 3"
        )
        assert double.marks(POOLS).keys() == marks.keys()
        assert double.marks(INDEX).keys() == {"verdict"}


def test_a_run_under_way_is_annotated_and_completed_later(run):
    (run.path / "verdict.json").unlink()
    timeline = (run.path / "timeline.jsonl").read_text().splitlines(keepends=True)
    (run.path / "timeline.jsonl").write_text("".join(timeline[:5]) + '{"t_ns": 17')
    with grafana() as double:
        pushed(double, run=run)
        key = f"fault-leak-{T0_NS // 1_000_000 + 2_000}"
        early = double.marks(OPEN)[key]
        assert early["timeEnd"] == early["time"]
        (run.path / "timeline.jsonl").write_text("".join(timeline))
        outcomes = dict(pushed(double, run=run).outcomes)
        assert outcomes[f"annotations on {OPEN}"] == "3 made, 1 corrected"
        late = double.marks(OPEN)[key]
        assert late["timeEnd"] == late["time"] + 7_000


def test_only_annotations_that_are_missing_are_made_and_other_runs_are_let_be(run, tmp_path):
    with grafana() as double:
        pushed(double, run=run)
        (lost,) = [n for n, each in double.annotations.items() if "kind:t0" in each["tags"]][:1]
        foreign = {**double.annotations[lost], "id": 9_999, "tags": ["dress-rehearsal", "run:x"]}
        double.annotations[9_999] = foreign
        text = double.annotations.pop(lost)["text"]
        double.requests.clear()
        pushed(double, run=run)
        (made,) = double.asked("POST", "/annotations")
        assert made.body["text"] == text
        assert double.asked("PATCH", "/annotations/*") == []
        assert double.annotations[9_999] == foreign


def test_nothing_is_sent_for_a_run_that_is_damaged(run):
    (run.path / "verdict.json").write_text("{")
    with grafana() as double:
        with pytest.raises(RunDirectoryUnreadable, match="rehearse report"):
            pushed(double, run=run)
        assert double.requests == []


# Versions.


def test_a_grafana_that_is_too_old_is_refused_before_it_sees_the_token():
    with grafana(version="9.5.21") as double:
        said = failure(double, errors.VersionTooOld)
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
        assert "database is not reachable" in failure(double, errors.ServerFailed)
        assert len(double.requests) == 1


# What answers is no Grafana.


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>Welcome</html>", {"Content-Type": "text/html"}),
        (404, b"not found, sorry; no message", {"Content-Type": "text/plain"}),
        (404, b'{"message": "no such page"}', {}),
        (200, b"", {}),
        (200, b'["message"]', {}),
        (401, b"<html>log in</html>", {"Content-Type": "text/html"}),
        (302, b"", {"Location": "https://login.example.org/?secret=1"}),
    ],
)
def test_something_else_than_a_grafana_is_told_and_never_sees_the_token(status, body, headers):
    with grafana() as double:
        double.answer("GET", "/health", status, body, headers=headers)
        said = failure(double, errors.NotGrafana)
        assert double.url in said and "secret" not in said
        assert "Nothing was changed" in said
        assert all("Authorization" not in each.headers for each in double.requests)


@pytest.mark.parametrize(
    "body", [b"<html>message</html>", b'"a message"', b"7", b"null", b"\xff\xfe", b'{"messag']
)
def test_error_bodies_that_are_no_objects_do_not_confuse(body):
    with grafana() as double:
        double.answer("GET", "/folders/dress-rehearsal", 500, body)
        said = failure(double, errors.ServerFailed)
        assert "(500)" in said and "GET /api/folders/dress-rehearsal" in said


# Refusals of every status, on every route that is written to.


def test_a_wrong_token_is_told_and_not_shown():
    with grafana(token="glsa_another") as double:
        said = failure(double, errors.TokenRefused)
        assert "REHEARSE_GRAFANA_TOKEN" in said and "Nothing was changed" in said
        assert double.writes() == []


ROUTES = {
    "datasources:create": ("data source rehearsal-prometheus", []),
    "folders:create": ("folder dress-rehearsal", ["data source"]),
    "dashboards:create": (f"dashboard {OPEN}", ["data source", "folder"]),
    "annotations:read": (f"annotations on {OPEN}", ["data source", "folder", "dashboard"]),
    "annotations:create": (f"annotations on {OPEN}", ["data source", "folder", "dashboard"]),
}


@pytest.mark.parametrize("permission", ROUTES)
def test_a_missing_permission_is_named_with_what_was_done_and_what_not(permission, run):
    part, done = ROUTES[permission]
    with grafana(permissions=ADMIN - {permission}) as double:
        said = failure(double, errors.PermissionMissing, run=run)
        asked, _, rest = said.partition("\n")
        assert f"the permission {permission}" in asked or permission in asked
        assert all(f"{word} " in rest for word in done)
        if done:
            changed, _, left = rest.partition("Not done:")
            assert all(word in changed for word in done) and part not in changed
            assert part in left and f"annotations on {POOLS}" in left
            assert "Push again" in left
        else:
            assert rest == "Nothing was changed in Grafana."


@pytest.mark.parametrize("permission", ["folders:write", "dashboards:write", "annotations:write"])
def test_a_missing_permission_to_change_is_named(permission, run):
    with grafana() as double:
        pushed(double, run=run)
        double.permissions = ADMIN - {permission}
        double.folders["dress-rehearsal"]["title"] = "Something else"
        double.dashboards[OPEN]["dashboard"]["title"] = "Something else"
        for each in double.annotations.values():
            each["text"] = "Something else"
        assert permission in failure(double, errors.PermissionMissing, run=run)


def test_reading_a_data_source_takes_a_permission_where_one_is_to_be_made():
    with grafana(permissions=EDITOR) as double:
        said = failure(double, errors.PermissionMissing)
        assert "datasources:read on datasources:uid:rehearsal-prometheus" in said
        assert double.writes() == []


def test_a_folder_or_dashboard_that_is_there_but_not_to_be_seen_names_the_permission():
    with grafana(version="13.1.0", permissions=EDITOR) as double:
        pushed(double, datasource_url=None)
        double.unseen = {POOLS}
        said = failure(double, errors.PermissionMissing, datasource_url=None)
        assert f"dashboards:read on dashboards:uid:{POOLS}" in said
        double.unseen = {"dress-rehearsal"}
        said = failure(double, errors.PermissionMissing, datasource_url=None)
        assert "folders:read on folders:uid:dress-rehearsal" in said


STATUSES = {
    400: errors.RequestRefused,
    401: errors.TokenRefused,
    403: errors.PermissionMissing,
    404: errors.Missing,
    409: errors.Conflict,
    412: errors.Conflict,
    422: errors.RequestRefused,
    429: errors.RequestRefused,
    500: errors.ServerFailed,
    502: errors.ServerFailed,
    503: errors.ServerFailed,
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/datasources", "data source rehearsal-prometheus"),
        ("/folders", "folder dress-rehearsal"),
        ("/dashboards/db", f"dashboard {OPEN}"),
        ("/annotations", f"annotations on {OPEN}"),
    ],
)
def test_every_error_of_every_write_says_what_and_how_far(status, path, part, run):
    with grafana() as double:
        double.answer("POST", path, status, {"message": f"because \x1b[31m of {TOKEN}"})
        said = failure(double, STATUSES[status], run=run)
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
        said = failure(double, errors.ServerFailed)
        assert f"dashboard {OPEN} created" in said
        assert f"for dashboard {POOLS}, took effect is not known" in said
        assert f"Not done: dashboard {POOLS}; dashboard {INDEX}." in said
        assert list(double.dashboards) == [OPEN]


def test_a_failure_half_way_through_the_annotations_says_how_many_are_there(run):
    with grafana() as double:
        double.answer("POST", "/annotations", 507, after=3)
        said = failure(double, errors.ServerFailed, run=run)
        assert f"annotations on {OPEN} 3 of 10 made" in said
        assert f"Not done: annotations on {OPEN}" in said
        assert len(double.annotations) == 3


def test_empty_bodies_of_writes_are_no_failures_and_those_of_reads_are():
    with grafana() as double:
        double.answer("POST", "/folders", 200, b"", apply=True)
        double.answer("POST", "/dashboards/db", 200, b"", apply=True)
        pushed(double)
        assert list(double.dashboards) == list(DASHBOARDS)
        double.answer("GET", "/folders/dress-rehearsal", 200, b"")
        assert "with status 200 and nothing" in failure(double, errors.ServerFailed)


def test_a_success_that_is_no_json_leaves_open_whether_it_was_one():
    with grafana() as double:
        double.answer("POST", "/folders", 200, b"<html>log in</html>")
        said = failure(double, errors.ServerFailed)
        assert "something that is not JSON" in said and "is not known" in said


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/dashboards/uid/rehearsal-open", {"dashboard": 7, "meta": {}}),
        ("/annotations", {"message": "no list"}),
    ],
)
def test_answers_of_another_shape_are_told(path, body, run):
    with grafana() as double:
        double.answer("GET", path, 200, body)
        assert f"/api{path[:12]}" in failure(double, errors.ServerFailed, run=run)


# Conflicts with what is there.


def test_a_missing_data_source_is_told_before_anything_is_made():
    with grafana() as double:
        said = failure(double, errors.Missing, datasource_url=None)
        assert "--datasource-url" in said and "rehearsal-prometheus" in said
        assert "Nothing was changed" in said
        assert double.writes() == []


def test_a_data_source_that_is_there_is_used_and_left_as_it_is():
    there = {"uid": "rehearsal-prometheus", "type": "prometheus", "url": "http://prom:9090/"}
    with grafana(datasources={"rehearsal-prometheus": dict(there)}) as double:
        assert pushed(double, datasource_url=None).notes == ()
        assert pushed(double, datasource_url="http://prom:9090").notes == ()
        (note,) = pushed(double).notes
        assert "left as it is" in note
        assert double.datasources["rehearsal-prometheus"] == there


def test_a_data_source_of_another_kind_or_name_is_a_conflict():
    with grafana(datasources={"rehearsal-prometheus": {"type": "loki", "url": ""}}) as double:
        assert "'loki'" in failure(double, errors.Conflict)
    with grafana(datasources={"x": {"name": "Dress Rehearsal Prometheus"}}) as double:
        assert "with another uid" in failure(double, errors.Conflict)


def test_another_folder_with_the_same_title_is_a_conflict_only_in_grafana_10():
    other = {"other": {"uid": "other", "title": "Dress Rehearsal", "version": 1}}
    with grafana(version="10.4.1", folders=copy.deepcopy(other)) as double:
        assert "another folder is titled" in failure(double, errors.Conflict)
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
        said = failure(double, errors.Conflict)
        assert "'Ticket open'" in said and "same name in the folder" in said
        assert double.dashboards["theirs"] == kept


def test_a_provisioned_dashboard_is_not_pushed_over():
    with grafana() as double:
        pushed(double)
        double.dashboards[POOLS].update(provisioned=True)
        double.dashboards[POOLS]["dashboard"]["title"] = "From a file"
        assert "provisioning files" in failure(double, errors.Conflict)


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
        outcomes = dict(pushed(double).outcomes)
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
        said = failure(double, errors.Conflict)
        assert "3 times" in said and "Nothing was changed" in said


def test_a_folder_that_somebody_makes_at_the_same_moment_is_used():
    with grafana() as double:

        def make(double, asked):
            if (asked.method, asked.path) == ("POST", "/folders"):
                double.folders["dress-rehearsal"] = {"title": "Dress Rehearsal", "version": 1}

        double.before = make
        assert dict(pushed(double).outcomes)["folder dress-rehearsal"] == "unchanged"


def test_a_folder_without_a_version_as_in_grafana_12_0_0_is_renamed():
    with grafana(version="12.0.0") as double:
        pushed(double)
        double.folders["dress-rehearsal"]["title"] = "Edited"
        double.answer("GET", "/folders/dress-rehearsal", body={"title": "Edited"})
        assert dict(pushed(double).outcomes)["folder dress-rehearsal"] == "renamed"


# No answer.


def test_an_unreachable_server_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(errors.ServerUnreachable, match="connection refused") as caught:
            push(url, TOKEN, dashboards={})
    assert "Nothing was changed" in str(caught.value)


def test_an_unknown_host_is_told():
    with pytest.raises(errors.ServerUnreachable, match=r"grafana\.invalid cannot be reached"):
        push("https://grafana.invalid", TOKEN, dashboards={}, timeout_s=5)


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("GET", "/health", True),
        ("GET", "/folders/dress-rehearsal", True),
        ("POST", "/folders", False),
    ],
)
def test_a_server_that_hangs_is_given_up(method, path, known):
    with grafana() as double:
        double.answer(method, path, hang=True)
        said = failure(double, errors.NoAnswer, timeout_s=0.3)
        assert f"did not answer {method} /api{path} within 0.3 s" in said
        assert ("is not known" in said) != known


def test_a_connection_that_breaks_off_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cut():
            server.accept()[0].close()

        cutting = threading.Thread(target=cut)
        cutting.start()
        with pytest.raises(errors.NoAnswer, match="broke off at GET /api/health"):
            push(f"http://127.0.0.1:{server.getsockname()[1]}", TOKEN, dashboards={})
        cutting.join()


def test_tls_that_is_none_is_told():
    with grafana() as double:
        with pytest.raises(errors.TlsFailed, match="no trusted TLS connection"):
            push(double.url.replace("http:", "https:"), TOKEN, dashboards={})
        assert double.requests == []


def test_a_certificate_of_ones_own_must_be_named(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(key)]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate)],
        check=True,
        capture_output=True,
    )

    class Old(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"database": "ok", "version": "9.0.0"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Old)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(errors.TlsFailed, match=r"self.signed certificate.*--ca-file"):
            push(url, TOKEN, dashboards={})
        with pytest.raises(errors.VersionTooOld):  # so far it comes with the certificate
            push(url, TOKEN, dashboards={}, ca_file=certificate)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_interrupted_push_says_how_far_it_came():
    with grafana() as double:

        def interrupt(double, asked):
            if asked.path == "/dashboards/db":
                raise_in_main.set()

        raise_in_main = threading.Event()
        double.before = interrupt
        from dashboards import saving

        called = saving.Grafana.call

        def call(self, method, path, **options):
            answer = called(self, method, path, **options)
            if raise_in_main.is_set():
                raise KeyboardInterrupt
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(saving.Grafana, "call", call)
            said = failure(double, errors.PushInterrupted)
        assert "folder dress-rehearsal created" in said
        assert f"for dashboard {OPEN}, took effect is not known" in said


# What is refused before anything is sent.


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("grafana.example.org", "http or https URL"),
        ("ftp://grafana.example.org", "http or https URL"),
        ("https://", "http or https URL"),
        ("https://grafana.example.org/?orgId=1", "without what follows"),
        ("https://host:port", "not a URL"),
        ("https://a b.example", "cannot be looked up"),
        ("https://admin:hunter2@grafana.example.org", "user name or password"),
        ("http://grafana.example.org", "unencrypted"),
        ("http://10.0.0.7:3000", "--allow-http"),
    ],
)
def test_urls_that_are_none_or_unsafe_are_refused(url, word):
    with pytest.raises(errors.PushRefused) as caught:
        push(url, TOKEN, dashboards={})
    assert word in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("token", [None, "", "  \n", "two words", "glsa_a\r\nX: y", "schlüssel"])
def test_tokens_that_are_none_are_refused_without_being_shown(token):
    with pytest.raises(errors.PushRefused, match="REHEARSE_GRAFANA_TOKEN") as caught:
        push("http://127.0.0.1:1", token, dashboards={})
    assert not token or token.strip() == "" or token not in str(caught.value)


@pytest.mark.parametrize("url", ["prom:9090", "http://a:b@prom:9090", "http://prom:9090/?x=1", ""])
def test_data_source_urls_that_are_none_or_carry_secrets_are_refused(url):
    with grafana() as double:
        failure(double, errors.PushRefused, datasource_url=url)
        assert double.requests == []


def test_a_certificate_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(errors.PushRefused, match="--ca-file"):
        push("https://127.0.0.1:1", TOKEN, dashboards={}, ca_file=tmp_path / "none.pem")


def test_a_redirect_is_told_and_not_followed():
    with grafana() as other, grafana() as double:
        double.answer(
            "POST", "/folders", 307, headers={"Location": f"{other.url}/api/folders?token=1"}
        )
        said = failure(double, errors.NotGrafana)
        assert f"{other.url}/api/folders;" in said
        assert other.requests == []


def test_nothing_but_the_token_of_the_environment_is_sent(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with grafana() as double:  # holds that the health check bears no Authorization
        pushed(double)
        sent = {each.headers.get("Authorization") for each in double.requests}
        assert sent == {None, f"Bearer {TOKEN}"}
