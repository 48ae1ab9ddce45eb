"""The cast: the child processes of one stage, from the first one's start to the last one's end."""

import dataclasses
import signal
import threading
import time
from collections.abc import Callable

import psutil

from dress_rehearsal.compose.errors import (
    ProcessFailedError,
    StageNotReadyError,
    StageUnusableError,
    describe_exit,
)
from dress_rehearsal.compose.pids import Running
from dress_rehearsal.compose.process import Component, Recipe
from dress_rehearsal.compose.stage import Loss
from dress_rehearsal.compose.stage_folder import Entry, StageFolder

_POLL_S = 0.015
_ORPHAN_PATIENCE_S = 2.0
_ABANDON_S = 1.5


class Cast:
    """Starts components, waits for them, tells who was lost, and stops them last one first.

    Faults are done from threads of their own; every list here is replaced whole or appended to.

    Args:
        folder: keeps the record by which they are found should this process die.
        ready_within_s: how long all waiting together may take, counted from now.
    """

    def __init__(self, folder: StageFolder, ready_within_s: float) -> None:
        self._folder = folder
        self._ready_within_s = ready_within_s
        self._deadline = time.monotonic() + ready_within_s
        self._components: list[Component] = []  # in the order they were started
        self._errand: Component | None = None
        self._losses = threading.Lock()  # guards the next four
        self._found: list[Loss] = []
        self._app_workers: dict[int, set[int]] = {}  # by the pid of the app's main process
        self._told: set[int] = set()
        self._planned: dict[int, str] = {}  # pid to the sentence that says why
        self._expected: str | None = None

    def begin_again(self) -> None:
        """Count the time that waiting may take from now."""
        self._deadline = time.monotonic() + self._ready_within_s

    def start(self, recipe: Recipe) -> Component:
        """Start a component that is to serve until it is stopped."""
        component = self._launch(recipe)
        self._components.append(component)
        return component

    def run(self, recipe: Recipe) -> None:
        """Start a component that ends by itself, and wait until it has ended well.

        Raises:
            ProcessFailedError: it did not, or one that serves ended meanwhile.
            StageNotReadyError: it takes too long.
        """
        errand = self._errand = self._launch(recipe)
        self.wait(errand, lambda: errand.exit_code == 0)
        self._errand = None
        self._folder.forget(errand.pid)

    def wait(
        self, awaited: Component, ready: Callable[[], bool], within_s: float | None = None
    ) -> None:
        """Return as soon as `ready`; fail as soon as anything has ended that nobody stopped.

        Args:
            within_s: patience of its own; by default what is left of the time for all waiting.

        Raises:
            ProcessFailedError: something has ended.
            StageNotReadyError: it takes too long.
        """
        deadline = self._deadline if within_s is None else time.monotonic() + within_s
        while not ready():
            for component in self._everybody():
                code = component.exit_code
                stopped = component.asked_to_stop and component is not awaited
                if code is not None and not (stopped or (component is self._errand and code == 0)):
                    raise ProcessFailedError(
                        component.name, code, str(component.recipe.log), component.last_lines()
                    )
            if time.monotonic() > deadline:
                raise StageNotReadyError(
                    awaited.name,
                    self._ready_within_s if within_s is None else within_s,
                    str(awaited.recipe.log),
                    awaited.last_lines(),
                )
            time.sleep(_POLL_S)

    def dismiss(self, component: Component) -> None:
        """Have no more to do with a component that has ended."""
        self._components = [one for one in self._components if one is not component]
        self._folder.forget(component.pid)

    def members(self) -> list[tuple[str, int]]:
        """List the processes that run now as (component, pid), workers of the app included."""
        found = []
        for component in self._components:
            if component.exit_code is None:
                found.append((component.name, component.pid))
                if component.name == "app":
                    found += [("app", pid) for pid in sorted(_children(component))]
        return found

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it, or as planned."""
        with self._losses:
            self._look_for_losses()
            found, self._found = self._found, []
        return found

    def ask_to_end(self, name: str, number: signal.Signals) -> None:
        """Send a component a signal that ends it, as planned.

        Raises:
            StageUnusableError: it does not run.
        """
        component = self._serving(name)
        with self._losses:  # from here on nobody takes its workers' end for a loss
            component.ask(number)

    def await_end(self, name: str, within_s: float, why: str, *, well: bool = False) -> None:
        """Wait for a component that was asked to end, or kill it; its end is a planned loss.

        Args:
            well: it is to end with 0 and in time, else the loss is not the plan's.

        Raises:
            StageUnusableError: nobody of that name was asked.
        """
        asked = [one for one in self._components if one.name == name and one.asked_to_stop]
        if not asked:
            raise StageUnusableError(f"The end of {name} cannot be awaited: nobody asked for it.")
        code = asked[0].wait(within_s)
        if code is None:
            code = asked[0].kill()
        if well and code != 0:
            loss = Loss(
                name, asked[0].pid, code, f"{name} was asked to end and {describe_exit(code)}."
            )
        else:
            loss = Loss(name, asked[0].pid, code, why, planned=True)
        with self._losses:
            self._found.append(loss)

    def bring_back(self, name: str) -> Component:
        """Start a component again that was stopped or taken down, on what it had before.

        Raises:
            StageUnusableError: it never was, or cannot be started.
        """
        for position, gone in enumerate(self._components):
            if gone.name == name and gone.exit_code is not None:
                component = self._launch(gone.recipe, instead_of=gone.pid)
                self._components[position] = component
                return component
        raise StageUnusableError(f"{name} cannot be started again: it is not down.")

    def kill_worker(self, why: str) -> None:
        """SIGKILL one of the app's workers; a planned loss.

        Raises:
            StageUnusableError: there is none.
        """
        app = self._serving("app")
        workers = [Running.of(pid) for pid in sorted(_children(app))]
        victim = next((worker for worker in workers if worker is not None), None)
        if victim is None:
            raise StageUnusableError("No worker of the app can be killed: none runs.")
        with self._losses:
            self._app_workers.setdefault(app.pid, set()).add(victim.pid)
            self._planned[victim.pid] = why
        victim.signal(signal.SIGKILL)

    def expect_loss(self, why: str | None) -> None:
        """Take the next worker that ends for a planned loss, or (None) none any more."""
        with self._losses:
            self._look_for_losses()  # what has ended by now is still judged by the old rule
            self._expected = why

    def stop(self, name: str) -> list[Loss]:
        """Stop the components of a name, with patience; returns those that did not end with 0."""
        return [
            Loss(name, one.pid, code, f"{name} was asked to end and {describe_exit(code)}.")
            for one in self._components
            if one.name == name and one.exit_code is None and (code := one.stop()) != 0
        ]

    def stop_all(self) -> list[Loss]:
        """Stop everybody, last one first; returns those that did not end with 0."""
        names = [component.name for component in reversed(self._components)]
        return [loss for name in names for loss in self.stop(name)]

    def send_off(self, name: str) -> None:
        """Kill the components of a name, if there are any, and have no more to do with them."""
        for component in self._components:
            if component.name == name:
                component.kill()
                self.dismiss(component)

    def abandon(self) -> None:
        """Stop everybody at once and quickly, owing nobody a clean end."""
        running = [one for one in self._everybody() if one.exit_code is None]
        for component in running:
            component.ask()
        deadline = time.monotonic() + _ABANDON_S
        for component in running:
            if component.wait(max(0.0, deadline - time.monotonic())) is None:
                component.kill()

    def _launch(self, recipe: Recipe, instead_of: int | None = None) -> Component:
        component = Component.start(recipe)
        if component.identity is not None:
            self._folder.record(
                Entry(
                    recipe.name,
                    component.identity.pid,
                    component.identity.started,
                    tuple(number.name for number, _ in recipe.stop_signals),
                    ends_itself_s=0.0,
                    patience_s=_ORPHAN_PATIENCE_S,
                ),
                instead_of,
            )
        return component

    def _everybody(self) -> list[Component]:
        return [*self._components, *([self._errand] if self._errand is not None else [])]

    def _serving(self, name: str) -> Component:
        for component in self._components:
            if component.name == name and component.exit_code is None:
                return component
        raise StageUnusableError(f"Nothing can be done to {name}: it does not run.")

    def _look_for_losses(self) -> None:
        for component in self._components:
            code = component.exit_code
            if component.asked_to_stop:
                continue
            if code is not None:
                if component.pid not in self._told:
                    self._told.add(component.pid)
                    self._found.append(_loss(component, code))
            elif component.name == "app":
                workers = _children(component)
                gone = self._app_workers.get(component.pid, set()) - workers
                self._found += [self._worker_loss(pid) for pid in sorted(gone)]
                self._app_workers[component.pid] = workers

    def _worker_loss(self, pid: int) -> Loss:
        loss = Loss(
            "app", pid, None, f"A worker of the app (pid {pid}) ended though nobody stopped it."
        )
        why = self._planned.pop(pid, None)
        if why is None:
            why, self._expected = self._expected, None
        return loss if why is None else dataclasses.replace(loss, what=why, planned=True)


def _children(component: Component) -> set[int]:
    try:
        children = psutil.Process(component.pid).children()
    except psutil.NoSuchProcess:
        return set()
    return {child.pid for child in children if Running.of(child.pid) is not None}


def _loss(component: Component, code: int) -> Loss:
    lines = component.last_lines(1)
    last = f" Its last line: {lines[0]}" if lines else ""
    return Loss(
        component.name,
        component.pid,
        code,
        f"{component.name} (pid {component.pid}) {describe_exit(code)} "
        f"though nobody stopped it.{last}",
    )
