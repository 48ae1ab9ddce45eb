"""Bucket edges that the environment adds: a quantile is exact where a bucket ends."""

import os


def with_edges_of(usual: tuple[float, ...], *variables: str) -> tuple[float, ...]:
    """`usual`, in seconds, and the numbers in these environment variables, comma-separated.

    What is no positive number is left to the settings to complain about.
    """
    added: set[float] = set()
    for variable in variables:
        for text in os.environ.get(variable, "").split(","):
            try:
                added.add(float(text))
            except ValueError:
                continue
    return tuple(sorted({*usual, *(edge for edge in added if 0 < edge < float("inf"))}))
