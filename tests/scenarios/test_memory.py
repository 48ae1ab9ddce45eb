"""What processes that play our own students leave out: pandas, which Arrow would load unasked."""

import subprocess
import sys
from pathlib import Path

import pytest

from dress_rehearsal.plans import read_plan
from dress_rehearsal.records import RunDirectory

ARRAY = "import sys, pyarrow as pa; pa.array([1]); print('pandas' in sys.modules)"
WITHOUT = "from dress_rehearsal.scenarios.memory import do_without_pandas; do_without_pandas(); "


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (ARRAY, "True"),  # else there would be nothing to leave out
        (WITHOUT + ARRAY, "False"),
    ],
)
def test_arrow_loads_no_pandas(code, said):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said


NULLS = """
import sys
from pathlib import Path
from dress_rehearsal.scenarios.__main__ import know_whose
know_whose(Path(sys.argv[1]), "http://127.0.0.1:9")
import pandas, pyarrow
print(pyarrow.array(pandas.Series([1.0, float("nan")])).null_count)
"""


@pytest.mark.slow
def test_a_scenario_of_the_user_s_own_has_arrow_know_its_pandas_objects(tmp_path):
    scenario = tmp_path / "scenario.py"
    scenario.write_text("from dress_rehearsal.scenarios import Buyer\nclass Own(Buyer): pass\n")
    theirs = ["target.stage=external", "target.url=http://127.0.0.1:9"]
    plan = read_plan(Path("smoke"), [f"scenario.file={scenario}", *theirs])
    run = RunDirectory.create(tmp_path / "runs", plan)
    command = [sys.executable, "-c", NULLS, str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr
