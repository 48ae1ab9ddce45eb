"""The buyer's class is found in a scenario's file, and what is wrong with it is a sentence."""

import re
import sys
import textwrap

import pytest

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.scenarios import Buyer, Granted, Pending
from dress_rehearsal.scenarios.loading import load_buyer

HEAD = "from dress_rehearsal.scenarios import Buyer, Granted\n"
SOUND = f"{HEAD}class Customer(Buyer):\n    def buy(self): return Granted(7)\n"
TWO = f"{SOUND}class Other(Buyer):\n    def buy(self): pass\n"


@pytest.fixture
def plan_of(tmp_path):
    def make(text, buyer=None, name="shop.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return Plan.model_validate(
            {
                "name": "shop",
                "scenario": {"file": str(path), **({"buyer": buyer} if buyer else {})},
                "target": {"stage": "external", "url": "http://127.0.0.1:9"},
            }
        )

    return make


def test_the_one_buyer_of_a_file_acts(plan_of, tmp_path):
    buyer = load_buyer(plan_of(SOUND))
    assert issubclass(buyer, Buyer)
    assert buyer.__name__ == "Customer"
    assert [path.name for path in tmp_path.iterdir()] == ["shop.py"], "byte code is left"


def test_of_several_the_plan_names_one(plan_of):
    assert load_buyer(plan_of(TWO, "Other")).__name__ == "Other"
    with pytest.raises(PlanError, match=r"has 2 buyers of its own \(Customer, Other\)"):
        load_buyer(plan_of(TWO))
    with pytest.raises(PlanError, match=r"no class scenario.buyer; there are: Customer, Other"):
        load_buyer(plan_of(TWO, "Third"))


def test_of_a_class_and_one_made_of_it_the_latter_is_meant(plan_of):
    text = f"{HEAD}class Shop(Buyer):\n    pass\nclass Customer(Shop):\n    def buy(self): pass\n"
    assert load_buyer(plan_of(text)).__name__ == "Customer"


def test_what_stands_beside_it_can_be_imported_whatever_it_is_called(plan_of, tmp_path):
    (tmp_path / "plans.py").write_text("WORD = 'theirs'\n")
    try:
        buyer = load_buyer(plan_of(f"from plans import WORD\n{SOUND}    word = WORD\n"))
    finally:
        sys.modules.pop("plans", None)
        sys.path.remove(str(tmp_path))
    assert vars(buyer)["word"] == "theirs"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\n", "has no buyer"),
        (f"{HEAD}class Customer(Buyer):\n    pass\n", "Customer does not say what buying means"),
        (f"{HEAD}1 / 0\n", r"shop.py, line 2 cannot be loaded: ZeroDivisionError: division by"),
        (f"{HEAD}def x(:\n", r"shop.py, line 2 is not Python"),
        (f"{HEAD}raise SystemExit(3)\n", r"line 2 cannot be loaded: SystemExit: 3"),
        (HEAD, r"has no buyer of its own"),
        (f"{HEAD}class Shops:\n    class Customer(Buyer):\n        pass\n", "not inside another"),
    ],
)
def test_what_is_wrong_with_a_file_is_a_sentence(plan_of, text, sentence):
    with pytest.raises(PlanError, match=sentence):
        load_buyer(plan_of(text))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("async def log_in(self): pass", "Customer.log_in is `async def`"),
        ("def arrive(self): yield 1", "Customer.arrive yields"),
        ("async def arrive(self): yield 1", "Customer.arrive is `async def`"),
        ("def __init__(self): pass", "Customer.__init__ has to take a person and a client"),
        ("def follow_up(self): pass", "Customer.follow_up has to take self, told"),
        ("def wait(self, seconds): pass", "Customer.wait has to take self"),
        ("wait = 3", "Customer.wait is no method"),
        ("wait = property(lambda self: None)", "Customer.wait is no method"),
        ("steps = ['GET /x']", "Customer.steps has to be a dict"),
        ("steps = {'GET /x': 'pages'}", "has 'GET /x': 'pages'; a role is one of page, "),
    ],
)
def test_a_buyer_that_nobody_could_play_is_refused(plan_of, text, sentence):
    with pytest.raises(PlanError, match=re.escape(sentence)):
        load_buyer(plan_of(f"{SOUND}    {text}\n"))


def test_an_abstract_buyer_is_refused_with_what_is_missing(plan_of):
    text = f"import abc\n{SOUND}    @abc.abstractmethod\n    def route(self): pass\n"
    text = text.replace("(Buyer)", "(Buyer, abc.ABC)")
    with pytest.raises(PlanError, match="Customer is abstract; write its route"):
        load_buyer(plan_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "def __init__(self, *all): super().__init__(*all)",
        "def follow_up(self, told, again=True): pass",
        "@staticmethod\n    def arrive(): pass",
        "@classmethod\n    def arrive(cls): pass",
        "arrive = functools.partialmethod(print, 'x')",
        "collect = enter = lambda self, granted: None",
        "steps = {'GET /x': 'page'}",
    ],
)
def test_whatever_can_be_played_is(plan_of, text):
    assert load_buyer(plan_of(f"import functools\n{SOUND}    {text}\n")).__name__ == "Customer"


def test_a_ticket_that_is_a_number_is_its_text():
    assert Granted(7).ticket == Pending(7).ticket == "7"  # type: ignore[arg-type]
