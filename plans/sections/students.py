"""The students of a rehearsal: who comes, when they act, and how long they have patience."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from dress_rehearsal.plans.types import Duration, PositiveDuration, Section, Share, Whole


class Students(Section):
    """Who comes and how they behave; the rest of the shares are the eager ones."""

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
    entry: Share = 0.0
    """Of the holders: go to the entrance once they have opened their QR code."""
    screenshots: Share = 0.02
    """Of those at the entrance: a friend shows the same code at another one at once."""
    login_before: Share = 0.70
    """Of those waiting, how many log in before T-0; the others do when it opens."""
    countdown_poll: PositiveDuration = 5.0
    """How often a waiting student's page asks for the countdown."""
    click_offset: Duration = 0.15
    click_spread: Duration = 0.40
    """Clicks fall around T-0 + offset with this standard deviation; early ones are refused."""
    late_mean: Duration = 7.0
    """Mean of the exponential arrival of late students after T-0."""
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

    @model_validator(mode="after")
    def _shares_leave_room(self) -> Self:
        if self.late + self.outsiders + self.double_clickers > 1 + 1e-9:
            raise ValueError("late, outsiders and double_clickers together are more than 100%")
        if self.multi_device + self.queue_jumpers > 1 + 1e-9:
            raise ValueError("multi_device and queue_jumpers together are more than 100%")
        return self
