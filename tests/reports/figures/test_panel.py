"""The axes of a panel hold what is drawn on it, however little that is."""

import numpy as np
import pytest

from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import WIDE


@pytest.mark.parametrize(("highest", "top"), [(0.1, 0.108), (1.0, 1.08), (0.0, 0.08), (50, 54)])
def test_a_tenth_of_a_cpu_is_no_flat_line(highest: float, top: float) -> None:
    panel = Sheet(WIDE, "title", "seconds").panel("CPU limit of app-1", 100)
    panel.axis_of_counts(0, highest, lambda value: f"{value:g}")
    assert panel.axes.get_ylim() == pytest.approx((0, top))


@pytest.mark.parametrize(
    "values_ms",
    [
        pytest.param([5.0], id="one"),
        pytest.param([5.0, float(np.nextafter(5.0, 6.0))], id="equal but for the last bit"),
        pytest.param([5.0, 5.1], id="different"),
        pytest.param([0.0, 0.0], id="too small for a log axis"),
    ],
)
def test_few_and_equal_times_get_whole_decades(values_ms: list[float]) -> None:
    panel = Sheet(WIDE, "title", "seconds").panel("Latency", 100)
    panel.line(np.arange(len(values_ms)), np.array(values_ms), "#000000")
    panel.axis_of_time(min(values_ms), max(values_ms))
    low, high = panel.axes.get_ylim()
    assert low <= max(min(values_ms), 0.01)
    assert high >= 100 * low
