"""The cause stands on the page in short lines, with how it goes with other names for the slow."""

import pytest

from dress_rehearsal.reports.page.cause import cause_lines, how_it_fits, short_cause

pytestmark = pytest.mark.slow

SLOW = {"generator_late_ms": 1500}
"""The generator is what most time was lost to."""
ROW = "“The generator's own lateness”"


def lines_of(verdict):
    return {line.about: line.says for line in cause_lines(verdict)}


def with_cause(verdict, **values):
    return verdict.model_copy(update={"bottleneck": verdict.bottleneck.model_copy(update=values)})


def test_each_thing_that_is_said_of_a_cause_has_a_line_and_none_is_said_twice(verdict_of):
    slow = verdict_of(**SLOW)
    share, _, seen = slow.bottleneck.evidence.partition(": ")
    said = lines_of(slow)
    assert said["Cause"][0].startswith("The generator's own lateness, from T-0")
    assert said["How much"] == (f"{share[0].upper()}{share[1:]}.",)
    assert "".join(said["Seen of it"]).lower() == seen.lower()
    assert said["How certain"] == (
        "In 100 of 100 random re-samples of the students it was the largest part.",
    )
    assert said["Result"][0].startswith("1% of requests to buy took ")
    assert "Where it shows" not in said, "the cause is the row itself"
    assert not cause_lines(verdict_of(students=200, tickets=60)), "nothing was slow"


def test_what_was_seen_is_told_thing_by_thing_and_an_estimate_with_how_certain_it_is(verdict_of):
    """Two things in nested brackets stood in one sentence of a hundred words."""
    slow = verdict_of(**SLOW)
    share = slow.bottleneck.evidence.partition(": ")[0]
    seen = "all CPUs were busy; it shows as waits; the share is estimated, for nobody said"
    found = slow.bottleneck.model_copy(update={"evidence": f"{share}: {seen}."})
    cause = f"Cause of slowness: the CPU, from T-0 on ({seen}); 3 gave up."
    said = lines_of(slow.model_copy(update={"bottleneck": found, "cause": cause}))
    assert said["Cause"] == ("The CPU, from T-0 on.",)
    assert said["Seen of it"] == ("All CPUs were busy.", "It shows as waits.")
    assert said["How certain"][-1] == "The share is estimated, for nobody said."
    assert said["Result"] == ("3 gave up.",)


def test_what_a_cause_is_certain_of_is_said_and_what_it_is_not(verdict_of):
    """A cause of 100% stood beside "App or test machine? Cannot be told"."""
    slow = with_cause(verdict_of(**SLOW), resource="cpu", certainty=1.0)
    open_end = "This does not say whether the app or the test used it."
    assert lines_of(slow)["How certain"] == (
        "In 100 of 100 random re-samples of the students the CPU was the largest part.",
        open_end,
    )
    apps = slow.model_copy(update={"app_or_machine": "The app: it had all of it."})
    assert open_end not in lines_of(apps)["How certain"]
    likely = lines_of(with_cause(slow, certainty=0.6))["How certain"][0]
    assert likely.startswith("60%: in how many of 100 random re-samples of the students the same ")


def test_why_a_cause_begins_at_another_moment_than_its_pool_saturated_is_said(verdict_of):
    slow = verdict_of(**SLOW)
    loop = next(pool for pool in slow.pools if pool.name == "generator_loop")
    since_s = slow.bottleneck.since_s

    def begins(first_s, in_rush_s):
        update = {"saturated_at_s": first_s, "saturated_in_rush_s": in_rush_s}
        pools = [pool for pool in slow.pools if pool is not loop]
        own = slow.model_copy(update={"pools": (*pools, loop.model_copy(update=update))})
        return lines_of(own)["Cause"][1:]

    (said,) = begins(-14.8, -0.5)
    assert said.startswith(f"At T-0{f' + {since_s:g} s' if since_s else ''} the first requests ")
    assert said.endswith("in the rush from T-0 − 0.5 s on, after a first time at T-0 − 14.8 s.")
    assert begins(since_s, since_s) == (), "they agree"
    assert begins(None, None) == (), "it never saturated"


def test_a_leak_is_told_with_what_was_seen_of_it_though_its_line_leaves_that_out(verdict_of):
    leak = "Cause of slowness: the pool leaked 3 of 20 connections; 3 gave up."
    said = lines_of(verdict_of(**SLOW).model_copy(update={"cause": leak}))
    assert said["Cause"] == ("The pool leaked 3 of 20 connections.",)
    assert said["Seen of it"]


def test_the_first_screen_has_the_cause_without_a_long_list_of_what_was_seen(verdict_of):
    slow = verdict_of(**SLOW)
    share, _, seen = slow.bottleneck.evidence.partition(": ")
    assert short_cause(slow) == slow.cause, "what is short stays"
    long = seen.removesuffix(".") + 100 * "!"
    found = slow.bottleneck.model_copy(update={"evidence": f"{share}: {long}."})
    cause = f"Cause of slowness: the generator, from T-0 on ({long}); 3 gave up."
    said = short_cause(slow.model_copy(update={"bottleneck": found, "cause": cause}))
    assert said == "Cause of slowness: the generator, from T-0 on; 3 gave up."
    assert short_cause(verdict_of(students=200, tickets=60)).startswith("Cause of slowness: none")


def test_the_cause_the_row_of_its_time_and_the_generator_are_told_together(verdict_of):
    """The CPU, the Redis pool and the generator were named as the culprit in three places."""
    slow = verdict_of(**SLOW)
    assert how_it_fits(slow) == "", "the generator is the cause, and the row, and the limit"
    said = how_it_fits(with_cause(slow, resource="cpu"))
    assert said.startswith(f"The figures call this time {ROW} (")
    assert "The generator was late too (" in said
    assert said.endswith("% of the slowest 1%'s time), so the measurement is in doubt.")
    timely = slow.generator.model_copy(update={"limited": False})
    kept_up = with_cause(slow, resource="cpu").model_copy(update={"generator": timely})
    assert "The generator" not in how_it_fits(kept_up).replace(ROW, "")
    assert how_it_fits(verdict_of(students=200, tickets=60)) == ""


def test_where_a_cause_stands_is_seen_though_another_tenth_was_asked(verdict_of):
    """Of requests that were all given up after 10 s nobody knows which are the slowest tenth."""
    slow = with_cause(verdict_of(**SLOW), resource="cpu")
    lost_ms = slow.bottleneck.lost_ms
    assert ROW in how_it_fits(with_cause(slow, lost_ms=lost_ms * 1.001))
    assert ROW not in how_it_fits(with_cause(slow, lost_ms=lost_ms / 2))
    elsewhere = [
        band.model_copy(update={"parts": band.parts | {"connect": lost_ms}})
        if band.band == "all"
        else band
        for band in slow.bands
    ]
    assert ROW in how_it_fits(slow.model_copy(update={"bands": elsewhere}))
