"""QR codes as pictures: the text in a code that is drawn as SVG, and the ticket that a text names.

Read are codes whose dark modules are horizontal strokes, as segno and the reference app draw them.
A picture that was never printed has no errors to correct, so the data are read as they stand
(ISO/IEC 18004): unmasked, in their zigzag, the blocks put together again.
"""

import base64
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice, product, repeat, zip_longest
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from segno import consts

_TAG: Final = re.compile(rb"<path\b")
_DRAWING: Final = re.compile(rb'\sd="')
_MOST_PATHS: Final = 8
"""Paths of a picture that are looked at: a code is one of the first."""
_MOST_STROKES: Final = 10_000
"""The largest code there is, of 177 modules a side, has some 7,800."""
_FURTHEST: Final = 1e5
"""No coordinate of a picture lies further away."""
_SMALLEST: Final = 1e-3
"""No module of it is smaller."""
_NO_PEN: Final = b"0123456789.-, \t\n\r\f\v"
"""All that strokes are written with but the pens: M, m and h."""
_NUMBERS_ALONE: Final = bytes.maketrans(b"Mmh,", b"    ")
_AT_ONCE: Final = 1_000
"""Numbers that are read in one call: no other thread runs meanwhile."""
_AS_JSON: Final = msgspec.json.Decoder(list[float])
_FINDER: Final = 7
_SIDES: Final = range(21, 178, 4)
_FORMAT_MASK: Final = 0x5412
_LEVELS: Final = (
    consts.ERROR_LEVEL_M,
    consts.ERROR_LEVEL_L,
    consts.ERROR_LEVEL_H,
    consts.ERROR_LEVEL_Q,
)
"""Error levels in the order of the two bits that name them."""
_VERSION_TOLD: Final = 7
_BLOCKS: Final[Any] = consts.ECC
"""By version and error level: how many blocks of which size."""
_END, _NUMERIC, _ALPHANUMERIC, _BYTES = 0, 1, 2, 4
_LENGTH_BITS: Final = {_NUMERIC: (10, 12, 14), _ALPHANUMERIC: (9, 11, 13), _BYTES: (8, 16, 16)}
_ALPHABET: Final = consts.ALPHANUMERIC_CHARS.decode()
_GROUPS: Final = {
    _NUMERIC: tuple(
        (bits, tuple(f"{number:0{many}d}" for number in range(1 << bits)) if many else ("",))
        for many, bits in enumerate((0, 4, 7, 10))
    ),
    _ALPHANUMERIC: tuple(
        (bits, tuple(map("".join, product(_ALPHABET, repeat=many))))
        for many, bits in enumerate((0, 6, 11))
    ),
}
"""By mode and how many characters stand together: the bits they take, and what those may say."""
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32}(?![0-9A-Za-z])")
_BASE32: Final = re.compile(r"(?<![0-9A-Za-z])[A-Z2-7]{26}(?![0-9A-Za-z])")

Modules = NDArray[np.bool_]


def read_code(answer: bytes) -> str | None:
    """Return what a code says, drawn as SVG or sent as text; None where it cannot be read here."""
    if answer.lstrip()[:1] == b"<":
        return read_svg(answer)
    try:
        return answer.decode()
    except UnicodeDecodeError:
        return None


def read_svg(picture: bytes) -> str | None:
    """Return the text of a QR code; None where the picture is none that can be read here."""
    for tag in islice(_TAG.finditer(picture), _MOST_PATHS):
        attributes = picture[tag.end() :].partition(b">")[0]
        drawing = _DRAWING.search(attributes)
        if drawing is None:
            continue
        path, closed, _ = attributes[drawing.end() :].partition(b'"')
        modules = _modules(path) if closed else None
        text = None if modules is None else _text(modules)
        if text:
            return text
    return None


def ticket_in(text: str) -> str | None:
    """Return the ticket that a code's text names, as 32 hex digits; None where none is seen.

    Seen is an id of 16 bytes, in hex or in base32 (RFC 4648, without padding).
    """
    found = _HEX.search(text)
    if found is not None:
        return found[0].lower()
    found = _BASE32.search(text)
    return None if found is None else base64.b32decode(f"{found[0]}======").hex()


def _modules(path: bytes) -> Modules | None:
    """Return a drawing's modules, True for dark; None where it is no square of a QR code's size."""
    strokes = _strokes(path)
    if strokes is None:
        return None
    x, y, longs = strokes
    left, top, shortest = strokes.min(axis=1).tolist()
    right, bottom = float((x + longs).max()), float(y.max())
    unit = float(longs[0]) / _FINDER  # the first is the upper side of a finder pattern
    if shortest <= 0 or unit < _SMALLEST or max(-left, -top, right, bottom) >= _FURTHEST:
        return None
    side = round((right - left) / unit)
    if side not in _SIDES or bottom - top > (side - 0.5) * unit:
        return None
    strokes -= np.array(((left,), (top,), (0,)))
    columns, rows, many = np.rint(strokes / unit).astype(np.intp)
    begin = rows * side + columns
    end = begin + many
    if end.max() > side * side:
        return None
    # Strokes may overlap: dark is where more of them have begun than ended.
    changes = np.bincount(begin, minlength=side * side + 1)
    changes -= np.bincount(end, minlength=side * side + 1)
    modules: Modules = (changes[:-1].cumsum() > 0).reshape(side, side)
    return modules


def _strokes(path: bytes) -> NDArray[np.float64] | None:
    """Return where strokes begin, x and y, and how long they are, one a column; None if it is none.

    Each is a move, M or from where the last one ended m, and a line to the right, h.
    """
    pens = path.translate(None, _NO_PEN)
    moves = pens[::2]
    many = len(moves)
    if not 0 < many <= _MOST_STROKES or moves.strip(b"Mm") or pens[1::2] != b"h" * many:
        return None
    words = path.translate(_NUMBERS_ALONE).split(maxsplit=3 * many)
    pieces = [words[begin : begin + _AT_ONCE] for begin in range(0, len(words), _AT_ONCE)]
    try:
        numbers = np.concatenate([_numbers(piece) for piece in pieces])
        strokes = numbers.reshape(many, 3).T.copy()
    except ValueError:  # too few or too many, or what is no number
        return None
    if np.abs(strokes).max() >= _FURTHEST:
        return None
    if b"m" in moves:
        places = strokes[:2]
        steps = places.copy()
        steps[0, 1:] += strokes[2, :-1]
        walked = steps.cumsum(axis=1)
        fixed = np.frombuffer(moves, dtype=np.uint8) == ord("M")
        last_fixed = np.maximum.accumulate(np.where(fixed, np.arange(many), 0))
        # How far off the walk, begun at nought, was at the last M, it is still.
        strokes[:2] = walked - (walked - places).take(last_fixed, axis=1)
    return strokes


def _numbers(words: list[bytes]) -> NDArray[np.float64]:
    """Read numbers; those that JSON has too, as all of a picture's usually are, in a third of the
    time. Raises ValueError where one is none."""
    try:
        return np.array(_AS_JSON.decode(b"[%b]" % b",".join(words)))
    except ValueError:
        return np.array(words, dtype=np.float64)


def _text(modules: Modules) -> str | None:
    side = len(modules)
    about = (int(np.packbits(modules[8, :5])[0]) >> 3) ^ (_FORMAT_MASK >> 10)
    bits = (modules ^ _mask(about & 7, side)).ravel()[_order(side, _LEVELS[about >> 3])]
    try:
        return "".join(_segments(np.packbits(bits).tobytes(), side))
    except (ValueError, IndexError):  # cut, or in a way of writing that is not read here
        return None


def _segments(stream: bytes, side: int) -> Iterator[str]:
    """Yield the texts of a code's segments. Raises ValueError or IndexError where it is none."""
    number, left = int.from_bytes(stream, "big"), 8 * len(stream)

    def take(bits: int) -> int:
        nonlocal left
        left -= bits
        if left < 0:
            raise ValueError("the code is cut")
        return number >> left & (1 << bits) - 1

    version = _SIDES.index(side) + 1
    size = (version > 9) + (version > 26)
    while left >= 4 and (mode := take(4)) != _END:
        if mode not in _LENGTH_BITS:
            raise ValueError(f"mode {mode} is not read")
        length = take(_LENGTH_BITS[mode][size])
        if mode == _BYTES:
            yield take(8 * length).to_bytes(length, "big").decode("utf-8", "replace")
            continue
        together = len(_GROUPS[mode]) - 1
        groups, rest = divmod(length, together)
        for many in (*repeat(together, groups), rest):
            bits, words = _GROUPS[mode][many]
            yield words[take(bits)]


@cache
def _order(side: int, level: int) -> NDArray[np.intp]:
    """Return where the bits of the data are among a code's modules, block by block."""
    version = _SIDES.index(side) + 1
    sizes = [block.num_data for block in _BLOCKS[version][level] for _ in range(block.num_blocks)]
    data: list[list[int]] = [[] for _ in sizes]
    # Interleaved: the first codeword of every block, then the second … of those that have one.
    turns = zip_longest(*([block] * size for block, size in enumerate(sizes)))
    blocks = [block for turn in turns for block in turn if block is not None]
    for codeword, block in enumerate(blocks):
        data[block].append(codeword)
    codewords = np.concatenate([np.array(block) for block in data])
    order: NDArray[np.intp] = _zigzag(side)[: 8 * sum(sizes)].reshape(-1, 8)[codewords].ravel()
    return order


@cache
def _zigzag(side: int) -> NDArray[np.intp]:
    """Return where the data and what corrects them are in a code, in the order of their bits."""
    version = _SIDES.index(side) + 1
    free = np.ones((side, side), dtype=np.bool_)
    free[6, :] = free[:, 6] = False  # timing
    centres = consts.ALIGNMENT_POS[version - 2] if version > 1 else ()
    corners = {(6, 6), (6, side - 7), (side - 7, 6)}
    for row, column in {*product(centres, centres)} - corners:
        free[row - 2 : row + 3, column - 2 : column + 3] = False
    # Finder patterns with what is about the format beside them, and from version 7 on the version.
    free[:9, :9] = free[:9, side - 8 :] = free[side - 8 :, :9] = False
    if version >= _VERSION_TOLD:
        free[:6, side - 11 : side - 8] = free[side - 11 : side - 8, :6] = False
    # Pairs of columns from the right, upwards and downwards by turns; column 6 is in none.
    pairs = [*range(side - 1, 6, -2), *range(5, 0, -2)]
    order = [
        row * side + column
        for turn, right in enumerate(pairs)
        for row in (range(side) if turn % 2 else range(side - 1, -1, -1))
        for column in (right, right - 1)
        if free[row, column]
    ]
    return np.array(order)


@cache
def _mask(mask: int, side: int) -> Modules:
    """Return which modules of a code a mask turns over, were all of them data."""
    row, column = np.indices((side, side))
    both = row * column
    turned = (
        (row + column) % 2,
        row % 2,
        column % 3,
        (row + column) % 3,
        (row // 2 + column // 3) % 2,
        both % 2 + both % 3,
        (both % 2 + both % 3) % 2,
        ((row + column) % 2 + both % 3) % 2,
    )[mask]
    flipped: Modules = turned == 0
    return flipped
