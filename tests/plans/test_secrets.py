"""A plan names the variable that holds a secret; its value is looked up and never quoted."""

import pytest

from dress_rehearsal.plans import PlanError, secrets
from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.plans.secrets import (
    look_also_in,
    names_a_secret,
    resolved,
    resolved_within,
    variables_in,
)


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


@pytest.mark.parametrize(
    ("name", "says_so"),
    [
        *[(name, True) for name in ("SHOP_KEY", "DB_PASS", "MYSQL_PWD", "X-Auth", "X-Session")],
        *[(name, True) for name in ("adminKey", "userPass", "Authorization", "PASSPHRASE")],
        *[(name, False) for name in ("Idempotency-Key", "MONKEY", "BYPASS", "author", "X-Region")],
        *[(name, False) for name in ("FLASK_SESSION_TYPE", "PASSENGERS", "hockey")],
    ],
)
def test_a_name_says_whether_its_value_is_a_secret(name: str, *, says_so: bool) -> None:
    assert names_a_secret(name) is says_so


@pytest.mark.parametrize(
    ("keys", "is_refused"),
    [
        ({"opening": {"request": "POST /o", "json": {"admin": {"password": "hunter2"}}}}, True),
        ({"opening": {"request": "POST /o", "json": [{"adminKey": "hunter2"}]}}, True),
        ({"opening": {"request": "POST /o", "json": {"adminKey": "env:SHOP_KEY"}}}, False),
        ({"opening": {"request": "POST /o", "json": {"key": "on_sale", "token": ""}}}, False),
        ({"opening": {"request": "POST /o", "json": {"token": "{t0_s}"}}}, False),
        ({"command": "shop --db-password hunter2"}, True),
        ({"command": ["shop", "--token", "hunter2"]}, True),
        ({"command": "shop --token-file tokens.txt --secret --port 1"}, False),
        ({"command": "shop", "environment": {"DB_PASS": "hunter2"}}, True),
    ],
)
def test_a_plan_that_says_itself_that_it_holds_a_secret_is_refused(
    keys: dict[str, object], *, is_refused: bool
) -> None:
    target = {"stage": "external", "url": "http://127.0.0.1:1", **keys}
    document = {"name": "shop", "scenario": {"file": "shop.py"}, "target": target}
    try:
        check_plan(document, "shop.toml")
    except PlanError as refused:
        assert is_refused
        assert "env:NAME" in str(refused)
        assert "hunter2" not in str(refused)
    else:
        assert not is_refused
