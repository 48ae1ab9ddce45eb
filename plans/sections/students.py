"""The students of a rehearsal: who comes, when they act, and how long they have patience."""

import math
from itertools import accumulate
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from dress_rehearsal.plans.types import Duration, PositiveDuration, Section, Share, Whole

_Reason = Annotated[str, Field(min_length=1, max_length=200)]
_Rate = Annotated[Whole, Field(ge=0, le=1_000_000)]
NO_HABITS: Final = frozenset({"measured"})
"""Keys that say nothing of what students do."""


class Students(Section):
    """Who comes and how they behave; the rest of the shares are the eager ones."""

    show_up: Share = 0.80
    """Of `event.invited`: how many come. Without that, `event.students` says who acts."""
    late: Share = 0.20
    """Arrive after T-0 instead of waiting on the page."""
    outsiders: Share = 0.05
    """Have a campus login but are not on the festival's roster; buying must be refused."""
    double_clickers: Share = 0.10
    """Wait like the eager ones, then send several copies of the click."""
    multi_device: Share = 0.05
    """Of the eager ones: rush from two to six devices, each with a session of its own."""
    queue_jumpers: Share = 0.0
    """Of the eager ones: tell the waiting room that they are first; it must not believe them."""
    bots: Share = 0.0
    """Programs in students' names: they ask without pause, and click at T-0 until answered."""
    bots_from: Duration = 10.0
    """From so long before T-0 bots ask without pause."""
    bot_pause: PositiveDuration = 0.035
    """Between a bot's requests; each pause is drawn evenly from 4/7 to 10/7 of it."""
    refreshers: Share = 0.0
    """Of those waiting, bots aside: reload the page until it answers after T-0, then click."""
    refresh_from: Duration = 10.0
    """From so long before T-0 they reload."""
    refresh_every: PositiveDuration = 1.5
    """Between two reloads, drawn evenly from 2/3 to 4/3 of it; the next one gives the last up."""
    slot_size: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    """Students are let in by lots of so many, the first at T-0; 0: all of them at T-0."""
    slot_every: Duration = 60.0
    """From one such slot to the next; everything a student does is later by its slot."""
    entry: Share = 0.0
    """Of the holders: go to the entrance once they have opened their QR code."""
    screenshots: Share = 0.02
    """Of those at the entrance: a friend shows the same code at another one at once."""
    login_before: Share = 0.70
    """Of those waiting, how many log in before T-0; the others do when it opens."""
    countdown_poll: PositiveDuration = 5.0
    """How often a waiting student's page asks for the countdown."""
    last_poll: PositiveDuration | None = None
    """How often in the last minute before T-0; as before where left out."""
    click_offset: Duration = 0.15
    click_spread: Duration = 0.40
    """Clicks fall around T-0 + offset with this standard deviation; early ones are refused."""
    wrong_clocks: Share = 0.0
    """Of those waiting: click by a clock of their own that is wrong; early clicks are refused."""
    clock_error: Duration = 1.0
    """The standard deviation of those clocks."""
    late_mean: Duration = 7.0
    """Mean of the exponential arrival of late students after T-0."""
    late_rates: Annotated[tuple[_Rate, ...], Field(max_length=100)] = ()
    """Of the late: come at these rates instead, one after the other and relative to each other, in
    equal parts of `late_over`: `[1, 2, 3]` are three steps."""
    late_over: Duration = 60.0
    """How long those rates last together, cut at 80% of the sale."""
    late_tail: Share = 0.0
    """Of the late ones: come evenly over `late_tail_over` instead, cut at 80% of the sale."""
    late_tail_over: Duration = 600.0
    login_at_open: Duration = 10.0
    """Those who did not log in before do so within this long after T-0."""
    timeout: PositiveDuration = 10.0
    """How long a student's browser waits for one answer."""
    attempts: Annotated[Whole, Field(ge=1, le=100)] = 20
    """How often a student tries to buy before giving up."""
    retry: Share = 0.90
    """How many try again after an error or a timeout."""
    retry_delay: Duration = 1.5
    """Median of the log-normal human delay before trying again."""
    early_retry: Duration = 0.5
    """Median delay before clicking again after `too early`."""
    patience: Duration = 90.0
    """Median of the Weibull time from the first click until a student gives up."""
    patient: Share = 0.10
    """Never give up."""
    ticket_poll: PositiveDuration = 1.0
    """How often a holder asks whether a pending ticket has been issued."""
    typing: Duration = 1.0
    """Median time to read the page and type student number and PIN."""
    qr_delay: Duration = 4.0
    """Median delay from holding an issued ticket to opening its QR code."""
    qr_refetch: Share = 0.0
    """Of the holders: open the QR code a second time, after the same delay."""
    measured: dict[str, _Reason] = Field(default_factory=dict)
    """Keys of this table whose values you measured, and where, such as `late = "log of 2025"`."""

    @model_validator(mode="after")
    def _shares_leave_room(self) -> Self:
        if self.late + self.outsiders + self.double_clickers + self.bots > 1 + 1e-9:
            raise ValueError(
                "late, outsiders, double_clickers and bots together are more than 100%"
            )
        if self.multi_device + self.queue_jumpers > 1 + 1e-9:
            raise ValueError("multi_device and queue_jumpers together are more than 100%")
        return self

    @model_validator(mode="after")
    def _somebody_comes(self) -> Self:
        if self.late_rates and not any(self.late_rates):
            raise ValueError("late_rates are all 0, so that nobody comes")
        return self

    @model_validator(mode="after")
    def _measured_are_habits(self) -> Self:
        habits = set(type(self).model_fields) - NO_HABITS
        unknown = sorted(set(self.measured) - habits)
        if unknown:
            raise ValueError(
                f"measured names no other key of [students]: {len(unknown)} of its keys "
                f"{'is' if len(unknown) == 1 else 'are'} none"
            )
        return self

    def late_course(self, latest_s: float) -> tuple[list[float], list[float]]:
        """Return by when which share of the late has come at `late_rates`: shares and seconds.

        Between two of them they come evenly.

        Args:
            latest_s: nobody comes later.
        """
        over_s, parts = min(self.late_over, latest_s), len(self.late_rates)
        come = list(accumulate(self.late_rates, initial=0))
        shares = [each / come[-1] for each in come]
        return shares, [over_s * part / parts for part in range(parts + 1)]

    def slots(self, students: int) -> int:
        """Return into how many slots so many students are put; 1 where all come at T-0."""
        return max(math.ceil(students / self.slot_size), 1) if self.slot_size else 1

    def last_slot_s(self, students: int) -> float:
        """Return when the last slot of so many students begins, in seconds from T-0."""
        return (self.slots(students) - 1) * self.slot_every
