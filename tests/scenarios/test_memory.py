"""What processes that play students leave out: pandas, which Arrow would load unasked."""

import subprocess
import sys

import pytest

ARRAY = "import sys, pyarrow as pa; pa.array([1]); print('pandas' in sys.modules)"
WITHOUT = "from dress_rehearsal.scenarios.memory import do_without_pandas; do_without_pandas(); "
OWN = "import pandas; print(pandas.Series([1]).sum())"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (ARRAY, "True"),  # else there would be nothing to leave out
        (WITHOUT + ARRAY, "False"),
        (f"{WITHOUT}{ARRAY}; {OWN}", "False\n1"),
        (f"import pandas; {WITHOUT}{ARRAY}; {OWN}", "True\n1"),
    ],
)
def test_arrow_loads_no_pandas_and_a_scenario_may(code, said):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said
