"""What of an exchange is shown, and what of it is nobody's business."""

import pytest

from dress_rehearsal.rehearsal.first_contact.discretion import Discretion

SECRET = "q7Hd-4711-SENTINEL-Zm9vYmFy"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"access_token": "{SECRET}", "id": 7}}',
        f'{{"csrfToken":"{SECRET}"}}',
        f'{{"user": {{"apiKey" : "{SECRET}"}}}}',
        f'{{"password": "{SECRET[:9]}\\"{SECRET[9:]}"}}',
        f"email=a%40b&pin={SECRET}&x=1",
        f"/orders?token={SECRET}",
        f'<input type="hidden" name="csrf_token" value="{SECRET}">',
        f'<meta name="csrf-token" content="{SECRET}">',
        f"Authorization: Bearer {SECRET}",
    ],
)
def test_what_is_named_like_a_secret_is_hidden(text):
    shown = Discretion().shown(text, 200)
    assert SECRET not in shown
    assert SECRET[9:] not in shown
    assert "…" in shown


@pytest.mark.parametrize(
    "text", [f"hello {SECRET}", f"/a/{SECRET}/b", f"x=1&y={SECRET}", f'["{SECRET}"]']
)
@pytest.mark.parametrize(
    "header",
    [
        ("Set-Cookie", f"sid={SECRET}; Path=/; HttpOnly"),
        ("Cookie", f"a=1; session={SECRET}"),
        ("Authorization", f"Bearer {SECRET}"),
        ("X-CSRF-Token", SECRET),
        ("X-Api-Key", SECRET),
    ],
    ids=lambda header: header[0],
)
def test_what_a_header_held_is_hidden_wherever_it_turns_up_again(text, header):
    discretion = Discretion()
    discretion.hide_headers([header, ("Content-Type", "text/plain")])
    assert SECRET not in discretion.shown(text, 200)


def test_a_pin_is_hidden_in_urls_too():
    discretion = Discretion(["p&n 47"])
    assert discretion.shown("/login?p=p%26n%2047&q=p%26n+47", 200) == "/login?p=…&q=…"


def test_a_short_pin_is_hidden_where_it_stands_alone_only():
    assert Discretion(["1"]).shown("pin 1, 10 tickets, 0.1 s", 99) == "pin …, 10 tickets, 0.1 s"


def test_what_looks_like_a_token_is_hidden_and_an_id_is_not():
    known = '{"id": "0b8a6f5e-3c1d-4d8e-9a7b-1c2d3e4f5a6b"}'
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    assert Discretion().shown(f"a {token} {known}", 200) == f"a … {known}"


def test_what_acts_is_shown_on_one_line_and_cut():
    assert Discretion().shown("a\x1b[2Jb\n\n  c\u202ed", 99) == "a\\x1b[2Jb c\\u202ed"
    assert Discretion().shown("word " * 99, 12) == "word word w…"


@pytest.mark.slow
def test_a_secret_that_the_cut_goes_through_is_not_shown():
    text = f'"token": "{"x" * 3_980}" {SECRET}'
    for cut in range(len(SECRET)):
        assert SECRET[:5] not in Discretion([SECRET]).shown(" " * cut + text, 100)
