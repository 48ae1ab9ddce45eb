"""What a rehearsal leaves behind is found: processes, folders, sockets, shared memory."""

import mmap
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos import stage
from tests.chaos.rehearsal import Place, Rehearsal


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    place = Place(tmp_path / "out", tmp_path / "tmp")
    place.out.mkdir()
    place.temporary.mkdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    return Rehearsal(place, gone, tmp_path / "output.txt")


def test_where_nothing_is_left_nothing_is_found(rehearsal: Rehearsal) -> None:
    assert rehearsal.left(0) == []


@pytest.mark.parametrize("how", ["argument", "environment", "folder"])
def test_a_process_that_knows_the_place_is_found(rehearsal: Rehearsal, how: str) -> None:
    folder = str(rehearsal.place.temporary)
    arguments = [sys.executable, "-c", "input()", *([folder] if how == "argument" else [])]
    left = subprocess.Popen(
        arguments,
        env={**os.environ, **({"X": f"{folder}/dr-1"} if how == "environment" else {})},
        cwd=folder if how == "folder" else None,
        stdin=subprocess.PIPE,
    )
    try:
        assert any("process" in what for what in rehearsal.left(0))
    finally:
        left.kill()
        left.communicate()


def test_a_folder_and_a_socket_are_found(rehearsal: Rehearsal) -> None:
    folder = rehearsal.place.temporary / "dr-1"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "s"))
        listening.listen()
        found = rehearsal.left(0)
    assert f"folder {folder}" in found
    assert f"socket {folder / 's'}" in found


def test_shared_memory_is_seen_while_it_is_mapped_and_missed_when_it_stays(
    rehearsal: Rehearsal,
) -> None:
    kept = Path(f"/dev/shm/chaos-{os.getpid()}")
    kept.write_bytes(bytes(mmap.PAGESIZE))
    code = (
        "import mmap, sys; file = open(sys.argv[1], 'r+b'); held = mmap.mmap(file.fileno(), 0); "
        "print(flush=True); input()"
    )
    arguments = [sys.executable, "-c", code, str(kept), str(rehearsal.place.temporary)]
    holder = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        memory = stage.shared_memory(*rehearsal.place.folders)
        assert str(kept) in memory
    finally:
        holder.kill()
        holder.communicate()
    assert stage.still_there(memory) == [str(kept)]
    kept.unlink()
    assert stage.still_there(memory) == []
