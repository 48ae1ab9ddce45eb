"""Environment variables: which of the user's this program heeds, and which its children get.

A shell holds much that libraries obey without being asked: `PGSERVICE`, `HTTP_PROXY`,
`PROMETHEUS_MULTIPROC_DIR`, `PYTHONPATH`. None of it belongs into a rehearsal, which is described by
its plan. So every child process gets an environment that is made for it, and the `rehearse` command
leaves outside what is not its own. The tables are in `docs/reference.md`.
"""

import os
import site
import sys
import sysconfig
import warnings
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

ALSO_NAMED_IN: Final = "REHEARSE_PASS_ON"
"""The variable that lists others, separated by commas, which are left alone and passed on too."""

PASSED_ON: Final = ("PATH", "TMPDIR", "TEMP", "TMP")
"""What every child gets as it is."""

SEARCHED: Final = ("PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Lists of folders, of which a child gets those without which Python or this package is not found.
"""

HEEDED: Final = (
    *PASSED_ON,
    *SEARCHED,
    *("HOME", "LANG", "LANGUAGE", "SSL_CERT_FILE", "SSL_CERT_DIR", "REDIS_SERVER"),
    "DOCKER_HOST",
    *("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE"),
)
"""What the `rehearse` command heeds itself, besides what begins with one of `HEEDED_BEGINNINGS`."""

HEEDED_BEGINNINGS: Final = ("REHEARSE_", "LC_")

_OURS: Final = "REHEARSE_"
_IMAGE: Final = "_IMAGE"
_NOT_FOR_US: Final = ("PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONOPTIMIZE", "PYTHONSAFEPATH")
_PROXY: Final = "_proxy"
_EVERY_CHILD: Final = {
    "HOME": "/nonexistent",  # nobody's .pgpass, .aws, .netrc or matplotlibrc
    "LC_ALL": "C",  # messages in one language, and UTF-8 in Python whatever the terminal speaks
}
_HERE: Final = Path(__file__)
_PACKAGED: Final = Path("dress_rehearsal", _HERE.parent.name, _HERE.name)

_outside: Final[dict[str, str]] = {}


def child_environment(named: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child process: what any of them needs, and what is `named`."""
    environment = {
        **_EVERY_CHILD,
        "PATH": os.defpath,
        **_needed_to_import(),
        **heeded(*PASSED_ON, *_names_passed_on()),
        **(named or {}),
    }
    return dict(sorted(environment.items()))


def heeded(*names: str) -> dict[str, str]:
    """Return those of this process's variables that are set, to be given to a child by name."""
    return {name: os.environ[name] for name in names if name in os.environ}


def images_named() -> dict[str, str]:
    """Return the variables by which the user names images for the stage of containers."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_OURS) and name.endswith(_IMAGE)
    }


def users_own() -> dict[str, str]:
    """Return all that the user's shell has set, for the one child that runs the user's own code.

    What of it holds this program's own secrets is left out, and so is what would change how the
    generator itself runs, and the proxies: what is sent through one goes wherever the proxy likes.
    """
    own = {**_outside, **os.environ}
    return {
        name: value
        for name, value in own.items()
        if not name.startswith(_OURS)
        and name not in _NOT_FOR_US
        and not name.lower().endswith(_PROXY)
    }


def all_but(names: Collection[str]) -> dict[str, str]:
    """Return this process's variables without those of some names."""
    return {name: value for name, value in os.environ.items() if name not in names}


def given(name: str) -> str | None:
    """Return a variable that the user told us to read, wherever it was left; None if it is not set.

    The plan names it, as `notify.slack_webhook_env` does: it may have been left outside before the
    plan was read.
    """
    return os.environ.get(name, _outside.get(name))


def left_outside() -> Mapping[str, str]:
    """Return what was left outside so far, for a plan that names one of these variables."""
    return _outside


def leave_surroundings_outside() -> None:
    """Take out of this process what the user's shell put in and a rehearsal has no use for.

    To be called first: some libraries read their variables while they are imported.
    """
    if os.environ.get("PYTHONWARNINGS"):
        _warn_as_usual()
    _leave_folders_outside()
    named = _names_passed_on()
    for name in list(os.environ):
        if name in HEEDED or name in named or name.startswith(HEEDED_BEGINNINGS):
            continue
        _outside[name] = os.environ.pop(name)


def _names_passed_on() -> frozenset[str]:
    listed = os.environ.get(ALSO_NAMED_IN, "").split(",")
    return frozenset(name.strip() for name in listed if name.strip())


def _needed_to_import() -> dict[str, str]:
    """Return what tells a child's Python where its own library and this package are installed."""
    found: dict[str, str] = {}
    for name in SEARCHED:
        folders = [folder for folder in _folders(name) if _is_installed_in(folder, name)]
        if folders:
            found[name] = os.pathsep.join(folders)
    if site.ENABLE_USER_SITE and _HERE.is_relative_to(site.getusersitepackages()):
        found["PYTHONUSERBASE"] = site.getuserbase()
    return found


def _folders(variable: str) -> list[str]:
    return [folder for folder in os.environ.get(variable, "").split(os.pathsep) if folder]


def _is_installed_in(folder: str, variable: str) -> bool:
    if variable == "PYTHONPATH":
        return _holds_this_package(folder)
    library = sysconfig.get_config_var("INSTSONAME") or sysconfig.get_config_var("LDLIBRARY")
    shared = bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))
    try:
        return shared and library is not None and Path(folder, library).is_file()
    except OSError:
        return False


def _holds_this_package(folder: str) -> bool:
    try:
        return Path(folder, _PACKAGED).samefile(_HERE)
    except (OSError, ValueError):
        return False


def _leave_folders_outside() -> None:
    """Import nothing more from `PYTHONPATH`, nor from the folder that we were started in."""
    foreign: set[str] = set()
    if "PYTHONPATH" not in _names_passed_on():
        listed = os.environ.get("PYTHONPATH", "")
        with suppress(OSError):  # the working folder is gone: nothing is imported from there
            foreign |= {str(Path(name).absolute()) for name in listed.split(os.pathsep) if listed}
    if not sys.flags.safe_path:  # the first is that of a script, or with `-m` the working folder
        foreign |= {folder for folder in sys.path[:1] if _is_working_folder(folder)}
    foreign -= {*sysconfig.get_paths().values(), *site.getsitepackages()}
    sys.path[:] = [
        folder for folder in sys.path if folder not in foreign or _holds_this_package(folder)
    ]


def _is_working_folder(folder: str) -> bool:
    try:
        return Path(folder).samefile(".")
    except (OSError, ValueError):
        return False


def _warn_as_usual() -> None:
    """Take back `PYTHONWARNINGS`: a library's warning that is an error would end a rehearsal."""
    warnings.resetwarnings()
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)
