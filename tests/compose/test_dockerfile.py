"""`Dockerfile` and what our images are made of: there, pinned, and no more than is needed."""

import ast
import re
import sys
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dress_rehearsal.compose.docker.images import CONTEXT
from tests.compose.compose_files import COMPOSE

ROOT = COMPOSE.parent
IMAGES = {"app": ["target_app"], "generator": ["plans", "records", "scenarios"]}
"""Which rooms an image has."""


def imported(image: str) -> set[str]:
    """The packages that the modules of an image import."""
    found = set()
    for path in chain(*((ROOT / room).rglob("*.py") for room in IMAGES[image])):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found |= {name.partition(".")[0] for name in names}
    found -= {*sys.stdlib_module_names, "dress_rehearsal"}
    by_module = metadata.packages_distributions()
    return {canonicalize_name(by_module[module][0]) for module in found}


def requirements(image: str) -> tuple[dict[str, Requirement], dict[str, Requirement]]:
    """What an image gets, by name: what is imported in it, and what that needs."""
    text = (COMPOSE / "requirements" / f"{image}.txt").read_text("utf-8")
    _, direct, indirect = re.split(r"^#.*\n", text, flags=re.MULTILINE)
    first, second = (
        {canonicalize_name(r.name): r for r in map(Requirement, text.split())}
        for text in (direct, indirect)
    )
    return first, second


def needed(names: list[Requirement]) -> set[str]:
    """All that these need here, themselves included."""
    found: set[tuple[str, str]] = set()
    open_ends = [(each, extra) for each in names for extra in ("", *each.extras)]
    while open_ends:
        wanted, extra = open_ends.pop()
        if (wanted.name, extra) in found:
            continue
        found.add((wanted.name, extra))
        for text in metadata.requires(wanted.name) or []:
            each = Requirement(text)
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                open_ends += [(each, one) for one in ("", *each.extras)]
    return {canonicalize_name(name) for name, _ in found}


@pytest.mark.slow
@pytest.mark.parametrize("image", IMAGES)
def test_an_image_gets_what_its_modules_import(image: str) -> None:
    direct, _ = requirements(image)
    # These come with aiobotocore, redis and pydantic, which say in which version.
    assert set(direct) == imported(image) - {"botocore", "hiredis", "pydantic-core"}


@pytest.mark.parametrize("image", ["app", "sqs", "generator"])
def test_an_image_gets_all_that_is_needed_at_the_versions_of_the_constraints(image: str) -> None:
    direct, indirect = requirements(image)
    assert needed(list(direct.values())) <= set(direct) | set(indirect)
    pinned = {
        canonicalize_name(name): version
        for name, version in (
            line.split("==")
            for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
            if "==" in line
        )
    }
    for name, requirement in (direct | indirect).items():
        assert str(requirement.specifier) == f"=={pinned[name]}", name


def test_the_build_leaves_out_secrets_and_what_it_does_not_need() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "*",
        "!plans",
        "!records",
        "!scenarios",
        "!target_app",
        "!compose",
        "compose/secrets",
        "**/__pycache__",
    ]


def test_all_that_images_are_built_of_is_there_and_the_stage_sends_what_its_own_need() -> None:
    copied = set()
    for stage in (COMPOSE / "Dockerfile").read_text("utf-8").split("\nFROM ")[1:]:
        names = set(re.findall(r"^COPY (?!--from)(\S+) ", stage, re.MULTILINE))
        assert {name for name in names if not (ROOT / name).exists()} == set()
        if " AS generator" not in stage:  # Locust's workers are not the Docker stage's
            copied |= names
    sent = set(CONTEXT)
    assert {name for name in copied if not {name, str(Path(name).parent)} & sent} == set()
    assert {name for name in sent if not (ROOT / name).exists()} == set()
