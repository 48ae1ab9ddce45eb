"""Numbers that stand side by side add up, or the page says why they do not."""

import pytest

from dress_rehearsal.reports.evidence.reconciliation import Reconciliation, Tally
from dress_rehearsal.reports.page.tables import fairness_table, parts_tables, reconciliation_table
from dress_rehearsal.reports.part import Band
from tests.steps import BUNDLED, LOGIN


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        (100, "agree"),
        (97, "agree: 95 to 103 may be"),
        (102, "agree: 95 to 103 may be"),
        (94, "off by -1"),
    ],
)
def test_counts_that_differ_and_agree_say_within_what(counted, words):
    tally = Tally(recorded=100, uncertain=3, least=95, counted=counted)
    (row,) = reconciliation_table(Reconciliation({LOGIN: tally}, None), BUNDLED).rows
    assert row[4].text == words


def test_what_several_devices_gain_is_a_difference_of_shares(healthy_verdict):
    fairness = healthy_verdict.fairness.model_copy(update={"multi_device_advantage": 0.114})
    table = fairness_table(fairness)
    shown = {row[0].text: row[1].text for row in table.rows}
    assert shown["Several devices"] == "11.4 percentage points"
    (overtaken,) = (row[2].text for row in table.rows if row[0].text == "Overtaken")
    assert "from when they were sent, not meant" in overtaken


@pytest.mark.parametrize(("each_ms", "said"), [(10.04, True), (10.0, False)])
def test_a_column_of_rounded_parts_that_adds_up_to_less_says_so(healthy_verdict, each_ms, said):
    parts = dict.fromkeys(("cpu", "redis", "postgres", "worker_line"), each_ms)
    band = Band(
        step="POST /x",
        band="slowest 1%",
        requests=100,
        felt_ms=round(4 * each_ms, 3),
        parts=parts,
    )
    (table,) = parts_tables(healthy_verdict.model_copy(update={"bands": (band,), "not_known": ()}))
    assert ("rounded" in table.foot[-1].text) is said
