"""A locustfile is loaded as Locust does it; what is wrong with it is said with file and line.

Each is loaded in a process of its own, for importing one leaves its listeners behind.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.prepared import Prepared

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


@pytest.fixture
def loaded(apart: Prepared, tmp_path: Path) -> Callable[..., str]:
    """Load a file of this text; return what is said of it."""

    def said(text: str, **surroundings: str) -> str:
        path = tmp_path / "shop.py"
        path.write_text(text, encoding="utf-8")
        environment = {"PATH": "/usr/bin:/bin", **surroundings}
        done = apart(_LOAD, path, folder=tmp_path, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return said


USER = "from locust import User, task\nclass Shopper(User):\n    @task\n    def buy(self): pass\n"


@pytest.mark.slow
def test_what_is_given_counts_and_no_configuration_of_locusts(loaded, tmp_path):
    (tmp_path / "locust.conf").write_text("users = 99\nheadful = true\n")
    said = loaded(USER, LOCUST_USERS="50", LOCUST_MODE_MASTER="true")
    assert said == "Shopper None 7 ['quick'] http://127.0.0.1:1 3  locust"


def test_options_of_the_file_have_their_defaults_or_their_variables(loaded):
    option = (
        "from locust import events\n@events.init_command_line_parser.add_listener\n"
        "def add(parser, **_):\n"
        "    parser.add_argument('--colour', default='red', env_var='COLOUR')\n"
    )
    assert "red" in loaded(USER + option)
    assert "blue" in loaded(USER + option, COLOUR="blue")


def test_neighbours_called_as_our_rooms_are_found(loaded, tmp_path):
    (tmp_path / "scenarios.py").write_text("NAME = 'mine'\n")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/__init__.py").write_text("from scenarios import NAME\n")
    text = "from plans import NAME\nassert NAME == 'mine'\n" + USER
    assert loaded(text).startswith("Shopper")


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
def test_what_is_wrong_is_said_in_a_sentence(loaded, text, sentence):
    said = loaded(text)
    assert said.startswith("The scenario ")
    assert sentence in said
