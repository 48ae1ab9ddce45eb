"""`rehearse probe`: one student through every step, everything shown, nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal.cli import main
from tests.rehearsal.first_contact.probing import PAGES, ROSTER, SECRET, SOUND, plan_of
from tests.rehearsal.first_contact.served import served

INSIDERS = "student,pin,enrolled\na,7777,1\nb,7778,1\nc,7779,1\n"


@pytest.mark.slow
def test_a_sound_app_is_gone_through_and_shown(probed):
    code, said = probed(PAGES)
    assert code == 0, said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0].startswith("Probing with student 2 of the roster;")
    assert any(line.startswith("GET /shows/7 200 ") for line in lines)
    assert "counted as GET /shows/{show}" in lines
    assert "answered hello \\x1b[2J" in lines
    assert "sent who=ann%40uni.example&pin=…" in lines
    assert 'answered {"token": "…"}' in lines
    assert "returned Granted: ticket t-1" in lines
    assert "Nothing is wrong." in lines
    assert lines[-1] == "Next: rehearse run shop.toml --roster people.csv"
    assert [each for each in probed.asked if each[:4] == "POST"] == [
        *("POST /login", "POST /orders", "POST /orders"),
        *("POST /login", "POST /orders"),
    ]
    again = lines[lines.index("The same student, once more") :]
    assert "returned Refused: already_holds_ticket" in again[:5]
    assert any("a second ticket is counted (duplicate_students)" in line for line in again[:6])
    outsiders = again[again.index("One who is not enrolled (student 1 of the roster)") :]
    assert "returned Refused: not_eligible" in outsiders
    assert any("(ineligible), where a ledger says whose" in line for line in outsiders)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("orders", "first"),
    [
        ([{"id": "t-1"}, {"id": "t-2"}, 403], "gave a student who holds a ticket a ticket, t-2:"),
        ([{"id": "t-1"}, 422, {"id": "t-2"}], "gave somebody who is not enrolled a ticket, t-2:"),
        ([{"id": "t-1"}, 409, 403], "told a student who holds a ticket sold_out, which is not so"),
        (
            [{"id": "t-1"}, 422, 409],
            "sold_out, which is not so, and the audit would count it: retu",
        ),
        (
            [{"id": "t-1"}, 400, 403],
            "who holds a ticket: buy returned nothing after an answer of 4",
        ),
        ([{"id": "t-1"}, 422, 503], "is not enrolled: buy: POST /orders was answered 503"),
    ],
)
def test_who_should_be_refused_and_is_not_is_named(probed, orders, first):
    code, said = probed({**PAGES, "/orders": orders})
    assert code == 1
    assert first in said.partition("\nFirst: ")[2].partition("\n")[0]


@pytest.mark.slow
def test_the_same_answer_to_the_same_click_is_as_good_as_a_refusal(probed):
    same = "It is the ticket that the student holds already"
    code, said = probed({**PAGES, "/orders": [{"id": "t-1"}, {"id": "t-1"}, 403]})
    assert code == 0, said
    assert same in " ".join(said.split())
    assert same not in " ".join(probed(PAGES)[1].split())


@pytest.mark.slow
def test_an_outsider_whom_the_app_does_not_let_in_ends_there(probed):
    code, said = probed({**PAGES, "/login": [{"token": SECRET}, 401]})
    assert code == 0, said
    assert "The app does not let them in" in said
    assert probed.asked[-1] == "POST /login"


@pytest.mark.slow
def test_what_no_rule_forbids_and_what_nobody_can_do_is_not_tried(probed):
    code, said = probed(PAGES, more="[event]\nstudents = 3\ntickets = 2\nper_student = 0\n")
    assert code == 0, said
    assert "not tried: event.per_student = 0 sets no limit" in said
    code, said = probed({**PAGES, "/orders": 409})
    assert "not tried: the student holds no ticket" in said
    assert "not tried: even an enrolled student gets no ticket" in said
    assert probed.asked.count("POST /orders") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pages", "change", "first"),
    [
        (
            {**PAGES, "/orders": 410},
            ("", ""),
            "buy returned nothing after an answer of 410, so it counts as failed",
        ),
        ({**PAGES, "/orders": 409}, ("", ""), "Buying was refused: sold_out."),
        ({**PAGES, "/login": 401}, ("", ""), "log_in ended with 401"),
        ({**PAGES, "/shows/7": 404}, ("", ""), "arrive: GET /shows/7 was answered 404"),
        ({**PAGES, "/shows/7": 500}, ("", ""), "arrive: GET /shows/7 was answered 500"),
        (PAGES, ('"id"', '"ticket"'), "buy failed in line 14 of shop.py: KeyError: 'ticket'."),
        (PAGES, ("Granted(", "str("), "buy returned something else than Granted"),
        (PAGES, ('"sold_out"', '"soldout"'), "Line 15 of shop.py refuses for 'soldout', a reason"),
        ({**PAGES, "/orders": 409}, ('"sold_out"', '"full"'), "buy returned Refused('full'), a"),
        (PAGES, ("/shows/7", "http://198.51.100.7/x"), "got no answer (host_refused)"),
    ],
)
def test_the_first_thing_that_is_wrong_is_named(probed, pages, change, first):
    code, said = probed(pages, SOUND.replace(*change) if change[0] else SOUND)
    assert code == 1
    assert "\nFirst: " in said
    assert first in said.partition("\nFirst: ")[2].partition("\n")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "first"),
    [
        ("def __init__(self, person, client): 1 / 0", "arrive failed in line 5 of shop.py: Zero"),
        ("def arrive(self): raise BaseException", "arrive failed in line 5 of shop.py: BaseExcep"),
        ("def buy(self): return Granted('t-1')", "buy asked nothing with self.client"),
        ("def buy(self): return Granted([])", "buy returned a ticket without a name"),
    ],
)
def test_whatever_a_scenario_does_is_told_and_ends_no_probe(probed, method, first):
    scenario = f"""
    from dress_rehearsal.scenarios import Buyer, Granted

    class Customer(Buyer):
        {method}

    if "buy" not in vars(Customer):
        Customer.buy = lambda self: Granted(self.client.post("/orders").json()["id"])
    if "arrive" not in vars(Customer):
        Customer.arrive = lambda self: None
    """
    code, said = probed({**PAGES}, scenario)
    assert code == 1
    assert first in said


@pytest.mark.slow
def test_without_a_roster_it_is_said_who_that_is(probed, tmp_path, monkeypatch):
    with served(PAGES) as app:
        (tmp_path / "shop.py").write_text(textwrap.dedent(SOUND))
        (tmp_path / "shop.toml").write_text(plan_of(app.url))
        assert main(["probe", "shop.toml"]) == 0
        app.asked.clear()
        (tmp_path / "people.csv").write_text(ROSTER)
        roster = "event.roster=people.csv"
        assert main(["probe", "shop.toml", "--set", roster]) == 0


@pytest.mark.slow
def test_a_pending_ticket_is_followed(probed):
    scenario = """
        from dress_rehearsal.scenarios import Buyer, Granted, Pending

        class Customer(Buyer):
            def buy(self):
                return Pending(self.client.post("/orders").json()["id"])

            def follow_up(self, pending):
                self.client.get("/shows/7")
                return Granted(pending.ticket)

            def enter(self, granted):
                self.client.post("/gate", json={"code": granted.ticket})
    """
    pages = {**PAGES, "/orders": {"id": "t-1"}, "/gate": {"in": True}}
    code, said = probed(pages, scenario, roster=INSIDERS)
    assert code == 0, said
    assert "returned Pending: ticket t-1" in said
    asked = [each for each in probed.asked if each != "GET /"]
    first, again = asked[:3], asked[3:]
    assert first == ["POST /orders", "GET /shows/7", "POST /gate"]
    assert again == ["POST /orders", "GET /shows/7"]


@pytest.mark.slow
def test_a_scenario_that_hangs_is_ended(probed, monkeypatch):
    monkeypatch.setattr("dress_rehearsal.rehearsal.first_contact.student.METHOD_S", 0.2)
    scenario = """
        import time
        from dress_rehearsal.scenarios import Buyer

        class Customer(Buyer):
            def arrive(self):
                time.sleep(60)

            def log_in(self):
                while True:
                    try:
                        self.client.get("/")
                    except Exception:
                        pass

            def buy(self):
                while True:
                    try:
                        time.sleep(60)
                    except Exception:
                        pass
    """
    code, said = probed(PAGES, scenario)
    assert code == 1
    assert "arrive did not come to an end within 0.2 s." in said
    assert "log_in did not come to an end" in said or "log_in does not stop asking" in said
    assert "buy did not come to an end within 0.2 s." in said


@pytest.mark.slow
def test_an_app_that_does_not_start_says_why_and_names_no_log(probed, tmp_path):
    command = f"""["{sys.executable}", "-c", "import sys; sys.exit('no database here')"]"""
    plan = f"[target]\ncommand = {command}\nready_within = '5s'\n"
    code, said = probed(PAGES, more=plan, plan=lambda _, more: plan_of_nothing(more))
    assert code == 1
    assert "no database here" in said
    assert ".log" not in said


def plan_of_nothing(more):
    return (
        'name = "shop"\n[scenario]\nfile = "shop.py"\n[event]\nstudents = 3\ntickets = 2\n'
        + more.replace("[target]\n", '[target]\nstage = "external"\nurl = "http://127.0.0.1:9"\n')
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["smoke"], "There is nothing to probe"),
        (
            ["shop.toml", "--set", "scenario.file=locustfile.py"],
            "event.students is for students of ours",
        ),
        (["nowhere.toml"], "There is no plan nowhere.toml"),
        (["shop.toml", "--roster", "nobody.csv"], "nobody.csv cannot be read"),
        (["shop.toml", "--roster", "outsiders.csv"], "Nobody on the roster is enrolled"),
    ],
)
def test_what_cannot_be_probed_is_said_with_2(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("shop.py").write_text(textwrap.dedent(SOUND))
    Path("shop.toml").write_text(plan_of("http://127.0.0.1:9"))
    Path("locustfile.py").write_text("from locust import User\n")
    Path("outsiders.csv").write_text("student,pin,enrolled\na,1,0\nb,1,0\nc,1,0\n")
    assert main(["probe", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.servers
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(tmp_path, temporary, how):
    scenario = SOUND.replace('self.client.get("/shows/7"', '__import__("time").sleep(60);(""')
    (tmp_path / "shop.py").write_text(
        textwrap.dedent(scenario.replace(', name="GET /shows/{show}"', ""))
    )
    (tmp_path / "people.csv").write_text(ROSTER)
    with served(PAGES) as app:
        (tmp_path / "shop.toml").write_text(plan_of(app.url))
        process = subprocess.Popen(
            [sys.executable, "-m", "dress_rehearsal.rehearsal", "probe", "shop.toml"]
            + ["--roster", "people.csv"],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process, contextlib.ExitStack() as ending:
            ending.callback(process.kill)
            assert process.stdout is not None
            for line in process.stdout:  # the sale is set, the student is about to arrive
                if line.startswith("The student, "):
                    break
            found = "".join(
                path.read_text(errors="replace") for path in temporary.rglob("*") if path.is_file()
            )
            assert SECRET not in found
            process.send_signal(how)
            process.wait(20)
    deadline = time.monotonic() + 20
    while list(temporary.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_page_for_those_only_who_logged_in_is_named(probed):
    code, said = probed({**PAGES, "/shows/7": 401})
    assert code == 1
    assert "arrive: GET /shows/7 was answered 401: the app shows it to those only" in said


@pytest.mark.parametrize("command", [["probe"], ["plan", "check"], ["doctor"], ["sweep"]])
def test_a_scenario_given_in_place_of_a_plan_is_named(tmp_path, capsys, command):
    (tmp_path / "shop.py").write_text(textwrap.dedent(SOUND))
    more = ["--over", "seed=1,2"] if command == ["sweep"] else []
    assert main([*command, str(tmp_path / "shop.py"), *more]) == 2
    assert "is a Python file: give the plan" in " ".join(capsys.readouterr().err.split())
