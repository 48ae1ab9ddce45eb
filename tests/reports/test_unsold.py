"""Students who gave up while tickets were left are held against the sale, and others are not."""

import dataclasses

import pandas as pd
import pytest

from dress_rehearsal.reports.verdict import judge
from tests.reports.evidence.foreign_ledgers import with_rows
from tests.reports.foreign import foreign
from tests.reports.gating import gated

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
TOLD = "were never sold"


def gave_up(evidence, number, tickets):
    """The same run of a sale of so many tickets, in which so many gave up who were sent away."""
    students = evidence.students.copy()
    students["outcome"] = students["outcome"].astype("object")
    students.loc[students.index[students["outcome"] == "sold_out"][:number], "outcome"] = "gave_up"
    event = evidence.plan.event.model_copy(update={"tickets": tickets})
    plan = evidence.plan.model_copy(update={"event": event})
    return dataclasses.replace(evidence, students=students, plan=plan)


def unsold(verdict):
    return [reason for reason in verdict.reasons if reason.startswith("Tickets were left")]


def test_who_is_told_to_come_again_until_they_give_up_though_tickets_are_left_was_not_served(
    evidence_of,
):
    verdict = judge(gave_up(evidence_of(**SMALL), 20, tickets=90))
    (said,) = unsold(verdict)
    assert said == (
        "Tickets were left: 20 students (10%) gave up, and 30 of 90 tickets were never sold."
    )
    assert verdict.exit_code == 99
    assert "unsold" in verdict.failures


@pytest.mark.parametrize(
    ("number", "tickets"),
    [
        pytest.param(20, 60, id="somebody else bought them"),
        pytest.param(2, 90, id="a trifle"),
        pytest.param(0, 90, id="nobody gave up"),
    ],
)
def test_who_gave_up_is_no_failure_where_all_was_sold_and_few_are_a_trifle(
    evidence_of, number, tickets
):
    verdict = judge(gave_up(evidence_of(**SMALL), number, tickets))
    assert unsold(verdict) == []
    assert "unsold" not in verdict.failures


def test_a_sound_sale_whose_students_gave_up_passes(evidence_of):
    evidence = foreign(gave_up(evidence_of(**SMALL, allocation="naive"), 20, 60), "everything")
    verdict = judge(evidence)
    assert verdict.verdict == "pass", verdict.reasons
    assert verdict.census.gave_up == 20


@pytest.mark.parametrize("level", ["count", "tickets", "owners"])
def test_what_a_ledger_holds_was_sold_whoever_bought_it_and_whenever(evidence_of, level):
    """Thirty of ninety tickets went to people who are none of our students; nobody says when."""

    def bought_besides(rows):
        others = rows.iloc[:30].assign(ticket=[f"other-{row}" for row in range(len(rows[:30]))])
        others["student"] = others["student"].mask(others["student"].notna())
        return pd.concat([rows, others])

    shop = foreign(gave_up(evidence_of(**SMALL, allocation="naive"), 20, tickets=90), level)
    (said,) = unsold(judge(shop))
    assert said.endswith("30 of 90 tickets were never sold.")
    assert unsold(judge(with_rows(shop, bought_besides, tickets=90))) == []


def test_what_was_sold_before_was_not_left(evidence_of):
    evidence = gave_up(evidence_of(**SMALL, allocation="naive"), 20, tickets=90)
    assert unsold(judge(foreign(evidence, "everything")))
    assert unsold(judge(foreign(evidence, "everything", before=30))) == []
    assert unsold(judge(foreign(evidence, "everything", before=90))), "that was another sale"


def test_where_no_ledger_tells_who_met_an_error_may_have_a_ticket(evidence_of):
    evidence = gave_up(evidence_of(**SMALL, allocation="naive"), 20, tickets=90)
    students = evidence.students.copy()
    others = students.index[students["outcome"] == "sold_out"][:30]
    students.loc[others, "outcome"] = "failed"
    erring = dataclasses.replace(evidence, students=students)
    (said,) = unsold(judge(foreign(evidence, "answers")))
    assert said.endswith(
        "30 of 90 tickets were never sold, but no ledger says what was sold before or to others. "
        "Add [[ledgers]] to the plan, or set event.tickets to what is left."
    )
    assert judge(foreign(evidence, "answers")).verdict == "inconclusive"
    assert unsold(judge(foreign(erring, "answers"))) == []
    assert unsold(judge(foreign(erring, "everything"))), "the ledger knows better"


def test_a_limit_of_the_plans_own_takes_its_place(evidence_of):
    evidence = gave_up(evidence_of(**SMALL), 20, tickets=90)
    assert unsold(judge(gated(evidence, [("census.gave_up", "<= 20%")]))) == []


def test_a_generator_that_stood_still_is_no_fault_of_the_sale(evidence_of):
    quiet = evidence_of(**SMALL, silent=(("generator", 0.1, 3.1),))
    verdict = judge(gave_up(quiet, 20, tickets=90))
    (said,) = unsold(verdict)
    assert said.endswith("never sold, but the generator stood still for a while.")
    assert "unsold" not in verdict.failures
