"""Entry: holders show their code, a friend shows the same one, and one of them gets in."""

import io
import json

import pytest
import segno

from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.ticket_open import ENTRY_TOKEN, TicketOpen, ticket_open

SCAN, QR = "POST /gate/scan", "GET /tickets/{ticket}/qr"


@pytest.fixture
def entering(make_rush, small_plan):
    """A rush whose holders go to the entrance."""

    def make(**overrides):
        return make_rush(small_plan(students__entry="100%", **overrides))

    return make


def test_a_holder_opens_the_code_and_is_let_in(server, play, entering, ticket_office):
    server.respond = office = ticket_office(3)
    outcomes, requests = play(entering(event__students=5, students__screenshots="0%"))
    assert outcomes.count("ticket") == 3
    assert requests.step.tolist().count(QR) == 6, "the picture, then what it says"
    scans = requests[requests.step == SCAN]
    assert scans.outcome.tolist() == ["ok"] * 3
    assert set(scans.device) == {0}
    assert len(office.entered) == 3


TICKET = f"{0:032x}"


@pytest.mark.parametrize(
    ("drawn", "scanned"),
    [
        pytest.param(f"{TICKET}.WRONG", f"{TICKET}.WRONG", id="as it stands"),
        pytest.param(f"{1:032x}.1", f"{TICKET}.1", id="it names another ticket"),
        pytest.param("HTTPS://EXAMPLE.ORG", f"{TICKET}.1", id="it names none"),
        pytest.param(None, f"{TICKET}.1", id="no picture that can be read"),
    ],
)
def test_what_the_picture_says_is_what_is_scanned(
    server, play, entering, ticket_office, respond, drawn, scanned
):
    office, picture = ticket_office(1), io.BytesIO(b'{"png": "iVBORw0"}')
    office.name = "{:032x}"
    if drawn is not None:
        segno.make_qr(drawn).save(picture, kind="svg")

    def answer(request, peer):
        shown = request.path.endswith("/qr") and request.headers.get("accept") != "text/plain"
        return respond(200, picture.getvalue()) if shown else office(request, peer)

    server.respond = answer
    _, requests = play(entering(students__screenshots="0%"))
    (scan,) = [r for r in server.received if r.path == "/gate/scan"]
    assert json.loads(scan.body)["payload"] == scanned
    assert requests.step.tolist().count(QR) == 1 + (scanned != drawn)


def test_of_two_who_show_the_same_code_one_gets_in(server, play, entering, ticket_office):
    server.respond = office = ticket_office(4)
    _, requests = play(entering(event__students=4, students__screenshots="100%"))
    scans = requests[requests.step == SCAN]
    assert sorted(scans.outcome) == ["ok"] * 4 + ["refused"] * 4
    assert set(scans[scans.outcome == "refused"].error) == {"already_entered"}
    assert scans.groupby("student").device.nunique().tolist() == [2] * 4
    assert (scans.groupby("student").intended_ns.nunique() == 1).all(), "at the same time"
    bodies = [r.body for r in server.received if r.path == "/gate/scan"]
    assert len(set(bodies)) == 8, "each at another entrance"
    assert len(office.entered) == 4


def test_a_code_that_has_run_out_is_shown_anew(server, play, entering, ticket_office):
    server.respond = office = ticket_office(1)
    office.expired = ["ticket-0.1"]
    _, requests = play(entering(students__screenshots="0%"))
    scans = requests[requests.step == SCAN]
    assert scans.error.tolist()[0] == "qr_expired"
    assert scans.outcome.tolist() == ["refused", "ok"]


def test_a_scan_that_fails_is_made_again(server, play, entering, ticket_office, respond):
    office, failures = ticket_office(1), [respond(500, b"oops")]
    server.respond = lambda request, peer: (
        failures.pop() if request.path == "/gate/scan" and failures else office(request, peer)
    )
    _, requests = play(entering(students__screenshots="0%"))
    assert requests[requests.step == SCAN].outcome.tolist() == ["failed", "ok"]


def test_nobody_enters_unless_the_plan_says_so(server, play, make_rush, small_plan, ticket_office):
    server.respond = ticket_office(1)
    _, requests = play(make_rush(small_plan()))
    assert SCAN not in set(requests.step)


def test_the_entrances_token_comes_from_the_environment(monkeypatch, small_plan):
    monkeypatch.delenv(ENTRY_TOKEN, raising=False)
    assert ticket_open(small_plan()) is TicketOpen
    with pytest.raises(ScenarioError, match=ENTRY_TOKEN):
        ticket_open(small_plan(students__entry="10%"))
    monkeypatch.setenv(ENTRY_TOKEN, "secret")
    assert ticket_open(small_plan(students__entry="10%")) is TicketOpen
