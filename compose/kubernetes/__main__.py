"""`python -m dress_rehearsal.compose.kubernetes [FOLDER]`: writes the manifests.

As they are committed, they stand beside this file.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import yaml

from dress_rehearsal.compose.docker.compose_file import read_compose_file
from dress_rehearsal.compose.kubernetes.manifests import app_manifests, locust_manifests
from dress_rehearsal.compose.kubernetes.workloads import Object

MANIFESTS: Final = Path(__file__).resolve().parent
"""The folder of the committed ones."""

_HEAD: Final = """\
# Made from compose/docker-compose.yml by `python -m dress_rehearsal.compose.kubernetes`. What is to
# be otherwise, a kustomization of yours changes: docs/how-to.md, "On containers".
"""


def rendered() -> dict[str, str]:
    """Return the files by their names."""
    file = read_compose_file({})
    kinds = {"app": app_manifests(file), "locust": locust_manifests(file)}
    return {f"{name}.yaml": _documents(objects) for name, objects in kinds.items()}


def _documents(objects: list[Object]) -> str:
    texts = [yaml.safe_dump(each, sort_keys=False, width=100) for each in objects]
    return _HEAD + "---\n" + "---\n".join(texts)


def main(arguments: list[str]) -> int:
    """Write the files into a folder, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dress_rehearsal.compose.kubernetes", description="Write the manifests."
    )
    parser.add_argument("folder", type=Path, nargs="?", default=MANIFESTS, help="where to")
    folder: Path = parser.parse_args(arguments).folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in rendered().items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"The manifests cannot be written to {folder}: {error.strerror}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
