"""What is installed is decided by the repository: every dependency has its one tested version."""

import re
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==(\d+!)?\d[A-Za-z0-9.]*")


def constraints() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def pinned() -> dict[str, Version]:
    pairs = (line.split("==") for line in constraints())
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def dependencies() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    found = [Requirement(line) for line in lines]
    return [each for each in found if each.name != project["name"]]


def test_constraints_are_names_and_versions_and_nothing_else() -> None:
    assert [line for line in constraints() if not LINE.fullmatch(line)] == []


def test_no_name_has_two_versions() -> None:
    names = [line.split("==")[0] for line in constraints()]
    assert len({*map(canonicalize_name, names)}) == len(names)


def test_every_dependency_is_pinned_to_a_version_that_it_allows() -> None:
    versions = pinned()
    wrong = [
        str(each)
        for each in dependencies()
        if not each.specifier.contains(versions[canonicalize_name(each.name)], prereleases=True)
    ]
    assert wrong == []


def test_a_line_with_an_address_is_found() -> None:
    for line in ("name @ https://example.org/x.whl", "--index-url x", "name>=1", "name==1 ; x"):
        assert not LINE.fullmatch(line)
