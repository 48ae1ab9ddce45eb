"""QR codes as pictures: the text in a code that is drawn as SVG, and the ticket that a text names.

Read are codes whose dark modules are horizontal strokes, as segno and the reference app draw them.
A picture that was never printed has no errors to correct, so the data are read as they stand
(ISO/IEC 18004): unmasked, in their zigzag, the blocks put together again.
"""

import base64
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice, product, zip_longest
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from segno import consts

_TAG: Final = re.compile(rb"<path\b([^>]*)")
_DRAWING: Final = re.compile(rb'\sd="([^"]+)"')
_MOST_PATHS: Final = 8
"""Paths of a picture that are looked at: a code is one of the first."""
_MOST_STROKES: Final = 10_000
"""The largest code there is, of 177 modules a side, has some 7,800."""
_FURTHEST: Final = 1e5
"""No coordinate of a picture lies further away."""
_SMALLEST: Final = 1e-3
"""No module of it is smaller."""
_PEN: Final = re.compile(rb"([Mmh])\s*(-?[\d.]+)(?:[\s,]+(-?[\d.]+))?")
_NO_STROKES: Final = re.compile(rb"[^Mmh\d.,\s-]")
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
_ALPHABET: Final = consts.ALPHANUMERIC_CHARS.decode()
_END, _NUMERIC, _ALPHANUMERIC, _BYTES = 0, 1, 2, 4
_LENGTH_BITS: Final = {_NUMERIC: (10, 12, 14), _ALPHANUMERIC: (9, 11, 13), _BYTES: (8, 16, 16)}
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
        drawing = _DRAWING.search(tag[1])
        path = drawing[1] if drawing else b""
        if path and not _NO_STROKES.search(path):
            modules = _modules(path)
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
    strokes, x, y = [], 0.0, 0.0
    try:
        for stroke in _PEN.finditer(path):
            pen, first, second = stroke.groups()
            if pen == b"h":
                strokes.append((x, y, float(first)))
                x += float(first)
            else:
                right, down = float(first), float(second or b"0")
                x, y = (right, down) if pen == b"M" else (x + right, y + down)
            if len(strokes) > _MOST_STROKES or not (abs(x) < _FURTHEST and abs(y) < _FURTHEST):
                return None
    except ValueError:
        return None
    if not strokes or min(long for _, _, long in strokes) <= 0:
        return None
    left, top = min(strokes)[0], min(y for _, y, _ in strokes)
    unit = strokes[0][2] / _FINDER  # the first is the upper side of a finder pattern
    if unit < _SMALLEST:
        return None
    side = round((max(x + long for x, _, long in strokes) - left) / unit)
    if side not in _SIDES or max(y for _, y, _ in strokes) - top > (side - 0.5) * unit:
        return None
    dark = bytearray(side * side)
    for x, y, long in strokes:
        at, many = side * round((y - top) / unit) + round((x - left) / unit), round(long / unit)
        if at + many > len(dark):
            return None
        dark[at : at + many] = bytes((1,)) * many
    modules: Modules = np.frombuffer(dark, dtype=np.bool_).reshape(side, side)
    return modules


def _text(modules: Modules) -> str | None:
    version = _SIDES.index(len(modules)) + 1
    about = int("".join("1" if dark else "0" for dark in modules[8, [0, 1, 2, 3, 4]]), 2)
    about ^= _FORMAT_MASK >> 10
    level, mask = _LEVELS[about >> 3], about & 7
    rows, columns = _zigzag(version)
    bits = modules[rows, columns] ^ _mask(mask, rows, columns)
    codewords = np.packbits(bits[: len(bits) // 8 * 8])
    sizes = [block.num_data for block in _BLOCKS[version][level] for _ in range(block.num_blocks)]
    data: list[list[int]] = [[] for _ in sizes]
    # Interleaved: the first codeword of every block, then the second … of those that have one.
    turns = zip_longest(*([block] * size for block, size in enumerate(sizes)))
    blocks = [block for turn in turns for block in turn if block is not None]
    for block, codeword in zip(blocks, codewords.tolist(), strict=False):
        data[block].append(codeword)
    stream = "".join(f"{codeword:08b}" for block in data for codeword in block)
    try:
        return "".join(_segments(stream, version))
    except (ValueError, IndexError):  # cut, or in a way of writing that is not read here
        return None


def _segments(stream: str, version: int) -> Iterator[str]:
    """Yield the texts of a code's segments. Raises ValueError or IndexError where it is none."""
    size, at = (version > 9) + (version > 26), 0
    while at + 4 <= len(stream) and (mode := int(stream[at : at + 4], 2)) != _END:
        if mode not in _LENGTH_BITS:
            raise ValueError(f"mode {mode} is not read")
        start = at + 4 + _LENGTH_BITS[mode][size]
        length, at = int(stream[at + 4 : start], 2), start
        if mode == _BYTES:
            at = start + 8 * length
            octets = bytes(int(stream[place : place + 8], 2) for place in range(start, at, 8))
            yield octets.decode("utf-8", "replace")
            continue
        characters, bits = (2, (6, 11)) if mode == _ALPHANUMERIC else (3, (4, 7, 10))
        while length:
            many = min(characters, length)
            wide = bits[many - 1]
            number, at, length = int(stream[at : at + wide], 2), at + wide, length - many
            if mode == _NUMERIC:
                yield f"{number:0{many}d}"
            else:
                pair = divmod(number, len(_ALPHABET)) if many > 1 else (number,)
                yield "".join(_ALPHABET[place] for place in pair)


@cache
def _zigzag(version: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows and columns of a version's data modules, in the order of their bits."""
    side = _SIDES[version - 1]
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
        (row, column)
        for turn, right in enumerate(pairs)
        for row in (range(side) if turn % 2 else range(side - 1, -1, -1))
        for column in (right, right - 1)
        if free[row, column]
    ]
    rows, columns = np.array(order).T
    return rows, columns


def _mask(mask: int, row: NDArray[np.int64], column: NDArray[np.int64]) -> Modules:
    """Return which modules a mask turns over."""
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
