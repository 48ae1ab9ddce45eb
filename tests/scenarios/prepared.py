"""Runs code in a process of its own that has Locust already: to import it takes a second.

One process imports it, does nothing else, and is forked for each piece of code.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_PREPARED = r"""
import locust  # first: it makes the process cooperative
import json, os, sys, traceback
import dress_rehearsal.scenarios.generator, dress_rehearsal.scenarios.students.student

while line := sys.stdin.readline():
    asked = json.loads(line)
    pid = os.fork()
    if pid == 0:
        for number, path in enumerate((os.devnull, asked["output"], asked["errors"])):
            os.dup2(os.open(path, os.O_RDWR), number)
        os.chdir(asked["folder"])
        if asked["environment"] is not None:
            os.environ.clear()
            os.environ.update(asked["environment"])
        sys.argv[1:] = asked["words"]
        code = 1
        try:
            exec(compile(asked["code"], "<string>", "exec"), {"__name__": "__main__"})
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Prepared:
    """The process that is forked; as a context manager it is gone afterwards.

    Args:
        folder: of what is written by the code that runs.
    """

    def __init__(self, folder: Path) -> None:
        self._output, self._errors = folder / "output.txt", folder / "errors.txt"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PREPARED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self,
        code: str,
        *words: object,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run code as `python -P -c` does, with words in `sys.argv`.

        Args:
            folder: where it runs; usually here.
            environment: instead of this process's.
        """
        for path in (self._output, self._errors):
            path.write_text("")
        asked = {
            "code": code,
            "words": [str(word) for word in words],
            "folder": str(folder or Path.cwd()),
            "environment": None if environment is None else dict(environment),
            "output": str(self._output),
            "errors": str(self._errors),
        }
        ended = int(self._ask(json.dumps(asked)))
        output, errors = self._output.read_text(), self._errors.read_text()
        return subprocess.CompletedProcess([code, *words], ended, output, errors)

    def _ask(self, line: str) -> str:
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write(line + "\n")
        to.flush()
        return back.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=30)
