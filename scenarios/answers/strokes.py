"""Strokes: the modules of QR codes that pictures draw in SVG, read for many pictures at once.

Read are drawings of horizontal strokes, as segno and the reference app make them. Their numbers
stand in one array, whichever picture they are of: a call of NumPy or Arrow costs as much as reading
a picture's share of it, so a picture alone would cost several times as much.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SIDES: Final = range(21, 178, 4)
"""How many modules a side of a code may have."""
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
_FINDER: Final = 7
_MOST_MODULES: Final = 250_000
"""Modules of drawings that are made at once: a few strokes can claim the largest square."""
_IN_NUMBERS: Final = b"0123456789.-"
_NO_PEN: Final = _IN_NUMBERS + b", \t\n\r\f\v"
"""All that strokes are written with but the pens: M, m and h."""
_IS_IN_NUMBER: Final = bytes(byte in _IN_NUMBERS for byte in range(256))
_BETWEEN_NUMBERS: Final = bytes(set(range(256)) - set(_IN_NUMBERS))

Modules = NDArray[np.bool_]


class Drawing(NamedTuple):
    """A path of strokes: each a move, M or from where the last one ended m, and a line to the
    right, h."""

    path: bytes
    moves: bytes
    """The pens of its moves."""


def drawings(picture: bytes) -> Iterator[Drawing]:
    """Yield the paths of a picture that may be a code, as far as their pens tell."""
    for tag in islice(_TAG.finditer(picture), _MOST_PATHS):
        end = picture.find(b">", tag.end())
        end = len(picture) if end < 0 else end
        opening = _DRAWING.search(picture, tag.end(), end)
        closing = -1 if opening is None else picture.find(b'"', opening.end(), end)
        if opening is None or closing < 0:
            continue
        path = picture[opening.end() : closing]
        pens = path.translate(None, _NO_PEN)
        moves = pens[::2]
        many = len(moves)
        if 0 < many <= _MOST_STROKES and not moves.strip(b"Mm") and pens[1::2] == b"h" * many:
            yield Drawing(path, moves)


def squares(drawn: Sequence[Drawing]) -> Iterator[tuple[list[int], Modules]]:
    """Yield the modules of drawings that are squares of a QR code's size, those of a size together.

    Yields:
        Which of the drawings they are, and their modules by row and column, True for dark.
    """
    strokes = _Strokes.of(drawn) if drawn else None
    if strokes is None or not len(strokes.which):
        return
    x, y, longs = strokes.values
    left, top, shortest = strokes.least()
    right, bottom = strokes.most(x + longs), strokes.most(y)
    furthest = np.maximum(np.maximum(-left, -top), np.maximum(right, bottom))
    unit = longs[strokes.begins] / _FINDER  # the first is the upper side of a finder pattern
    is_square = (shortest > 0) & (unit >= _SMALLEST) & (furthest < _FURTHEST)
    unit[~is_square] = 1
    sides = np.rint((right - left) / unit)
    is_square &= (sides - SIDES.start) % SIDES.step == 0
    is_square &= (sides >= SIDES.start) & (sides < SIDES.stop)
    is_square &= bottom - top <= (sides - 0.5) * unit
    for side in map(int, set(sides[is_square].tolist())):
        (of_size,) = (is_square & (sides == side)).nonzero()
        together = _MOST_MODULES // (side * side)
        for begin in range(0, len(of_size), together):
            some = of_size[begin : begin + together]
            corner = np.array((left[some], top[some], np.zeros(len(some))))
            which, modules = _modules(strokes.only(some), corner, unit[some], side)
            yield which.tolist(), modules


def _modules(
    strokes: "_Strokes", corner: NDArray[np.float64], unit: NDArray[np.float64], side: int
) -> tuple[NDArray[np.intp], Modules]:
    """Return the modules of drawings of one size, and which drawings: one that leaves its square is
    left out.

    Args:
        strokes: of all of them.
        corner: the upper left one of each: x, y, and zero.
        unit: the width of a module of each.
        side: modules a side.
    """
    size = side * side
    many = strokes.many
    placed = strokes.values - corner.repeat(many, axis=1)
    placed /= unit.repeat(many)
    columns, rows, longs = np.rint(placed, out=placed).astype(np.intp)
    begin = rows * side + columns
    end = begin + longs
    stays = strokes.most(end) <= size
    if not stays.all():
        kept = stays.repeat(many)
        begin, end, many = begin[kept], end[kept], many[stays]
    # Strokes may overlap: dark is where more of them have begun than ended.
    squares_before = np.arange(len(many)).repeat(many) * (size + 1)
    cells = len(many) * (size + 1)
    changes = np.bincount(begin + squares_before, minlength=cells)
    changes -= np.bincount(end + squares_before, minlength=cells)
    modules: Modules = (changes.cumsum() > 0).reshape(-1, size + 1)[:, :-1]
    return strokes.which[stays], modules.reshape(-1, side, side)


class _Strokes:
    """The strokes of drawings, one after the other.

    Attributes:
        which: the drawings, by their places among all that were given.
        many: how many strokes each has, at least one.
        values: where each stroke begins, x and y, and how long it is: one a column.
        begins: the place of each drawing's first stroke.
    """

    __slots__ = ("begins", "many", "values", "which")

    def __init__(
        self, which: NDArray[np.intp], many: NDArray[np.intp], values: NDArray[np.float64]
    ) -> None:
        self.which, self.many, self.values = which, many, values
        self.begins = many.cumsum() - many

    @classmethod
    def of(cls, drawn: Sequence[Drawing]) -> Self:
        """Read drawings; left out are those that are none."""
        many = np.array([len(drawing.moves) for drawing in drawn], dtype=np.intp)
        numbers, found = _numbers([drawing.path for drawing in drawn])
        which = np.arange(len(drawn))
        is_right = found == 3 * many
        if not is_right.all():
            numbers = numbers[is_right.repeat(found)]
            which, many = which[is_right], many[is_right]
        strokes = cls(which, many, numbers.reshape(-1, 3).T.copy())
        if not len(which):
            return strokes
        furthest = np.maximum.reduceat(np.abs(numbers), 3 * strokes.begins)
        strokes = strokes.only(np.flatnonzero(furthest < _FURTHEST))
        moves = [drawn[place].moves for place in strokes.which.tolist()]
        if any(b"m" in pens for pens in moves):
            strokes.values[:2] = _walked(strokes, moves)
        return strokes

    def only(self, some: NDArray[np.intp]) -> Self:
        """Return those of some of the drawings, by their places here in rising order."""
        if len(some) == len(self.which):
            return self
        kept = np.zeros(len(self.which), dtype=np.bool_)
        kept[some] = True
        values = self.values[:, kept.repeat(self.many)]
        return type(self)(self.which[some], self.many[some], values)

    def least(self) -> NDArray[np.float64]:
        """Return the least x, the least y and the least length of each drawing."""
        return np.minimum.reduceat(self.values, self.begins, axis=1)

    def most(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the greatest value of each drawing, given one a stroke."""
        return np.maximum.reduceat(values, self.begins)


def _walked(strokes: _Strokes, moves: list[bytes]) -> NDArray[np.float64]:
    """Return where strokes begin, x and y, of which m has said so from where the last one ended.

    Args:
        strokes: of all drawings.
        moves: the pens of each drawing's moves.
    """
    places = strokes.values[:2]
    steps = places.copy()
    steps[0, 1:] += strokes.values[2, :-1]
    steps[:, strokes.begins] = places[:, strokes.begins]
    walked = np.empty_like(steps)
    # Each by itself: a sum that began with others would be rounded otherwise.
    for begin, many in zip(strokes.begins.tolist(), strokes.many.tolist(), strict=True):
        steps[:, begin : begin + many].cumsum(axis=1, out=walked[:, begin : begin + many])
    fixed = np.frombuffer(b"".join(moves), dtype=np.uint8) == ord("M")
    fixed[strokes.begins] = True
    last_fixed = np.maximum.accumulate(np.where(fixed, np.arange(len(fixed)), 0))
    # How far off the walk, begun at nought, was at the last M, it is still.
    walked -= (walked - places).take(last_fixed, axis=1)
    relative = np.array([b"m" in pens for pens in moves])
    return np.where(relative.repeat(strokes.many), walked, places)


def _numbers(paths: Sequence[bytes]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the numbers of paths, one after the other, and how many each path has.

    Those of a path in which something is no number are NaN.
    """
    written = b" %b " % b" ".join(paths)
    inside = np.frombuffer(written.translate(_IS_IN_NUMBER), dtype=np.bool_)
    (edges,) = (inside[1:] != inside[:-1]).nonzero()
    path_ends = list(accumulate(len(path) + 1 for path in paths))
    found_before = edges.searchsorted(path_ends) // 2
    found = found_before.copy()
    found[1:] -= found_before[:-1]
    word_ends = np.zeros(len(edges) // 2 + 1, dtype=np.int32)
    word_ends[1:] = (edges[1::2] - edges[::2]).cumsum()
    text = written.translate(None, _BETWEEN_NUMBERS)
    buffers = [None, pa.py_buffer(word_ends), pa.py_buffer(text)]
    words = pa.Array.from_buffers(pa.string(), len(word_ends) - 1, buffers)
    try:
        return words.cast(pa.float64()).to_numpy(), found
    except pa.ArrowInvalid:
        parts = map(words.slice, (found_before - found).tolist(), found.tolist())
        return np.concatenate([_numbers_alone(part) for part in parts]), found


def _numbers_alone(words: pa.Array) -> NDArray[np.float64]:
    """Return numbers, NaN for each where one of them is none."""
    try:
        return np.array([float(word) for word in words.to_pylist()])
    except ValueError:
        return np.full(len(words), np.nan)
