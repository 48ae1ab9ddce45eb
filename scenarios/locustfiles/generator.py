"""The generator of a plain Locust file: Locust's runner performs it, and every request is kept.

It is led by the same lines as the students' generator (`scenarios.generator`): `t0_ns` is when the
first user is begun, `stop` or the end of input cuts it short.
"""

import resource
import time
from pathlib import Path
from typing import Any, Final

import gevent
import locust
from gevent.event import Event
from locust import User, log
from locust.env import Environment
from locust.runners import STATE_CLEANUP, STATE_INIT, STATE_SPAWNING, STATE_STOPPED

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.hosts import refusal
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.records.timeline import LOCUST_ENDED
from dress_rehearsal.scenarios.busy import BusyLoop
from dress_rehearsal.scenarios.errors import ScenarioError, ScenarioUnfitError
from dress_rehearsal.scenarios.lines import Lines, Order
from dress_rehearsal.scenarios.locustfiles.loaded import (
    Locustfile,
    failure,
    length_problem,
    load_file,
)
from dress_rehearsal.scenarios.locustfiles.recording import LoadRecording
from dress_rehearsal.scenarios.locustfiles.runner import noticing_runner
from dress_rehearsal.scenarios.reach import Reach
from dress_rehearsal.scenarios.status import Observer

_STATUS_INTERVAL_S: Final = 0.25
_LOOK_S: Final = 0.02
_LAST_S: Final = 5.0
"""What the file's own listeners may take once its users have stopped."""
_CAUGHT_S: Final = 1.0
_ALL_GONE_S: Final = 1.0
"""How long nobody may be there, nobody being on the way, until nobody is waited for any more."""


class LocustGenerator:
    """Performs one locustfile and records what its users' requests came to.

    Args:
        run: the run directory; its plan says what to do.
        url: the target; takes the place of the hosts of the file's classes, as `--host` does.

    Raises:
        ScenarioUnfitError: the file cannot be performed.
    """

    def __init__(self, run: RunDirectory, plan: Plan, url: str, lines: Lines) -> None:
        assert plan.load is not None and plan.scenario.file is not None
        self._run, self._lines, self._load = run, lines, plan.load
        self._drain_s = plan.schedule.drain
        self._reach = Reach(url, plan.target.allow)
        self._reach.guard()  # before anything of the file's is run
        self._file = load_file(Path(plan.scenario.file), plan.load, url, self._drain_s)
        problem = length_problem(self._file, plan.load)
        if problem is not None:
            raise ScenarioUnfitError(problem)
        self._environment = _environment(self._file, url, plan.target.allow)
        self._runner = noticing_runner(self._environment)
        # Listens after Locust itself, and before those whom the file's `init` adds.
        self._recording = LoadRecording(run, plan, self._runner, self._file.path.parent)
        self._observer = Observer(self._recording)
        self._busy = BusyLoop(self._file.path.parent)
        self._go = Event()
        self._t0_ns = 0
        self._cut = False
        self._init()

    def perform(self) -> None:
        """Perform the file once it is told when; returns when its users have stopped.

        Raises:
            RecordError: what happened can no longer be written down.
            ScenarioUnfitError: Locust could not begin its users.
        """
        hearing = gevent.spawn(self._hear)
        self._lines.say(kind="ready", students=0)
        self._go.wait()
        background = [
            gevent.spawn(self._observer.watch_loop),
            gevent.spawn(self._busy.watch),
            gevent.spawn(self._recording.recorder.keep_writing),
            gevent.spawn(self._report),
        ]
        for task in background:
            task.link_exception(self._broken)
        try:
            gevent.sleep(max(self._t0_ns - time.time_ns(), 0) / NS_PER_S)
            self._play()
        except SystemExit as error:  # of a task: it would end Locust itself as well
            gevent.get_hub().SYSTEM_ERROR = (KeyboardInterrupt, SystemError)  # once is enough
            raise ScenarioUnfitError(failure(self._file.path, error)) from error
        finally:
            gevent.killall([hearing, *background])
            self._record_rest()
        self._lines.say(kind="status", **self._observer.status().line())
        self._lines.say(kind="done")

    def _init(self) -> None:
        """Fire `init`, where a file prepares what its users need."""
        log.unhandled_greenlet_exception = False
        events = self._environment.events
        events.init.fire(environment=self._environment, runner=self._runner, web_ui=None)
        if log.unhandled_greenlet_exception:
            raise ScenarioUnfitError(
                f"A listener to Locust's event init in {self._file.path.name} failed; the "
                f"generator's log has its traceback."
            )

    def _hear(self) -> None:
        self._lines.hear(self._take)
        self._take({"stop": True})

    def _take(self, order: Order) -> None:
        if "t0_ns" in order:
            self._t0_ns = int(order["t0_ns"])
        self._cut = self._cut or "stop" in order
        self._go.set()

    def _play(self) -> None:
        if self._cut:
            return
        runner, starting = self._runner, None
        if self._file.shape is not None:
            runner.start_shape()
        else:
            users, rate = self._load.users or 1, self._load.spawn_rate or 1
            starting = gevent.spawn(runner.start, users, rate)
        deadline = time.monotonic() + self._load.lasts_s
        gone_s: float | None = None
        while not self._over(deadline):
            gevent.sleep(_LOOK_S)
            if starting is not None and starting.ready() and starting.exception is not None:
                raise ScenarioUnfitError(failure(self._file.path, starting.exception))
            # A shape may still begin others; without one, nobody comes once all have.
            there = runner.user_count > 0 or self._file.shape is not None
            if there or runner.state in (STATE_INIT, STATE_SPAWNING):
                gone_s = None
            elif gone_s is None:
                gone_s = time.monotonic() + _ALL_GONE_S
            elif time.monotonic() > gone_s:
                break
        self._end()

    def _over(self, deadline: float) -> bool:
        """Return whether the time is up, the file has ended it, or nobody wants it any more."""
        runner = self._runner
        quit_by_file = not len(runner.greenlet) or runner.state == STATE_STOPPED
        broken = self._recording.recorder.error is not None
        return self._cut or broken or quit_by_file or time.monotonic() >= deadline

    def _end(self) -> None:
        """Stop the users as `locust --stop-timeout` does, and let the file take its leave."""
        runner, events = self._runner, self._environment.events
        if self._cut:
            self._environment.stop_timeout = 0.0
        leaving = gevent.spawn(self._leave)
        leaving.join(self._environment.stop_timeout + _LAST_S)
        leaving.kill(timeout=_CAUGHT_S)
        # A user that catches everything is left alone: the process ends with it.
        runner.user_greenlets.kill(timeout=_CAUGHT_S)
        runner.greenlet.kill(timeout=_CAUGHT_S)
        given = self._environment.process_exit_code
        failed = bool(runner.errors or runner.exceptions)
        code = int(failed) if given is None else int(given)
        events.quit.fire(exit_code=code)
        recording = self._recording
        self._busy.stamp(self._run)
        self._run.stamp(
            "phase",
            LOCUST_ENDED,
            values={
                "users": len(runner.begun_ns),
                "users_cut": runner.cut,
                "users_hung": runner.hung,
                "names_beyond": recording.reader.beyond,
                "events_unread": recording.reader.unread,
                "exceptions": sum(recording.exceptions.values()),
                **({} if given is None else {"exit_code": code}),
            },
            exceptions=[f"{words}: {count}" for words, count in recording.exceptions.most_common()],
            refused=[f"{host}: {count}" for host, count in self._reach.refused.most_common()],
        )

    def _leave(self) -> None:
        # Whoever in the file has called `quit` is on the way already; else this does.
        while self._runner.state == STATE_CLEANUP:
            gevent.sleep(_LOOK_S)
        self._runner.quit()
        self._environment.events.quitting.fire(environment=self._environment, reverse=True)

    def _broken(self, task: "gevent.Greenlet[Any, Any]") -> None:
        """A bug in the background must not go on losing rows in silence."""
        defect = f"Recording has stopped because of a defect: {task.exception!r}."
        self._recording.recorder.fail(RecordError(defect))

    def _report(self) -> None:
        while True:
            self._lines.say(kind="status", **self._observer.status().line())
            gevent.sleep(_STATUS_INTERVAL_S)

    def _record_rest(self) -> None:
        recorder = self._recording.recorder
        recorder.flush()
        if recorder.error is not None:
            raise recorder.error


def _environment(file: Locustfile, url: str, allow: tuple[str, ...]) -> Any:
    """Return Locust's environment of a file.

    Raises:
        ScenarioUnfitError: a host of it may not be sent load to, or Locust refuses its classes.
    """
    own = {name: user for name, user in file.users.items() if _speaks_otherwise(user)}
    for name, user in own.items():
        reason = refusal(f"http://{user.host}", allow)
        if reason is not None:
            raise ScenarioUnfitError(f"The host of {name} in {file.path.name}: {reason}")
    for user in file.users.values():
        if own and not _speaks_otherwise(user):
            user.host = url
    try:
        return Environment(
            user_classes=list(file.users.values()),
            shape_class=file.shape,
            events=locust.events,
            host=None if own else url,
            parsed_options=file.options,
            locustfile=file.path.name,
            parsed_locustfiles=[str(file.path)],
            available_user_classes=dict(file.users),  # type: ignore[arg-type]
        )
    except ValueError as error:
        raise ScenarioUnfitError(failure(file.path, error)) from error


def _speaks_otherwise(user: type[User]) -> bool:
    """Return whether a class has a host that is no URL of HTTP's: it is asked there, as it says."""
    host = getattr(user, "host", None)
    return bool(host) and not str(host).lower().startswith(("http://", "https://"))


def main(run: Path, url: str, orders: int, lines: int) -> int:
    """Run a generator process of a plain Locust file and return its exit code."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    said = Lines(orders, lines)
    log.setup_logging("INFO")  # type: ignore[no-untyped-call]
    try:
        directory = RunDirectory.open(run)
        LocustGenerator(directory, directory.plan(), url, said).perform()
    except (RecordError, ScenarioError) as error:
        said.say_last(kind="error", message=str(error), usage=isinstance(error, ScenarioUnfitError))
        return 1
    return 0
