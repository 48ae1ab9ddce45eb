"""What Apache Otava finds in the seeded series: the reference of our own change points.

To be run where `apache-otava` is installed, which is nowhere near us: it wants an older numpy.

    python3 -m venv /tmp/otava && /tmp/otava/bin/pip install apache-otava
    /tmp/otava/bin/python -m tests.reports.history.record_otava tests/reports/history/otava.json
"""

import importlib.metadata
import json
import sys
import warnings
from pathlib import Path

from tests.reports.history.seeded_series import seeded_series


def main(file: Path) -> None:
    """Write what Otava finds, with its own defaults: p at most 0.001, windows of 50."""
    from otava.analysis import compute_change_points

    found = {}
    for name, values in seeded_series().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it divides by a spread of zero
            points, _ = compute_change_points(list(values))
        found[name] = [
            [
                int(point.index),
                float(point.stats.mean_1),
                float(point.stats.mean_2),
                float(point.stats.pvalue),
            ]
            for point in points
        ]
    document = {"otava": importlib.metadata.version("apache-otava"), "found": found}
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
