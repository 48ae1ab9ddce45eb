"""A QR code's picture gives back its text, and the text the ticket that it names."""

import io
import random
import re
import tracemalloc

import numpy as np
import pytest
import segno
from segno import consts

from dress_rehearsal.scenarios.answers.qr_code import read_codes, ticket_in
from dress_rehearsal.target_app.qr import draw_qr, sign_ticket

TICKET = "0123456789abcdef" * 2
MODES = [
    ("numeric", "0123456789", 4),
    ("alphanumeric", consts.ALPHANUMERIC_CHARS.decode(), 6),
    ("byte", "abcdefghij0123456789;!", 8),
]
"""Each with what it writes, and the bits of a character at most."""
STROKE = b"M26 4.5h7"
DAMAGES = {
    "no line": b"M26 4.5",
    "no length": b"M26 4.5h",
    "two lengths": b"M26 4.5h7 7",
    "half a place": b"M26h7",
    "another pen": b"M26 4.5v7",
    "a word": b"M26 4.5h1e0",
    "two lines": b"M26 4.5hh7",
    "no number": b"M26 4-.5h7",
    "backwards": b"M33 4.5h-7",
    "endless": b"M26 4.5h" + b"9" * 400,
    "long": b"M26 4.5h40000",
    "far": b"M26 4.5h7M-100000 4.5h1",
    "far in steps": b"M26 4.5h7" + b"m50000 0h1" * 3,
    "too many strokes": b"M26 4.5h7" + b"m-1 0h1" * 10_000,
}
"""What may stand in the place of a stroke, and make a path that is none."""


LEAVING = b'<path d="M0 0h7M14 0h7M13.5 20h7.5"/>'
"""Its last stroke ends to the right of its square, once it is put among the modules."""
LARGEST_OF_FEW = b'<path d="M0 0h7M0 176h177"/>'
"""Two strokes that claim the largest square there is."""


def read_svg(picture):
    """What one picture says, read alone."""
    (text,) = read_codes([picture])
    return text


def drawn(code):
    picture = io.BytesIO()
    code.save(picture, kind="svg", scale=3)
    return picture.getvalue()


def strokes_of(matrix):
    """The dark runs of a code's rows: column, row, length."""
    return [
        (run.start(), row, run.end() - run.start())
        for row, modules in enumerate(matrix)
        for run in re.finditer(rb"\x01+", bytes(modules))
    ]


def written(strokes, style, draw):
    """A picture of strokes; of those that begin where the last one ended some do not, at random."""
    path, x, y = "", 0, 0
    for right, down, long in strokes:
        is_absolute = "M" in style or draw.random() < 0.2
        place = (right, down) if is_absolute else (right - x, down - y)
        pens = style.replace("m", "M") if is_absolute else style
        path += pens.format(*(f"{number:.9f}" for number in (*place, long)))
        x, y = right + long, down
    return f'<svg><path d="{path}"/></svg>'.encode()


def test_the_apps_own_code_names_its_ticket():
    payload = sign_ticket(b"key", "festival", TICKET, 1_795_197_600)
    assert read_svg(draw_qr(payload)) == payload
    assert ticket_in(payload) == TICKET


@pytest.mark.parametrize("version", range(1, 41))
def test_codes_of_every_kind_are_read(version):
    draw = random.Random(version)
    for place, error in enumerate("LMQH"):
        mode, alphabet, wide = MODES[(version + place) % len(MODES)]
        room = consts.SYMBOL_CAPACITY[version][getattr(consts, f"ERROR_LEVEL_{error}")]
        most = room // wide - 3
        text = "".join(draw.choices(alphabet, k=draw.choice([1, most - 2, most - 1, most])))
        mask = (version + version // 8 + 2 * place) % 8
        code = segno.make_qr(
            text, version=version, error=error, mask=mask, mode=mode, boost_error=False
        )
        assert read_svg(drawn(code)) == text


@pytest.mark.parametrize("mask", range(8))
@pytest.mark.parametrize(("mode", "alphabet"), [mode[:2] for mode in MODES])
def test_every_mask_is_lifted(mask, mode, alphabet):
    for error, many in zip("LMQH", range(1, 5), strict=True):
        text = alphabet[-many:]
        code = segno.make_qr(text, error=error, mask=mask, mode=mode, boost_error=False)
        assert read_svg(drawn(code)) == text


def test_text_of_any_tongue_is_read():
    text = "ü/漢字/€"
    assert read_svg(drawn(segno.make_qr(text, encoding="utf-8"))) == text


@pytest.mark.parametrize("scale", [0.01, 0.7, 1, 3.3, 500])
@pytest.mark.parametrize("style", ["M{} {}h{}", "m{} {}h{}", " M {} , {}\nh {}", "m{},{}\th{} "])
def test_strokes_are_read_however_they_are_written(style, scale):
    draw = random.Random(style)
    strokes = strokes_of(segno.make_qr("ABC 1/2").matrix)
    strokes[1:] = draw.sample(strokes[1:], k=len(strokes) - 1)
    strokes += strokes[5:9]  # some are drawn twice
    assert read_svg(written(scale * (np.array(strokes) + (4, 4.5, 0)), style, draw)) == "ABC 1/2"


def test_whatever_modules_a_picture_has_it_is_read_without_a_sound():
    draw = random.Random(5)
    for _ in range(200):
        side = draw.choice([17, 21, 22, 25, 45, 57])
        matrix = [[draw.random() < 0.5 for _ in range(side)] for _ in range(side)]
        matrix[0] = [1] * 7 + [0] + matrix[0][8:-1] + [1]
        path = "".join(f"M{x} {y}h{long}" for x, y, long in strokes_of(matrix))
        assert isinstance(read_svg(f'<path d="{path}"/>'.encode()), str | None)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_code_is_not_read(damage):
    picture = draw_qr(sign_ticket(b"key", "festival", TICKET, 1_795_197_600))
    assert picture.count(STROKE) == 1
    assert read_svg(picture.replace(STROKE, DAMAGES[damage])) is None


def test_a_picture_that_is_cut_is_not_read():
    picture = draw_qr(sign_ticket(b"key", "festival", TICKET, 1_795_197_600))
    assert read_svg(picture[: picture.rindex(b'"')]) is None


def test_a_long_text_in_several_blocks_is_put_together_again():
    text = "".join(random.Random(7).choices("abcdefghij0123456789", k=900))
    assert read_svg(drawn(segno.make_qr(text, error="q"))) == text


def test_a_code_is_read_beside_others_as_it_is_alone():
    payload = sign_ticket(b"key", "festival", TICKET, 1_795_197_600)
    whole, larger = draw_qr(payload), drawn(segno.make_qr("1", version=5, mask=2, error="h"))
    steps = drawn(segno.make_qr("ABC", mode="alphanumeric"))
    damaged = [whole.replace(STROKE, damage) for damage in DAMAGES.values()]
    nothing_first = b'<svg><path d="M0 0h7"/><path d="M0 .5h-7"/>' + whole
    from_nought = steps.replace(b"M", b"m")
    now_and_then = written(strokes_of(segno.make_qr("DEF").matrix), "m{} {}h{}", random.Random(2))
    many = [whole, larger, b"text", now_and_then, now_and_then, steps, LEAVING, steps, *damaged]
    many += [b"", b"\xff", b"<svg", nothing_first, from_nought]
    said = [payload, "1", "text", "DEF", "DEF", "ABC", None, "ABC", *[None] * len(damaged)]
    said += ["", None, None, payload, "ABC"]
    for turn in range(len(many)):
        assert read_codes(many[turn:] + many[:turn]) == said[turn:] + said[:turn]


def test_pictures_of_which_every_one_leaves_its_square_say_nothing():
    assert read_svg(b"<svg>" + LEAVING + b"</svg>") is None
    other_size = b'<svg><path d="M0 0h7M17.5 24h7.5"/></svg>'
    assert read_codes([LEAVING, LEAVING, other_size, b"text"]) == [None, None, None, "text"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "many"),
    [(draw_qr(sign_ticket(b"key", "e", TICKET, 0)), 1000), (LARGEST_OF_FEW, 1000)],
    ids=["usual", "of a few strokes"],
)
def test_many_codes_take_no_more_memory_than_some(picture, many):
    def most_bytes(pictures):
        tracemalloc.start()
        read_codes(pictures)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    most_bytes([picture])  # what is kept for every code of its size
    assert most_bytes([picture] * many) < 16_000_000


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
