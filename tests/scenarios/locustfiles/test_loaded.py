"""A locustfile is loaded as Locust does it; what is wrong with it is said with file and line.

Each is loaded in a process of its own, for importing one leaves its listeners behind.
"""

import subprocess
import sys
from pathlib import Path

import pytest

_LOAD = """
import sys, locust
from pathlib import Path
from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.scenarios.errors import ScenarioUnfitError
from dress_rehearsal.scenarios.locustfiles.loaded import load_file
try:
    found = load_file(Path(sys.argv[1]), Load(users=7, tags=("quick",)), "http://127.0.0.1:1", 3.0)
except ScenarioUnfitError as error:
    print(error)
else:
    options = found.options
    print(*found.users, found.shape, options.num_users, options.tags, options.host,
          options.stop_timeout, getattr(options, "colour", ""), sys.argv[0])
"""


def loaded(tmp_path: Path, text: str, **surroundings: str) -> str:
    path = tmp_path / "shop.py"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-c", _LOAD, str(path)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **surroundings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


USER = "from locust import User, task\nclass Shopper(User):\n    @task\n    def buy(self): pass\n"


def test_what_is_given_counts_and_no_configuration_of_locusts(tmp_path):
    (tmp_path / "locust.conf").write_text("users = 99\nheadful = true\n")
    said = loaded(tmp_path, USER, LOCUST_USERS="50", LOCUST_MODE_MASTER="true")
    assert said == "Shopper None 7 ['quick'] http://127.0.0.1:1 3  locust"


def test_options_of_the_file_have_their_defaults_or_their_variables(tmp_path):
    option = (
        "from locust import events\n@events.init_command_line_parser.add_listener\n"
        "def add(parser, **_):\n"
        "    parser.add_argument('--colour', default='red', env_var='COLOUR')\n"
    )
    assert "red" in loaded(tmp_path, USER + option)
    assert "blue" in loaded(tmp_path, USER + option, COLOUR="blue")


def test_neighbours_called_as_our_rooms_are_found(tmp_path):
    (tmp_path / "scenarios.py").write_text("NAME = 'mine'\n")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/__init__.py").write_text("from scenarios import NAME\n")
    text = "from plans import NAME\nassert NAME == 'mine'\n" + USER
    assert loaded(tmp_path, text).startswith("Shopper")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import locust\nimport no_such_package_here\n", "line 2, needs the package no_such_pack"),
        (USER + "1 / 0\n", "line 5, cannot be used: ZeroDivisionError: division by zero."),
        ("import sys\nsys.exit(3)\n", "ended the program: sys.exit(3)"),
        ("import locust\n", "has neither a Locust user class that is not abstract, nor a Buyer"),
        (
            USER
            + "from locust import events\n@events.init_command_line_parser.add_listener\n"
            + "def add(parser, **_):\n    parser.add_argument('--colour', required=True)\n",
            "the following arguments are required: --colour. Give them defaults.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path, text, sentence):
    said = loaded(tmp_path, text)
    assert said.startswith("The scenario ")
    assert sentence in said
