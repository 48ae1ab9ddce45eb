"""The unit of a load: what is searched, and how a load is named."""

from typing import Final, Literal

from dress_rehearsal.reports.words import agreeing, counted, written

Over = Literal["event.students", "arrivals", "load.users"]

UNITS: Final[dict[Over, str]] = {
    "event.students": "students",
    "arrivals": "arrivals a second",
    "load.users": "users",
}
"""What each is counted in; of rates, the highest of the plan counts."""


def load_words(over: Over, load: float) -> str:
    """Return a load as a sentence names it: "6,000 students", "120 arrivals a second"."""
    if over == "arrivals":
        return f"{written(round(load, 1))} {agreeing(round(load, 1), 'arrival')} a second"
    return counted(round(load), "user" if over == "load.users" else "student")


def load_verb(over: Over, load: float, one: str, many: str) -> str:
    """Return the verb whose subject `load_words` is."""
    return agreeing(round(load, 1 if over == "arrivals" else None), one, many)
