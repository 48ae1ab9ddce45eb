"""Seeded series whose changes are known: what is found in them is held against Apache Otava's.

The standard library alone makes them, so that every interpreter makes the same.
"""

import random
from collections.abc import Iterator

_SEEDS = range(4)


def seeded_series() -> dict[str, list[float]]:
    """Return the series by their names; rounded as the numbers of a verdict are."""
    return {
        name: [round(value, 3) for value in values]
        for seed in _SEEDS
        for name, values in _of_seed(seed)
    }


def planted(
    length: int, at: int, before: float, after: float, spread: float, seed: int
) -> list[float]:
    """Return a level that changes once, at `at`, with a normal spread of `spread` times it."""
    drawn = random.Random(seed)
    levels = [before if place < at else after for place in range(length)]
    return [drawn.gauss(level, spread * level) for level in levels]


def _of_seed(seed: int) -> Iterator[tuple[str, list[float]]]:
    """Return one series a shape: steps, drift, noise, outliers, constant, short, long."""
    drawn = random.Random(1000 + seed)
    noise = [drawn.gauss(100, 5) for _ in range(40)]
    yield f"noise-{seed}", noise
    yield f"up-15%-of-30-{seed}", planted(30, 20, 100, 115, 0.05, seed)
    yield f"up-30%-late-{seed}", planted(30, 26, 100, 130, 0.05, 10 + seed)
    yield f"down-20%-{seed}", planted(30, 12, 100, 80, 0.05, 20 + seed)
    yield f"up-5%-in-noise-{seed}", planted(40, 20, 100, 105, 0.05, 30 + seed)
    first, second = (planted(20, 10, *ends, 0.04, 40 + seed) for ends in ((100, 130), (130, 90)))
    yield f"two-steps-{seed}", first + second
    yield f"drift-{seed}", [value + 0.8 * place for place, value in enumerate(noise)]
    yield (
        f"outliers-{seed}",
        [value * (3 if place in (9, 25) else 1) for place, value in enumerate(noise)],
    )
    yield f"outlier-at-the-end-{seed}", [*noise[:-1], 180.0]
    yield f"short-{seed}", planted(6, 3, 100, 150, 0.03, 50 + seed)
    yield f"long-{seed}", planted(140, 70 + 9 * seed, 100, 110, 0.05, 60 + seed)
    yield f"counts-{seed}", [0.0] * (10 + seed) + [float(drawn.randint(3, 9)) for _ in range(12)]
    if seed == 0:
        yield "constant-whole", [250.0] * 30
        yield "constant-tenths", [0.1] * 30
        yield "two-levels-without-noise", [10.0] * 15 + [12.0] * 15
        yield "one", [5.0]
        yield "two", [5.0, 9.0]
        yield "three", [5.0, 5.0, 9.0]
