"""What students do: every parameter of it, where its usual value comes from, and whether that was
measured or is assumed.

One table, for the documentation and for every report. A value is *measured* where somebody has
counted it in the field and published it, and the plan's is within what they saw, or where the plan
itself says where it was measured (`students.measured`); every other one is *assumed*.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from dress_rehearsal.plans.sections.students import Students
from dress_rehearsal.plans.visible import visible_line

if TYPE_CHECKING:
    from dress_rehearsal.plans.plan import Plan

Basis = Literal["measured", "assumed"]
NO_SOURCE: Final = "no figure is known to us"
"""The source of what nobody is known to have counted."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of `[students]`.

    Attributes:
        key: its key there.
        says: what it is, in a few words.
        usual: what is usual, and how far it may differ.
        source: where that comes from.
        measured: from the least to the greatest value that was measured there; None: none was.
        needs: a share that has to be more than 0 for this to matter; empty: it always does.
    """

    key: str
    says: str
    usual: str
    source: str = NO_SOURCE
    measured: tuple[float, float] | None = None
    needs: str = ""


PARAMETERS: Final = (
    Parameter("show_up", "of those invited, who comes", "80% (40–95)"),
    Parameter("late", "come after T-0", "30% (10–50)"),
    Parameter("outsiders", "may not buy", "5%, under stress 8 for each who may"),
    Parameter("double_clickers", "click two to four times within 50–300 ms", "10% (0–30)"),
    Parameter(
        "multi_device",
        "of the eager: rush on two to six devices",
        "15% on two, 3% on five or six",
        "one account was used by six people at once at a Korean university",
    ),
    Parameter("queue_jumpers", "of the eager: claim the first place", "0%, or a test of it"),
    Parameter(
        "bots",
        "programs in students' names",
        "5% of those who act",
        "40% of the traffic of ticket sales came from bots in a report of 2018; their share of "
        "those who act is assumed",
    ),
    Parameter("bots_from", "they ask without pause from so long before T-0", "10s", needs="bots"),
    Parameter("bot_pause", "between two requests of a bot", "35ms (20–50)", needs="bots"),
    Parameter("refreshers", "of those waiting: reload the page until it answers", "30%"),
    Parameter("refresh_from", "they reload from so long before T-0", "10s", needs="refreshers"),
    Parameter("refresh_every", "between two reloads", "1.5s (1–2)", needs="refreshers"),
    Parameter(
        "slot_size",
        "let in by slots of so many",
        "75–100",
        "slots of 75 to 100 held at a university's registration, and of 150 did not",
        measured=(75, 100),
    ),
    Parameter("slot_every", "from one slot to the next", "minutes", needs="slot_size"),
    Parameter("entry", "of the holders: go to the entrance", "0%, or a test of it"),
    Parameter("screenshots", "of those at the entrance: lend the code", "2%", needs="entry"),
    Parameter(
        "login_before",
        "of those waiting: log in before T-0",
        "70%; 0% is a login storm",
        "a campus system fell to 2,500 logins at once (University of New Mexico, 2007); the share "
        "is assumed",
    ),
    Parameter(
        "countdown_poll",
        "between two questions of a waiting page",
        "5s, 1s in the last minute",
        "public ticket systems ask every 1, 3 or 5 s",
        measured=(1, 5),
    ),
    Parameter(
        "last_poll",
        "the same in the last minute",
        "1s",
        "public ticket systems ask every 1, 3 or 5 s",
        measured=(1, 5),
    ),
    Parameter("click_offset", "clicks of those waiting: the mean after T-0", "150ms"),
    Parameter("click_spread", "their standard deviation", "400ms"),
    Parameter("wrong_clocks", "of those waiting: click by a wrong clock", "no share is known"),
    Parameter(
        "clock_error",
        "the standard deviation of those clocks",
        "0.8–2.5s",
        "clocks of PCs were found to be off by 0.8 to 2.5 s",
        measured=(0.8, 2.5),
        needs="wrong_clocks",
    ),
    Parameter(
        "late_mean",
        "arrival of the late: the mean of an exponential",
        "7s (5–30)",
        "1,000 logins in the first 5 s at the University of Toronto; the mean is inferred from it",
        needs="late",
    ),
    Parameter("late_rates", "of the late: come at these rates, part by part", "none", needs="late"),
    Parameter("late_over", "how long those last together", "60s", needs="late_rates"),
    Parameter("late_tail", "of the late: come evenly, for long", "5%", needs="late"),
    Parameter("late_tail_over", "for so long", "10min", needs="late_tail"),
    Parameter("login_at_open", "the others of those waiting log in within", "10s"),
    Parameter("timeout", "how long a browser waits for an answer", "10s"),
    Parameter(
        "attempts",
        "tries to buy before giving up",
        "up to 20",
        "what a public ticket backend is sized for",
    ),
    Parameter("retry", "try again after an error or a time-out", "90%"),
    Parameter("retry_delay", "before that: the median of a log-normal", "1.5s"),
    Parameter("early_retry", "before clicking again after an early click: the median", "500ms"),
    Parameter("patience", "until giving up: the median of a Weibull", "90s"),
    Parameter("patient", "never give up", "10%"),
    Parameter("ticket_poll", "between two questions for a pending ticket", "1s"),
    Parameter("typing", "reading the page, typing number and PIN: the median", "1s"),
    Parameter("qr_delay", "from the ticket to its code: the median", "4s"),
    Parameter("qr_refetch", "of the holders: open the code twice", "20%"),
)
"""Every parameter, in the order of the section."""

_OPTIONAL: Final = frozenset(
    {
        "late",
        "outsiders",
        "double_clickers",
        "multi_device",
        "queue_jumpers",
        "bots",
        "refreshers",
        "slot_size",
        "entry",
        "screenshots",
        "wrong_clocks",
        "late_rates",
        "late_tail",
        "last_poll",
        "qr_refetch",
    }
)
"""Keys whose 0, or absence, means that nobody does so."""
_OFF: Final = "off"


def default_of(parameter: Parameter) -> str:
    """Return a parameter's default as it is written in a plan; `—`: there is none."""
    text = str(Students().model_dump(mode="json")[parameter.key])
    return "—" if text == "None" else text


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One parameter as a plan has it.

    Attributes:
        key: its key in the plan, such as `students.late`.
        says: what it is, in a few words.
        value: as it is written there; `off` where it makes no difference in this plan.
        basis: whether this value was measured by anybody, or is assumed.
        source: who measured it, or what is known.
    """

    key: str
    says: str
    value: str
    basis: Basis
    source: str

    @property
    def is_on(self) -> bool:
        """Whether it makes a difference."""
        return self.value != _OFF


def behaviour_of(plan: "Plan") -> tuple[Behaviour, ...]:
    """Return what a plan's students do, parameter by parameter; nothing of Locust's own users."""
    if plan.load is not None:
        return ()
    return tuple(_in(plan, parameter) for parameter in PARAMETERS)


def _in(plan: "Plan", parameter: Parameter) -> Behaviour:
    students = plan.students
    said = students.measured.get(parameter.key)
    is_on = _is_on(plan, parameter)
    seen = is_on and (
        said is not None or _was_measured(parameter, getattr(students, parameter.key))
    )
    return Behaviour(
        f"students.{parameter.key}",
        parameter.says,
        _written(students, parameter.key) if is_on else _OFF,
        "measured" if seen else "assumed",
        parameter.source if said is None else f"the plan: {visible_line(said)}",
    )


def _is_on(plan: "Plan", parameter: Parameter) -> bool:
    """Return whether a parameter makes a difference in a plan."""
    if parameter.key == "show_up":
        return plan.event.invited is not None
    deciding = [parameter.key] if parameter.key in _OPTIONAL else []
    deciding += [parameter.needs] if parameter.needs else []
    return all(getattr(plan.students, key) for key in deciding)


def _was_measured(parameter: Parameter, value: float | None) -> bool:
    if parameter.measured is None or value is None:
        return False
    least, most = parameter.measured
    return least <= value <= most


def _written(students: Students, key: str) -> str:
    """Return a value as it is written in a plan."""
    return str(students.model_dump(mode="json", include={key})[key])
