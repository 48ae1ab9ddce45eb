"""A QR code's picture gives back its text, and the text the ticket that it names."""

import io
import random

import pytest
import segno

from dress_rehearsal.scenarios.answers.qr_code import read_svg, ticket_in
from dress_rehearsal.target_app.qr import draw_qr, sign_ticket

TICKET = "0123456789abcdef" * 2


def drawn(text, **options):
    picture = io.BytesIO()
    code = segno.make_qr(text, encoding="utf-8", boost_error=False, **options)
    code.save(picture, kind="svg", scale=3)
    return picture.getvalue()


def test_the_apps_own_code_names_its_ticket():
    payload = sign_ticket(b"key", "festival", TICKET, 1_795_197_600)
    assert read_svg(draw_qr(payload)) == payload
    assert ticket_in(payload) == TICKET


@pytest.mark.parametrize("error", ["l", "m", "q", "h"])
@pytest.mark.parametrize("version", [1, 2, 5, 7, 14, 27, 40])
def test_codes_of_every_kind_are_read(version, error):
    draw = random.Random(version)
    texts = ["1234567", "ABC 1/2", "ü/" + "x" * draw.randint(0, 4)]
    for text in texts:
        for mask in (draw.randrange(8), draw.randrange(8)):
            assert read_svg(drawn(text, version=version, error=error, mask=mask)) == text


def test_a_long_text_in_several_blocks_is_put_together_again():
    text = "".join(random.Random(7).choices("abcdefghij0123456789", k=900))
    assert read_svg(drawn(text, error="q")) == text


@pytest.mark.parametrize(
    "picture",
    [
        b"<svg/>",
        b"<svg",
        b'<svg><path stroke="#000" d=""/></svg>',
        b'<svg><path stroke="#000" d="M1 1h"/></svg>',
        b'<svg><path stroke="#000" d="M4 4.5h7M4 99.5h7"/></svg>',
        b'<svg><path stroke="#000" d="M4 4.5h0"/></svg>',
        b'<svg><path stroke="#000" d="M4 4..5h7"/></svg>',
        b'<svg><path fill="#000" d="M0 0h21v21H0z"/></svg>',
        b'<svg><path stroke="#000" d="M0 0.5h7m7 0h7"/></svg>',
    ],
)
def test_what_is_no_code_is_not_read(picture):
    assert read_svg(picture) is None


@pytest.mark.parametrize(
    ("text", "ticket"),
    [
        (f"https://tickets.example/{TICKET.upper()}", TICKET),
        (f"AERUKZ4JVPG66AJDIVTYTK6N54.{'7' * 8}", TICKET),
        ("AERUKZ4JVPG66AJDIVTYTK6N54X", None),
        (f"0{TICKET}", None),
        ("ticket 12", None),
    ],
)
def test_a_ticket_is_seen_in_hex_and_in_base32(text, ticket):
    assert ticket_in(text) == ticket
