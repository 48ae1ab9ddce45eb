"""`rehearse probe` holds ledgers and metrics against what one student was granted."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.rehearsal.first_contact.probing import PAGES
from tests.rehearsal.first_contact.served import served


@pytest.mark.slow
def test_a_ledger_is_held_against_the_ticket(probed, tmp_path):
    ledger = '[[ledgers]]\nname = "orders"\ncsv = "orders.csv"\n'
    (tmp_path / "orders.csv").write_text("ticket,student\nt-1,ann@uni.example\n")
    code, said = probed(PAGES, more=ledger)
    assert code == 0, said
    assert "the student's ticket t-1 is there, as the student's" in said
    assert "lacks granted" in said
    (tmp_path / "orders.csv").write_text("ticket,student\n7,ann@uni.example\n")
    code, said = probed(PAGES, more=ledger)
    assert code == 1
    assert "does not have the ticket that the student was granted, t-1; of this student it" in said
    (tmp_path / "orders.csv").write_text("ticket,student\nt-1,8\n")
    code, said = probed(PAGES, more=ledger)
    assert "has the ticket as of another student" in said


def test_a_ledger_that_cannot_be_read_is_refused_before_anything_is_bought(probed, tmp_path):
    ledger = '[[ledgers]]\nname = "orders"\ncsv = "orders.csv"\n'
    (tmp_path / "orders.csv").write_text("reference,email\nt-1,ann@uni.example\n")
    code, said = probed(PAGES, more=ledger)
    assert code == 2
    assert "The ledger orders cannot be read: there is no column ticket" in said
    assert "there are reference, email" in said
    assert probed.asked == []


@pytest.mark.slow
def test_a_ledger_that_turns_out_to_be_none_only_then_is_told_at_the_end(probed):
    with served({"/sold": [b"[]", b"[]", b'[{"reference": "t-1"}]']}) as app:
        ledger = f'[[ledgers]]\nname = "orders"\nurl = "{app.url}/sold"\n'
        code, said = probed(PAGES, more=ledger)
    assert code == 2
    assert "First: The ledger orders cannot be read: there is no column ticket" in said
    assert "not known before every ledger can be read" in said


@pytest.mark.slow
def test_how_a_ledger_writes_things_is_held_against_what_it_should_say(probed, tmp_path):
    ledger = '[[ledgers]]\nname = "orders"\ncsv = "orders.csv"\n'
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    (tmp_path / "orders.csv").write_text(f"ticket,buyer,granted_at\nT1,ann,{now}\n")
    code, said = probed({**PAGES, "/orders": [{"id": "t-1"}, 422, 403]}, more=ledger)
    assert code == 1
    assert "not used: buyer" in said
    assert "writes the ticket that the student was granted, t-1, with other hyphens" in said
    elsewhere = f"{datetime.now(UTC) + timedelta(hours=9):%Y-%m-%d %H:%M:%S}"
    for dated, expected in ((now, 0), (elsewhere, 1)):
        (tmp_path / "orders.csv").write_text(f"ticket,granted_at\nt-1,{dated}\n")
        code, said = probed(PAGES, more=ledger)
        assert code == expected, said
        assert ("dates the ticket, granted just now, " in said) == bool(expected)


@pytest.mark.slow
def test_metrics_are_shown_with_the_values_read_and_the_nearest_names_where_none(probed):
    text = (
        "# TYPE hikaricp_connections_active gauge\n"
        'hikaricp_connections_active{pool="main"} 3\nhikaricp_connections_max{pool="main"} 10\n'
    )

    def metrics(preset):
        return f'[[metrics]]\nname = "shop"\nurl = "URL/metrics"\npools = "{preset}"\n'

    with served({"/metrics": text}) as app:
        code, said = probed(PAGES, more=metrics("hikaricp").replace("URL", app.url))
        assert code == 0, said
        assert "used 3, max 10" in said
        assert "nobody says who waits" in said
        code, said = probed(PAGES, more=metrics("go_sql").replace("URL", app.url))
        assert code == 1
        assert "The metrics shop have no series of go_sql" in said
        assert "may be a pool's" in said  # hikaricp's own, which the plan does not name
    own = "acme_conns_busy 3\nacme_conns_max 9\n"
    with served({"/metrics": own}) as app:
        code, said = probed(PAGES, more=metrics("hikaricp").replace("URL", app.url))
        assert code == 1
        assert 'pools = { used = "acme_conns_busy", max = "acme_conns_max" }' in said
