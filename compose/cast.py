"""The cast: the child processes of one stage, from the first one's start to the last one's end."""

import time
from collections.abc import Callable

import psutil

from compose.component import Component, Recipe
from compose.errors import ComponentFailed, StageNotReady, describe_exit
from compose.folder import Entry, StageFolder
from compose.running import Running
from compose.stage import Loss

_POLL_S = 0.015
_ORPHAN_PATIENCE_S = 2.0
_ABANDON_S = 1.5


class Cast:
    """Starts components, waits for them, tells who was lost, and stops them last one first.

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
        self._app_workers: set[int] = set()
        self._reported: set[int] = set()

    def start(self, recipe: Recipe) -> Component:
        """Start a component that is to serve until it is stopped."""
        component = self._launch(recipe)
        self._components.append(component)
        return component

    def run(self, recipe: Recipe) -> None:
        """Start a component that ends by itself, and wait until it has ended well.

        Raises:
            ComponentFailed: it did not, or one that serves ended meanwhile.
            StageNotReady: it takes too long.
        """
        errand = self._errand = self._launch(recipe)
        self.wait(errand, lambda: errand.exit_code == 0)
        self._errand = None
        self._folder.forget(errand.pid)

    def wait(self, awaited: Component, ready: Callable[[], bool]) -> None:
        """Return as soon as `ready`; fail as soon as anything that was started has ended.

        Raises:
            ComponentFailed: something has ended.
            StageNotReady: it takes too long.
        """
        while not ready():
            for component in self._everybody():
                code = component.exit_code
                if code is not None and not (component is self._errand and code == 0):
                    raise ComponentFailed(
                        component.name, code, str(component.recipe.log), component.last_lines()
                    )
            if time.monotonic() > self._deadline:
                raise StageNotReady(
                    awaited.name,
                    self._ready_within_s,
                    str(awaited.recipe.log),
                    awaited.last_lines(),
                )
            time.sleep(_POLL_S)

    def dismiss(self, component: Component) -> None:
        """Have no more to do with a component that has ended."""
        self._components.remove(component)
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
        """List what ended since this was last asked though nobody stopped it."""
        losses = []
        for component in self._components:
            code = component.exit_code
            if component.asked_to_stop:
                continue
            if code is not None:
                if component.pid not in self._reported:
                    self._reported.add(component.pid)
                    losses.append(_loss(component, code))
            elif component.name == "app":
                workers = _children(component)
                losses += [_worker_loss(pid) for pid in sorted(self._app_workers - workers)]
                self._app_workers = workers
        return losses

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

    def abandon(self) -> None:
        """Stop everybody at once and quickly, owing nobody a clean end."""
        running = [one for one in self._everybody() if one.exit_code is None]
        for component in running:
            component.ask()
        deadline = time.monotonic() + _ABANDON_S
        for component in running:
            if component.wait(max(0.0, deadline - time.monotonic())) is None:
                component.kill()

    def _launch(self, recipe: Recipe) -> Component:
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
                )
            )
        return component

    def _everybody(self) -> list[Component]:
        return [*self._components, *([self._errand] if self._errand is not None else [])]


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


def _worker_loss(pid: int) -> Loss:
    return Loss(
        "app", pid, None, f"A worker of the app (pid {pid}) ended though nobody stopped it."
    )
