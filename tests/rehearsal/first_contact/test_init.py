"""`rehearse init`: twenty GETs at most, to the host that was named, and two files that work."""

import ast
import ssl
import tomllib

import pytest
import trustme

from dress_rehearsal.plans import read_plan
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.first_contact.draft import Exposition, module_of, name_of, plan_text
from dress_rehearsal.rehearsal.first_contact.questions import DOCUMENTS, HEALTH, METRICS, PAGE
from dress_rehearsal.scenarios.loading import load_buyer
from tests.hostile_http import MODES, hostile
from tests.rehearsal.first_contact.documents import FASTAPI
from tests.rehearsal.first_contact.served import served

SECRET = "q7Hd-4711-SENTINEL-Zm9vYmFy"
MOST_LINES = 20


def lines_of_code(text):
    """Return the lines that are neither empty nor comments, docstrings left out."""
    if text.startswith('"""'):
        text = text.split('"""', 2)[2]
    return [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]


def test_what_was_found_is_filled_in(tmp_path, capsys):
    with served({"/": "hello", "/openapi.json": FASTAPI}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "purchase: POST /shows/{show}/orders" in said
    plan = (tmp_path / "winter-fest-shop.toml").read_text()
    assert tomllib.loads(plan)["target"]["url"] == app.url
    scenario = (tmp_path / "winter_fest_shop.py").read_text()
    ast.parse(scenario)
    assert '"/shows/winterfest/orders", name="POST /shows/{show}/orders"' in scenario
    assert scenario.count("GUESS") == 4
    assert 'headers={"Authorization": f"Bearer {self.token}"}' in scenario
    assert main(["plan", "check", str(tmp_path / "winter-fest-shop.toml")]) == 0
    said = capsys.readouterr().out
    assert "fine. 100 students, 50 tickets" in said
    assert "names are made up from the seed" in said
    loaded = load_buyer(read_plan(tmp_path / "winter-fest-shop.toml"))
    assert loaded.__name__ == "Customer"
    for text in (plan, scenario):
        assert len(lines_of_code(text)) <= MOST_LINES
        assert max(map(len, text.splitlines())) <= 100


def test_of_an_app_below_a_path_the_scenario_does_not_say_that_path_again(tmp_path, capsys):
    below = FASTAPI | {"servers": [{"url": "/api"}]}
    with served({"/api/": "hello", "/api/openapi.json": below}) as app:
        assert main(["init", f"{app.url}/api", "--out", str(tmp_path)]) == 0
    assert "purchase: POST /shows/{show}/orders" in capsys.readouterr().out
    scenario = (tmp_path / "winter_fest_shop.py").read_text()
    assert '"/shows/winterfest/orders", name="POST /shows/{show}/orders"' in scenario
    assert "/api" not in scenario


def test_it_asks_twenty_times_at_most_and_only_gets(tmp_path):
    with served({}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
    assert len(app.asked) == 20
    assert len(set(app.asked)) == 20
    assert all(line.startswith("GET /") for line in app.asked)


def test_an_app_without_a_document_gets_a_draft_all_of_guesses(tmp_path, capsys):
    with served({"/": 404, "/health": "fine"}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
    assert "made up" in capsys.readouterr().out
    scenario = (tmp_path / "own_app.py").read_text()
    assert 'self.client.get("/health")' in scenario
    assert 'self.client.post("/orders")' in scenario
    assert main(["plan", "check", str(tmp_path / "own-app.toml")]) == 0
    assert load_buyer(read_plan(tmp_path / "own-app.toml")).__name__ == "Customer"


def test_pools_whose_series_are_there_are_named(tmp_path, capsys):
    text = (
        "# TYPE hikaricp_connections_active gauge\n"
        'hikaricp_connections_active{pool="main"} 3\nhikaricp_connections_max{pool="main"} 10\n'
        'lettuce_command_completion_seconds_count{command="GET"} 3\n'
    )
    with served({"/actuator/prometheus": text}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
    assert "series of: hikaricp" in capsys.readouterr().out
    (metrics,) = read_plan(tmp_path / "own-app.toml").metrics
    assert metrics.url == f"{app.url}/actuator/prometheus"
    assert "hikaricp" in metrics.presets


def test_a_redirect_is_told_and_not_followed(tmp_path, capsys):
    with served({"/": 302}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
    assert "GET /: 302, leads to another place; not followed" in capsys.readouterr().out


@pytest.mark.parametrize("there", ["own-app.toml", "own_app.py"])
def test_nothing_is_overwritten(tmp_path, capsys, there):
    (tmp_path / there).write_text("mine")
    with served({}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 2
    assert f"{there} would be overwritten" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path):
    (tmp_path / "own_app.py").symlink_to(tmp_path / "elsewhere.py")
    with served({}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 2
    assert not (tmp_path / "elsewhere.py").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["http://staging.example"], "add staging.example with --allow"),
        (["http://staging.example", "--allow", "http://staging.example"], "--allow: give a host"),
        ([f"http://user:{SECRET}@127.0.0.1:8000"], "URL must not carry a user name"),
        ([f"http://127.0.0.1:{SECRET}"], "URL must have a port"),
        ([f"http://{SECRET}"], "No load is sent to its host"),
        (["http://127.0.0.1:1", "--out", "/dev/null/x"], "--out /dev/null/x"),
        ([], "arguments are required: URL"),
    ],
)
def test_what_may_not_be_asked_is_not(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["init", *arguments])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    assert code == 2, said
    assert sentence in said.err
    assert SECRET not in said.out + said.err
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_answers_nothing_is_written(tmp_path, capsys):
    with served({}) as app:
        pass
    assert main(["init", app.url, "--out", str(tmp_path)]) == 1
    assert "Nothing answers at the URL: Connection refused." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_app_with_certificates_of_its_own_authority_is_asked_where_that_is_named(
    tmp_path, capsys
):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(secure)
    out = tmp_path / "out"
    out.mkdir()
    with served({"/": "a shop", "/metrics": "# TYPE used gauge\nused 1\n"}, "", secure) as app:
        assert main(["init", app.url, "--out", str(out)]) == 1
        assert "--ca-file" in capsys.readouterr().err
        assert list(out.iterdir()) == []
        there = ["--ca-file", str(tmp_path / "ca.pem")]
        assert main(["init", app.url, "--out", str(out), *there]) == 0
    text = (out / "own-app.toml").read_text()
    assert read_plan(out / "own-app.toml").target.ca_file == str(tmp_path / "ca.pem")
    assert text.count("ca_file") == 2
    assert main(["init", app.url, "--out", str(out), "--ca-file", str(out / "own-app.toml")]) == 2
    assert "--ca-file holds no certificates" in capsys.readouterr().err


@pytest.mark.parametrize("mode", [mode for mode, (why, _) in MODES.items() if why != "late"])
def test_whatever_answers_it_is_a_sentence(tmp_path, capsys, mode):
    with hostile(mode) as server:
        assert main(["init", server.url, "--out", str(tmp_path)]) in (0, 1)
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err


def test_a_host_that_is_allowed_and_pools_that_were_found_are_in_the_plan():
    found = Exposition("https://staging.example/metrics", ("hikaricp", "lettuce"))
    text = plan_text("shop", "https://staging.example", ["staging.example"], found, "shop.py")
    plan = tomllib.loads(text)
    assert plan["target"]["allow"] == ["staging.example"]
    assert [each["pools"] for each in plan["metrics"]] == [["hikaricp", "lettuce"]]
    assert len(lines_of_code(text)) <= MOST_LINES


@pytest.mark.parametrize(
    ("title", "name", "module"),
    [
        ("Winter Fest — Shop!", "winter-fest-shop", "winter_fest_shop.py"),
        ("３２", "own-app", "own_app.py"),
        ("2026 tickets", "2026-tickets", "shop_2026_tickets.py"),
        ("Class", "class", "shop_class.py"),
        ("x" * 99, "x" * 40, f"{'x' * 40}.py"),
    ],
)
def test_names_are_made_of_a_title(title, name, module):
    assert name_of(title) == name
    assert module_of(name) == module


def test_an_app_that_shows_nothing_to_strangers_is_said_to(tmp_path, capsys):
    with served(dict.fromkeys((PAGE, *DOCUMENTS, *METRICS, *HEALTH), 401)) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "GET /openapi.json and 18 other places: 401" in said
    assert "for those only who log in" in said
    (tmp_path / "again").mkdir()
    with served({"/": "hello"}) as app:
        assert main(["init", app.url, "--out", str(tmp_path / "again")]) == 0
    assert "for those only who log in" not in capsys.readouterr().out


def test_http_asked_for_as_https_is_named(tmp_path, capsys):
    with served({}) as app:
        assert main(["init", app.url.replace("http", "https"), "--out", str(tmp_path)]) == 1
    assert "There is no https at the URL: what answers there does not" in capsys.readouterr().err
