"""The sale is read from the store that saw most of it."""


def test_a_row_delivered_twice_is_one_grant(evidence_of):
    assert evidence_of(repeated_rows=4).sale.granted == 200
