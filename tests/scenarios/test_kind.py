"""A scenario's kind, and who acts in it, is read from its file, and the file is never run."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanError
from dress_rehearsal.scenarios.kind import check_actors, kind_of, moments_of


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "from dress_rehearsal.scenarios import Buyer, Granted\n",
        "from dress_rehearsal.scenarios import Buyer as B\n",
        "from dress_rehearsal.scenarios import *\n",
        "import dress_rehearsal.scenarios as rehearsal\n",
        "from dress_rehearsal import scenarios\n",
        "try:\n    from dress_rehearsal.scenarios import Buyer\nexcept ImportError:\n    raise\n",
    ],
)
def test_a_file_that_imports_buyer_has_buyers(tmp_path: Path, text: str) -> None:
    assert kind_of(_file(tmp_path, text)) == "buyers"


@pytest.mark.parametrize(
    "text",
    [
        "from locust import HttpUser\n",
        "from scenarios import Buyer\n",
        "from .scenarios import Buyer\n",
        "# from dress_rehearsal.scenarios import Buyer\nfrom locust import User\n",
        "",
    ],
)
def test_any_other_file_is_locusts(tmp_path: Path, text: str) -> None:
    assert kind_of(_file(tmp_path, text)) == "locust"


def test_a_file_is_not_run_to_find_out(tmp_path: Path) -> None:
    assert kind_of(_file(tmp_path, "raise SystemExit(1)\n")) == "locust"


def test_what_is_not_python_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"scenario\.py, line 2 is not Python: "):
        kind_of(_file(tmp_path, "import locust\nclass User(:\n"))


def test_null_bytes_are_not_python(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is not Python"):
        kind_of(_file(tmp_path, "x = 1\0\n"))


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"gone\.py cannot be read: No such file"):
        kind_of(tmp_path / "gone.py")


HEAD = "from dress_rehearsal.scenarios import Buyer\n"
CUSTOMER = "class Customer(Buyer):\n    def buy(self): ...\n"
OTHER = "class Other(Buyer):\n    def buy(self): ...\n"


@pytest.mark.parametrize(
    ("text", "chosen", "sentence"),
    [
        ("", None, "has neither a buyer nor users of Locust's"),
        ("class Customer:\n    def buy(self): ...\n", None, "has neither a buyer nor users"),
        (f"\n{HEAD}class Customer:\n    ...\n", None, "line 2, imports Buyer and has no buyer"),
        (f"{HEAD}{CUSTOMER}", "Custmer", "has no class scenario.buyer; there are: Customer"),
        (f"{HEAD}{CUSTOMER}{OTHER}", None, "2 buyers of its own .Customer in line 2, Other in li"),
        (f"{HEAD}class Customer(Buyer):\n    pass\n", None, "line 2: Customer does not say what"),
        (f"{HEAD}{CUSTOMER.replace('def', 'async def')}", None, "line 3: Customer.buy is `async "),
    ],
)
def test_a_file_in_which_nobody_can_act_is_refused(
    tmp_path: Path, text: str, chosen: str | None, sentence: str
) -> None:
    with pytest.raises(PlanError, match=sentence):
        check_actors(_file(tmp_path, text), chosen)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        (f"{HEAD}{CUSTOMER}", None),
        (f"{HEAD}{CUSTOMER}{OTHER}", "Other"),
        (f"{HEAD}{CUSTOMER.replace('def', 'async def')}{OTHER}", "Other"),
        (f"{HEAD}class Shop(Buyer): ...\nclass Customer(Shop):\n    def buy(self): ...\n", None),
        (f"{HEAD}def buy(self): ...\nclass Customer(Buyer): ...\nCustomer.buy = buy\n", None),
        (f"{HEAD}from shop import order\nclass Customer(Buyer):\n    buy = order\n", None),
        (f"{HEAD}from shop import Shop\nclass Customer(Shop): ...\n", None),
        (f"{HEAD}from shop import Buys\nclass Customer(Buys, Buyer): ...\n", None),
        (f"{HEAD}from shop import buying\n@buying\nclass Customer(Buyer): ...\n", None),
        (f"{HEAD}Customer = type('Customer', (Buyer,), {{'buy': print}})\n", "Customer"),
        (f"{HEAD}if True:\n    {CUSTOMER[:-1].replace(chr(10), chr(10) + '    ')}\n", None),
        ("from shop.load import *\n", None),
        ("import locust\nclass Shopper(locust.HttpUser): ...\n", None),
    ],
)
def test_what_only_running_it_would_show_is_not_held_against_a_file(
    tmp_path: Path, text: str, chosen: str | None
) -> None:
    check_actors(_file(tmp_path, text), chosen)


_BUYER = "from dress_rehearsal.scenarios import Buyer\n"
_SHOP = f"{_BUYER}class Shop(Buyer):\n    def arrive(self): ...\n    def buy(self): ...\n"


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        (_SHOP, {"arrive", "buy"}),
        (f"{_SHOP}class More(Shop):\n    log_in = Shop.arrive\n", {"arrive", "buy", "log_in"}),
        (f"{_SHOP}setattr(Shop, 'wait', Shop.buy)\n", {"arrive", "buy", "wait"}),
        (f"{_SHOP}Shop.wait = Shop.buy\n", {"arrive", "buy", "wait"}),
        (f"{_SHOP}class Other:\n    def wait(self): ...\n", {"arrive", "buy"}),
        (f"from shop import Helper\n{_SHOP}class Other(Helper):\n    x = 1\n", {"arrive", "buy"}),
        (
            f"{_SHOP}    if True:\n        def collect(self, told): ...\n",
            {"arrive", "buy", "collect"},
        ),
    ],
)
def test_the_moments_of_whoever_acts_are_read(tmp_path: Path, text: str, moments: set[str]) -> None:
    assert moments_of(_file(tmp_path, text)) == moments


@pytest.mark.parametrize(
    "text",
    [
        f"from shop import Base\n{_BUYER}class Shop(Base):\n    def buy(self): ...\n",
        f"from shop import Mixin\n{_BUYER}class Shop(Mixin, Buyer):\n    def buy(self): ...\n",
        f"import shop\n{_BUYER}@shop.waiting\nclass Shop(Buyer):\n    def buy(self): ...\n",
        f"{_SHOP}Other = type('Other', (Shop,), {{}})\n",
        f"{_SHOP}class Other(Buyer):\n    def buy(self): ...\n",
        f"{_SHOP}class Shop(Buyer):\n    def buy(self): ...\n",
    ],
)
def test_of_a_class_that_may_have_more_than_is_read_no_moments_are_told(
    tmp_path: Path, text: str
) -> None:
    assert moments_of(_file(tmp_path, text)) is None


def test_of_several_buyers_it_is_the_chosen_one_s_moments(tmp_path: Path) -> None:
    file = _file(tmp_path, f"{_SHOP}class Other(Buyer):\n    def buy(self): ...\n")
    assert moments_of(file, "Other") == {"buy"}
    assert moments_of(file, "Nobody") is None
