"""QR codes: drawn from patterns exactly as segno draws them, signed, and refused when forged."""

import random
import re

import pytest
import segno

from target_app.qr import (
    ALPHABET,
    PAYLOAD_CHARACTERS,
    draw_qr,
    matrix_bits,
    sign_ticket,
    verify_payload,
)

TICKET = "0af7651916cd43dd8448eb211c80319c"


def test_every_payload_is_drawn_as_segno_draws_it() -> None:
    chance = random.Random(20261121)
    for _ in range(50):
        payload = "".join(chance.choice(ALPHABET) for _ in range(PAYLOAD_CHARACTERS))
        code = segno.make_qr(payload, version=3, error="m", mask=3, boost_error=False)
        assert matrix_bits(payload) == "".join(
            str(int(dark)) for row in code.matrix for dark in row
        )


def test_the_picture_paints_exactly_the_dark_modules() -> None:
    payload = sign_ticket(b"key", "festival", TICKET)
    picture = draw_qr(payload).decode()
    painted = {
        (int(x) - 4 + step, int(y) - 4)
        for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", picture)
        for step in range(int(length))
    }
    bits = matrix_bits(payload)
    assert painted == {(i % 29, i // 29) for i, bit in enumerate(bits) if bit == "1"}


def test_a_signed_payload_verifies_and_names_its_ticket() -> None:
    payload = sign_ticket(b"key", "festival", TICKET)
    assert len(payload) == PAYLOAD_CHARACTERS
    assert verify_payload(b"key", "festival", payload) == TICKET


@pytest.mark.parametrize(
    ("key", "event", "change"),
    [(b"other", "festival", ""), (b"key", "another", ""), (b"key", "festival", "X")],
)
def test_a_payload_of_another_key_or_event_or_ticket_is_refused(
    key: bytes, event: str, change: str
) -> None:
    payload = change + sign_ticket(b"key", "festival", TICKET)[len(change) :]
    assert verify_payload(key, event, payload) is None


def test_a_payload_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="59 characters, not 5"):
        draw_qr("SHORT")
