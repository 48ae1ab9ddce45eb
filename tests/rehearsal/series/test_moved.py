"""What is started of the base is the base's own: every path into the head's checkout is moved."""

from pathlib import Path

import pytest

from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.rehearsal.series.moved import leads_into, moved
from dress_rehearsal.reports.alike import plan_differences

HEAD = Path("/src")
BASE = Path("/tmp/rehearse-base-abc/src")


def plan_of(*, head=HEAD, ledgers=(), **target):
    target = {
        "stage": "external",
        "url": "http://127.0.0.1:8000",
        "command": ["serve"],
        "folder": str(head),
        "opening": {"already": True},
        **target,
    }
    return check_plan({"name": "shop", "target": target, "ledgers": list(ledgers)}, "shop.toml")


def texts(plan):
    reset = plan.target.reset
    return [
        *plan.target.command,
        *plan.target.environment.values(),
        *(reset.command or () if reset else ()),
    ]


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("/src", "BASE"),
        ("/src/", "BASE/"),
        ("/src/app.js", "BASE/app.js"),
        ("/src:/src/lib", "BASE:BASE/lib"),
        ("/opt/lib:/src:/src/lib", "/opt/lib:BASE:BASE/lib"),
        ("--root=/src", "--root=BASE"),
        ('--root=/src --data="/src/data"', '--root=BASE --data="BASE/data"'),
        ("-I/src/include -L/src", "-IBASE/include -LBASE"),
        ("file:///src/page.html", "file://BASE/page.html"),
        ("sqlite:////src/shop.db?mode=ro", "sqlite:///BASE/shop.db?mode=ro"),
        ("@/src/arguments,/src", "@BASE/arguments,BASE"),
        ("/usr/../src/app.js", "BASE/app.js"),
    ],
)
def test_a_path_into_the_checkout_becomes_one_of_the_base(text, there):
    there = there.replace("BASE", str(BASE))
    plan = plan_of(command=["serve", text], environment={"X": text}, reset={"command": [text]})
    found = moved(plan, HEAD, BASE)
    assert texts(found) == ["serve", there, there, there]
    assert plan_differences([plan, found]) == []
    assert leads_into(text, HEAD)


@pytest.mark.parametrize(
    "text",
    [
        *("/usr/src/bin/node", "/srcs", "/src-old/app", "/src.bak", "/src_2/app", "/src~"),
        *("src/app.js", "./src", "../src", "~/src", "$HOME/src", "${HOME}/src", "%h/src"),
        *("http://src/app", "http://127.0.0.1:8000/src", "a-/src", "env:SRC", ""),
    ],
)
def test_what_is_no_path_into_the_checkout_stays(text):
    plan = plan_of(command=["serve", text], environment={"X": text}, reset={"command": ["a", text]})
    assert texts(moved(plan, HEAD, BASE)) == texts(plan)
    assert not leads_into(text, HEAD)


def test_a_link_into_the_checkout_leads_into_the_base(tmp_path):
    head, link = tmp_path / "head dir" / "shop", tmp_path / "current"
    (head / "bin").mkdir(parents=True)
    link.symlink_to(head)
    (tmp_path / "shop-link").symlink_to(head / "bin")
    plan = plan_of(
        head=link,
        command=[f"{head}/bin/shop", f"{link}/bin/shop", f"{tmp_path}/shop-link/shop"],
        environment={"PATH_TO": f"/usr/bin:{link}/bin"},
    )
    found = moved(plan, head, BASE)
    assert found.target.folder == str(BASE)
    assert texts(found) == [*[f"{BASE}/bin/shop"] * 3, f"/usr/bin:{BASE}/bin"]


def test_a_base_below_the_checkout_is_not_moved_twice(tmp_path):
    base = tmp_path / "tmp" / "rehearse-base-abc" / tmp_path.name
    found = moved(plan_of(head=tmp_path, command=[f"{tmp_path}/run"]), tmp_path, base)
    assert found.target.command == (f"{base}/run",)


def test_the_ledger_of_the_base_is_the_file_that_the_base_writes(tmp_path):
    head = tmp_path / "my shop"
    ledgers = [
        {"name": "sold", "csv": f"{head}/plans/../data/sold 1.csv"},
        {"name": "elsewhere", "csv": "/var/lib/shop/sold.csv"},
    ]
    plan = plan_of(head=head, ledgers=ledgers)
    found = moved(plan, head, BASE)
    assert [each.csv for each in found.ledgers] == [
        f"{BASE}/data/sold 1.csv",
        "/var/lib/shop/sold.csv",
    ]
    assert plan_differences([plan, found]) == []


def test_what_is_sent_stays_and_so_does_a_target_of_ours():
    reset = {"request": "POST /src", "json": {"path": "/src/seed"}}
    plan = plan_of(reset=reset, url="http://127.0.0.1:8000/src")
    found = moved(plan, HEAD, BASE)
    assert (found.target.url, found.target.reset) == (plan.target.url, plan.target.reset)
    ours = check_plan({"name": "quick"}, "quick.toml")
    assert moved(ours, HEAD, BASE) == ours
