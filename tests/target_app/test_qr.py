"""QR codes: drawn from patterns exactly as segno draws them, signed, good for a short while."""

import random
import re

import pytest
import segno

from dress_rehearsal.target_app.qr import (
    ALPHABET,
    PAYLOAD_CHARACTERS,
    draw_qr,
    matrix_bits,
    read_payload,
    sign_ticket,
)

TICKET = "0af7651916cd43dd8448eb211c80319c"
NOW_S = 1_795_224_600.0  # the beginning of a slot


@pytest.mark.slow
def test_every_payload_is_drawn_as_segno_draws_it() -> None:
    chance = random.Random(20261121)
    for _ in range(50):
        payload = "".join(chance.choice(ALPHABET) for _ in range(PAYLOAD_CHARACTERS))
        code = segno.make_qr(payload, version=3, error="m", mask=3, boost_error=False)
        assert matrix_bits(payload) == "".join(
            str(int(dark)) for row in code.matrix for dark in row
        )


def test_the_picture_paints_exactly_the_dark_modules() -> None:
    payload = sign_ticket(b"key", "festival", TICKET, NOW_S)
    picture = draw_qr(payload).decode()
    painted = {
        (int(x) - 4 + step, int(y) - 4)
        for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", picture)
        for step in range(int(length))
    }
    bits = matrix_bits(payload)
    assert painted == {(i % 29, i // 29) for i, bit in enumerate(bits) if bit == "1"}


def test_a_signed_payload_can_be_drawn_and_names_its_ticket() -> None:
    chance = random.Random(20261121)
    for _ in range(50):
        ticket = chance.randbytes(16).hex()
        payload = sign_ticket(b"key", "festival", ticket, NOW_S + chance.random() * 1e9)
        assert len(matrix_bits(payload)) == 29 * 29
        shown = read_payload(b"key", "festival", payload)
        assert shown is not None
        assert shown.ticket == ticket


@pytest.mark.parametrize(("key", "event"), [(b"other", "festival"), (b"key", "another")])
def test_a_payload_of_another_key_or_event_is_not_genuine(key: bytes, event: str) -> None:
    assert read_payload(key, event, sign_ticket(b"key", "festival", TICKET, NOW_S)) is None


def test_a_payload_with_any_character_changed_is_not_genuine() -> None:
    payload = sign_ticket(b"key", "festival", TICKET, NOW_S)
    for at, character in enumerate(payload):
        for other in ("A", "B", "7", "2", ".", "é", "\0", "٣"):
            if other != character:
                forged = payload[:at] + other + payload[at + 1 :]
                assert read_payload(b"key", "festival", forged) is None, (at, other)


@pytest.mark.parametrize("change", ["", "x", "{}A", "{}\n", " {}", "lower"])
def test_what_is_no_payload_at_all_is_not_genuine(change: str) -> None:
    payload = sign_ticket(b"key", "festival", TICKET, NOW_S)
    shown = payload.lower() if change == "lower" else change.format(payload)
    assert read_payload(b"key", "festival", shown) is None


@pytest.mark.parametrize(
    ("shown_after_s", "good"),
    [(0, True), (29.9, True), (30, True), (39.9, True), (40, False), (3600, False)],
)
def test_a_payload_is_good_in_its_half_minute_and_ten_seconds_more(
    shown_after_s: float, good: bool
) -> None:
    shown = read_payload(b"key", "festival", sign_ticket(b"key", "festival", TICKET, NOW_S))
    assert shown is not None
    assert shown.is_good_at(NOW_S + shown_after_s) is good


def test_a_payload_from_the_future_is_good_only_as_far_as_clocks_may_differ() -> None:
    shown = read_payload(b"key", "festival", sign_ticket(b"key", "festival", TICKET, NOW_S))
    assert shown is not None
    assert shown.is_good_at(NOW_S - 10)
    assert not shown.is_good_at(NOW_S - 10.1)


def test_payloads_change_with_the_half_minute_and_not_within() -> None:
    first, same, other = (
        sign_ticket(b"key", "festival", TICKET, NOW_S + later_s) for later_s in (0, 29.9, 30)
    )
    assert first == same != other


def test_a_payload_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="59 characters, not 5"):
        draw_qr("SHORT")
