"""The bundled plans in small: a sound service passes each and nobody is accused, a bad one not."""

import pytest

from tests.rehearsal.commands import QUICK

JUDGED_BY_RIGHT_ALONE = QUICK[QUICK.index("gates=[]") :]
"""How fast the testing machine is decides nothing here."""
SMALL = {
    "login-storm": ("event.students=150", "event.tickets=60", "schedule.lead=3s"),
    "refresh-storm": (
        *("event.students=120", "event.tickets=50", "schedule.lead=4s", "schedule.sale=20s"),
        *("students.refresh_from=3s", "students.login_at_open=2s", "students.late_mean=1s"),
    ),
    "steps": (
        *("event.students=105", "event.tickets=105", "schedule.sale=20s"),
        "students.late_over=6s",
    ),
    "soak": ("event.students=80", "event.tickets=80", "schedule.sale=20s"),
    "spike": (
        *("event.students=120", "event.tickets=120", "schedule.sale=20s"),
        "students.late_over=6s",
    ),
    "late-crowd": (
        *("event.students=120", "event.tickets=96", "schedule.lead=3s", "schedule.sale=20s"),
        "students.late_mean=2s",
    ),
    "staggered": (
        *("event.students=150", "event.tickets=100", "schedule.lead=3s", "schedule.sale=18s"),
        *("students.slot_size=50", "students.slot_every=2s"),
    ),
}
"""The same stories over in seconds, for so few students that a busy machine serves them too."""
pytestmark = [pytest.mark.rehearsal, pytest.mark.long]


def carried_out(rehearse, plan, *overrides):
    settings = (
        *SMALL[plan],
        "schedule.settle=3s",
        "students.typing=200ms",
        *JUDGED_BY_RIGHT_ALONE,
        *overrides,
    )
    words = ["run", plan, *(word for text in settings for word in ("--set", text))]
    command = rehearse(command=[*words, "--no-prometheus"])
    command.ended(110)
    return command


@pytest.fixture(
    scope="module",
    params=[pytest.param(plan, marks=pytest.mark.xdist_group(f"plan {plan}")) for plan in SMALL],
)
def sound(request, rehearse):
    """A bundled plan, rehearsed with a sound service."""
    command = carried_out(rehearse, request.param)
    command.plan = request.param
    return command


def test_a_sound_service_passes(sound):
    assert sound.exit_code == 0, sound.output()


def test_nobody_is_accused(sound):
    found = {name: value for name, value in sound.verdict["audit"].items() if value}
    assert set(found) <= {"settle_ms"}
    assert not sound.verdict["fairness"]["inversions"]


def test_everybody_s_story_ends(sound):
    census = sound.verdict["census"]
    assert census["failed"] == census["unknown"] == census["in_flight"] == 0
    assert census["ticket"] == min(sound.run.plan().event.tickets, census["students"])


def test_what_its_students_did_stands_in_the_report(sound):
    listed = {row["key"]: row for row in sound.verdict["behaviour"]}
    assert listed["students.late"]["value"] in ("off", "10%", "20%", "65%", "100%")
    page = (sound.run.path / "report.html").read_text()
    assert "What the students did, and by whose word" in page
    on = {key for key, row in listed.items() if row["value"] != "off"}
    mark = {
        "refresh-storm": "refreshers",
        "staggered": "slot_size",
        "soak": "qr_refetch",
        "late-crowd": "late_tail",
        "spike": "late_rates",
        "steps": "late_rates",
        "login-storm": "login_before",
    }
    assert f"students.{mark[sound.plan]}" in on


def test_a_page_s_amplification_tells_of_its_reloads(sound):
    page = sound.verdict["tries"]["GET /events/{event}"]
    assert page["students"] == sound.verdict["census"]["students"]
    if sound.plan == "refresh-storm":
        assert page["amplification"] > 1.3
    else:
        assert page["amplification"] < 1.2


@pytest.mark.xdist_group("plan early")
def test_a_service_that_takes_the_early_clicks_of_wrong_clocks_is_caught(rehearse):
    command = carried_out(
        rehearse,
        "staggered",
        "students.wrong_clocks=60%",
        'faults=[{ name = "early_open", at = "T-3s" }]',
    )
    assert command.exit_code == 99, command.output()
    assert command.verdict["audit"]["sold_early"] > 0


@pytest.mark.xdist_group("plan last first")
def test_a_service_that_serves_a_later_slot_first_is_caught(rehearse):
    """Clicks of the first slot are held until those of the next have been served."""
    command = carried_out(
        rehearse,
        "staggered",
        "event.order_within=500ms",
        "students.slot_every=1s",
        'faults=[{ name = "last_first", at = "T" }]',
    )
    assert command.exit_code == 99, command.output()
    assert command.verdict["fairness"]["inversions"] > 0


@pytest.mark.xdist_group("plan bots")
def test_bots_that_ask_without_pause_harm_no_judgement(rehearse):
    command = carried_out(
        rehearse, "login-storm", "students.bots=5%", "students.bots_from=2s", "app.workers=2"
    )
    assert command.exit_code == 0, command.output()
    assert command.verdict["tries"]["GET /events/{event}"]["amplification"] < 1.2
