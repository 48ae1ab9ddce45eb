"""A ticket is the same however it is written, where that tells no two apart."""

import pytest

from dress_rehearsal.reports.evidence.ticket_names import renamed

ID = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param("AB12      ", "AB12", id="a column of fixed width"),
        pytest.param("ab12", "AB12", id="small letters"),
        pytest.param(ID, ID.replace("-", ""), id="a UUID without hyphens"),
        pytest.param(ID.upper(), f"{{{ID}}}", id="a UUID in braces"),
        pytest.param("17", "000017", id="leading zeros"),
        pytest.param("0", "0000", id="nothing but zeros"),
    ],
)
def test_it_is_called_as_students_were_told(written: str, told: str) -> None:
    assert renamed({written, "other"}, {told, "other"}) == {written: told}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param({"a-1"}, {"a1"}, id="another name"),
        pytest.param({"T-1", "t-1"}, {"T-1", "t-1"}, id="two that only letters tell apart"),
        pytest.param({"t-1"}, {"T-1", "T-1 "}, id="told of two"),
        pytest.param({"t-1", "T-1 "}, {"T-1"}, id="two of one name"),
        pytest.param({"1.5"}, {"01.5"}, id="no whole number"),
        pytest.param(set(), {"T-1"}, id="an empty ledger"),
    ],
)
def test_what_may_be_another_ticket_is_one(written: set[str], told: set[str]) -> None:
    assert renamed(written, told) == {}
