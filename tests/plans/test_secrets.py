"""A plan names the variable that holds a secret; its value is looked up and never quoted."""

import pytest

from dress_rehearsal.plans import PlanError, secrets
from dress_rehearsal.plans.secrets import look_also_in, resolved, resolved_within, variables_in


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    monkeypatch.delenv("SHOP_NOT_SET", raising=False)
    monkeypatch.setattr(secrets, "_also", [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("env:SHOP_KEY", "s3cret"),
        ("Bearer env:SHOP_KEY", "Bearer s3cret"),
        ("plain", "plain"),
        ("one more env:SHOP_KEY is text", "one more env:SHOP_KEY is text"),
        ("", ""),
    ],
)
def test_a_named_variable_is_its_value_and_anything_else_itself(text: str, value: str) -> None:
    assert resolved(text) == value


@pytest.mark.parametrize("text", ["env:SHOP_NOT_SET", "Bearer env:SHOP_NOT_SET"])
def test_one_that_is_not_set_is_a_sentence_with_its_name(text: str) -> None:
    with pytest.raises(PlanError, match=r"environment variable SHOP_NOT_SET, .* is not set"):
        resolved(text)


def test_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", " \n")
    with pytest.raises(PlanError, match="not set or is empty"):
        resolved("env:SHOP_KEY")


@pytest.mark.parametrize("text", ["env:hunter2-s3cret", "env:", "Env:SHOP KEY", "Bearer env:a.b"])
def test_what_is_no_name_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(PlanError, match='must be "env:NAME"') as refused:
        resolved(text)
    assert "hunter2" not in str(refused.value)


def test_what_the_command_left_outside_is_found_too() -> None:
    look_also_in({"SHOP_NOT_SET": "left outside"})
    assert resolved("env:SHOP_NOT_SET") == "left outside"


def test_all_texts_of_a_document_are_resolved() -> None:
    document = {"a": ["env:SHOP_KEY", 1, None], "b": {"c": "Token env:SHOP_KEY", "d": True}}
    assert variables_in(document) == {"SHOP_KEY"}
    assert resolved_within(document) == {
        "a": ["s3cret", 1, None],
        "b": {"c": "Token s3cret", "d": True},
    }
