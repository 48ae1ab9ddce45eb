"""Where a process' control groups are: by controller, in version 1, 2 and both at once (Linux).

cgroups(7): version 1 has a tree a controller, version 2 one for all; a hybrid has both, and each
controller is in one of them only. What `/proc/<pid>/cgroup` says begins at the root of the reader's
cgroup namespace, and a mount may show a part of the tree only (`/proc/self/mountinfo`).
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

CONTROLLERS: Final = ("cpu", "cpuacct", "memory", "pids")
_UNIFIED: Final = ""
"""The one tree of version 2, in place of a controller's name."""
_OUTSIDE: Final = ".."
"""How the path of a cgroup begins that is not in the reader's namespace."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A tree of cgroups: `folder` shows what is below `root` of it."""

    root: PurePosixPath
    folder: Path
    unified: bool


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A process' cgroup for one controller.

    Attributes:
        folder: where its files are; `top` the highest folder above it that may hold a limit for it.
        unified: whether its files are those of version 2.
    """

    folder: Path
    top: Path
    unified: bool

    def line(self) -> Iterator[Path]:
        """Yield the folder and those above it, whose limits hold for it as well."""
        folder = self.folder
        yield folder
        while folder != self.top:
            folder = folder.parent
            yield folder


def membership(text: str) -> dict[str, PurePosixPath]:
    """Return the path of a process' cgroup by controller, as `/proc/<pid>/cgroup` says.

    The path in the tree of version 2 has the empty name.

    Raises:
        ValueError: the text is not as expected.
    """
    paths = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = PurePosixPath(path)
    return paths


def mounts(mountinfo: str) -> dict[str, Mount]:
    """Return where the trees are mounted, by controller, as `/proc/self/mountinfo` says.

    Of a tree that is mounted several times the one that shows most of it counts.
    """
    found: dict[str, Mount] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, *_, options) = before.split(), after.split() or ("", "")
        if kind not in ("cgroup", "cgroup2") or len(fields) < 5:
            continue
        unified = kind == "cgroup2"
        mount = Mount(PurePosixPath(_plain(fields[3])), Path(_plain(fields[4])), unified)
        for controller in (_UNIFIED,) if unified else options.split(","):
            known = found.get(controller)
            if known is None or len(mount.root.parts) < len(known.root.parts):
                found[controller] = mount
    return found


class Cgroups:
    """The cgroups of this machine's processes, this process' own apart from all others.

    Args:
        proc: where the processes are told of.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        mountinfo = (proc / "self" / "mountinfo").read_text(encoding="utf-8", errors="replace")
        self._mounts = mounts(mountinfo)
        self._own = self._membership("self")

    @staticmethod
    def available() -> bool:
        """Return whether this system has cgroups."""
        return sys.platform == "linux" and Path("/proc/self/cgroup").exists()

    def of(self, pid: int) -> dict[str, Cgroup]:
        """Return a process' cgroups by controller, of `CONTROLLERS` those that it does not share.

        What it shares is not its own to be judged by: the root, the cgroup of this process, and
        those around it.

        Raises:
            OSError: it has ended, or may not be looked at.
            ValueError: the kernel says what nobody expects.
        """
        paths = self._membership(str(pid))
        found = {}
        for controller in CONTROLLERS:
            tree = controller if controller in paths else _UNIFIED
            mount, path = self._mounts.get(tree), paths.get(tree)
            if mount is None or path is None or self._is_shared(tree, path):
                continue
            folder = _folder(mount, path)
            if folder is not None:
                found[controller] = Cgroup(folder, self._top(tree, mount, path), mount.unified)
        return found

    def own(self, controller: str) -> Cgroup | None:
        """Return this process' own cgroup for a controller, all that is to be seen around it too.

        None: it is not to be seen.
        """
        tree = controller if controller in self._own else _UNIFIED
        mount, path = self._mounts.get(tree), self._own.get(tree)
        folder = None if mount is None or path is None else _folder(mount, path)
        if mount is None or folder is None:
            return None
        return Cgroup(folder, mount.folder, mount.unified)

    def _membership(self, pid: str) -> Mapping[str, PurePosixPath]:
        return membership((self._proc / pid / "cgroup").read_text(encoding="utf-8"))

    def _is_shared(self, tree: str, path: PurePosixPath) -> bool:
        own = self._own.get(tree)
        return len(path.parts) < 2 or (own is not None and own.is_relative_to(path))

    def _top(self, tree: str, mount: Mount, path: PurePosixPath) -> Path:
        """Return the highest folder above a cgroup that is neither the root nor shared."""
        top = path
        while not self._is_shared(tree, top.parent) and _folder(mount, top.parent) is not None:
            top = top.parent
        folder = _folder(mount, top)
        assert folder is not None
        return folder


def _folder(mount: Mount, path: PurePosixPath) -> Path | None:
    """Return where a mount shows a cgroup; None: it shows another part of the tree."""
    if _OUTSIDE in path.parts or not path.is_relative_to(mount.root):
        return None
    return mount.folder / path.relative_to(mount.root)


def _plain(field: str) -> str:
    r"""Return a field of mountinfo: a blank in it is written as \040."""
    for escaped, plain in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        field = field.replace(escaped, plain)
    return field
