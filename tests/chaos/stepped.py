"""An interpreter whose wall clock can be set: `python -P stepped.py SHIM OFFSET ARGUMENT…`.

The wall clock of the process, `time.time` and `time.time_ns`, is off by as many seconds as the file
OFFSET says at the moment; the monotonic clock runs on, and so does the kernel's. What is started by
`sys.executable` comes by SHIM, and so is off too. (libfaketime 0.9.10 cannot do it: with the
monotonic clock left alone it makes every `time.sleep` of Python 3.11 and later fail.)
"""

import os
import runpy
import sys
import time
import types

_NS = 1_000_000_000


def _offset_s(path: bytes) -> int:
    handle = os.open(path, os.O_RDONLY)
    try:
        return int(os.read(handle, 32))
    finally:
        os.close(handle)


def _set_clock(path: bytes) -> None:
    real_ns = time.time_ns

    def time_ns() -> int:
        return real_ns() + _offset_s(path) * _NS

    time.time_ns = time_ns
    time.time = lambda: time_ns() / _NS


def main() -> None:
    """Do what the interpreter would have done, by another clock."""
    _, sys.executable, offset, *arguments = sys.argv
    _set_clock(os.fsencode(offset))
    flags = next(place for place, word in enumerate(arguments) if word in ("-m", "-c"))
    mode, what, *rest = arguments[flags:]
    sys.argv = [mode, *rest]
    if mode == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    module = sys.modules["__main__"] = types.ModuleType("__main__")  # as multiprocessing wants it
    exec(compile(what, "<string>", "exec"), module.__dict__)


if __name__ == "__main__":
    main()
