"""QR codes as pictures: the text in a code that is drawn as SVG, and the ticket that a text names.

A picture that was never printed has no errors to correct, so the data are read as they stand
(ISO/IEC 18004): unmasked, in their zigzag, the blocks put together again.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice, product, zip_longest
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from segno import consts

from dress_rehearsal.scenarios.answers.strokes import SIDES, Drawing, Modules, drawings, squares

_AT_ONCE: Final = 65_536
"""Bytes of pictures that are read together, some twenty-five of the reference app's codes, which
share what each call costs. Of many more a call would take long, and no other thread runs while one
holds the interpreter's lock. The arrays that are made of them, some twenty times as large, are
small enough that the memory allocator keeps their room for the next."""
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
_AS_DIGITS: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv"
)
"""Digits of RFC 4648, as Python writes those of the base 32."""


def read_codes(answers: Sequence[bytes]) -> list[str | None]:
    """Return what codes say, drawn as SVG or sent as text; None for each that cannot be read here.

    Many together take a fraction of the time that they take one by one.
    """
    texts: list[str | None] = [None] * len(answers)
    pictures: list[tuple[int, Iterator[Drawing]]] = []
    size = 0
    for place, answer in enumerate(answers):
        if answer.lstrip()[:1] != b"<":
            texts[place] = _decoded(answer)
            continue
        if pictures and size + len(answer) > _AT_ONCE:
            _read_pictures(pictures, texts)
            pictures, size = [], 0
        pictures.append((place, drawings(answer)))
        size += len(answer)
    _read_pictures(pictures, texts)
    return texts


def _decoded(answer: bytes) -> str | None:
    try:
        return answer.decode()
    except UnicodeDecodeError:
        return None


def _read_pictures(pictures: list[tuple[int, Iterator[Drawing]]], texts: list[str | None]) -> None:
    """Put what pictures say in its places: of each, what its first drawing says that says any."""
    while pictures:
        tried = [(*picture, drawing) for picture in pictures for drawing in islice(picture[1], 1)]
        for which, modules in squares([drawing for _, _, drawing in tried]):
            for one, text in zip(which, _texts(modules), strict=True):
                texts[tried[one][0]] = text or None
        pictures = [(place, rest) for place, rest, _ in tried if texts[place] is None]


def ticket_in(text: str) -> str | None:
    """Return the ticket that a code's text names, as 32 hex digits; None where none is seen.

    Seen is an id of 16 bytes, in hex or in base32 (RFC 4648, without padding).
    """
    found = _HEX.search(text)
    if found is not None:
        return found[0].lower()
    found = _BASE32.search(text)
    if found is None:
        return None
    return f"{int(found[0].translate(_AS_DIGITS), 32) >> 2:032x}"  # 130 bits, two of them spare


def _texts(modules: Modules) -> list[str | None]:
    """Return the texts of codes, given by code, row and column; None for what is none."""
    codes, side, _ = modules.shape
    about = (np.packbits(modules[:, 8, :5], axis=1)[:, 0] >> 3) ^ (_FORMAT_MASK >> 10)
    unmasked = modules.reshape(codes, side * side) ^ _masks(side)[about & 7]
    levels = about >> 3
    texts: list[str | None] = [None] * codes
    for level in set(levels.tolist()):
        (of_level,) = (levels == level).nonzero()
        bits = unmasked[of_level].take(_order(side, _LEVELS[level]), axis=1)
        for code, stream in zip(of_level.tolist(), np.packbits(bits, axis=1), strict=True):
            texts[code] = _text(stream.tobytes(), side)
    return texts


def _text(stream: bytes, side: int) -> str | None:
    try:
        return "".join(_segments(stream, side))
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

    version = SIDES.index(side) + 1
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
        bits, words = _GROUPS[mode][together]
        written, last = take(bits * groups), (1 << bits) - 1
        for right in range(bits * (groups - 1), -1, -bits):
            yield words[written >> right & last]
        bits, words = _GROUPS[mode][rest]
        yield words[take(bits)]


@cache
def _order(side: int, level: int) -> NDArray[np.intp]:
    """Return where the bits of the data are among a code's modules, block by block."""
    version = SIDES.index(side) + 1
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
    version = SIDES.index(side) + 1
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
def _masks(side: int) -> Modules:
    """Return which modules of a code each mask turns over, were all of them data; by row."""
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
    )
    flipped: Modules = np.stack(turned).reshape(len(turned), -1) == 0
    return flipped
