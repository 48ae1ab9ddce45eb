"""What is run periodically goes on, ends for certain, and hides no error."""

import asyncio

import pytest

from dress_rehearsal.target_app.periodic import Periodic


def test_the_action_is_run_again_and_again_until_stopped() -> None:
    async def run() -> int:
        runs = 0
        thrice = asyncio.Event()

        async def work() -> None:
            nonlocal runs
            runs += 1
            if runs == 3:
                thrice.set()

        periodic = Periodic("test", 0.001, work)
        periodic.start()
        await thrice.wait()
        await periodic.stop()
        stopped_at = runs
        await asyncio.sleep(0.01)
        assert runs == stopped_at
        return runs

    assert asyncio.run(run()) >= 3


def test_an_action_that_swallows_the_cancellation_is_the_last() -> None:
    async def run() -> None:
        begun = asyncio.Event()

        async def work() -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return  # as `asyncio.wait_for` may do

        periodic = Periodic("test", 60, work)
        periodic.start()
        await begun.wait()
        async with asyncio.timeout(5):
            await periodic.stop()

    asyncio.run(run())


def test_rounds_never_started_are_stopped_at_once() -> None:
    asyncio.run(Periodic("test", 1, asyncio.Event().wait).stop())


def test_an_error_is_logged_and_the_rounds_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        runs = 0
        twice = asyncio.Event()

        async def work() -> None:
            nonlocal runs
            runs += 1
            if runs == 1:
                raise LookupError("in the background")
            twice.set()

        periodic = Periodic("test", 0.001, work)
        periodic.start()
        await twice.wait()
        await periodic.stop()

    asyncio.run(run())
    assert "test failed; it is tried again in 0.001 s" in caplog.text
    assert "LookupError: in the background" in caplog.text
