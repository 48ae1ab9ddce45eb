"""The page's words on headroom, and `headroom.json` of a run, which they are made of."""

import json
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field, ValidationError

from dress_rehearsal.plans import Plan, as_typed
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.files import is_there, reason, regular
from dress_rehearsal.reports.part import Part

FILE: Final = "headroom.json"


class Searched(Part):
    """The whole of `headroom.json`: what the last search for the capacity of a run's plan on its
    machine came to, as sentences.

    Attributes:
        search: the search's folder; `page` is the address of its report from the run directory.
        builds: the builds of the target that the run and the search are of, where they differ.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    search: str
    page: str
    says: tuple[str, ...]
    builds: tuple[str, str] | None = None

    def text(self) -> str:
        """Return the bytes of `headroom.json`."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class Headroom:
    """What the first screen says of it, as a sentence or more; `href` leads to the search."""

    words: str
    href: str | None = None


def headroom(run: RunDirectory, plan: Plan) -> Headroom:
    """Return how much larger a load would pass, as far as that is known."""
    path = run.path / FILE
    how = _how(run, plan)
    if not is_there(path):
        return Headroom(f"not searched. {how}")
    try:
        searched = Searched.model_validate_json(regular(path).read_bytes())
    except OSError as error:
        return Headroom(f"not known: {FILE} cannot be read ({reason(error)}). {how}")
    except ValidationError:
        return Headroom(f"not known: {FILE} is damaged, or another version wrote it. {how}")
    said = list(searched.says)
    if searched.builds is not None:
        own, theirs = searched.builds
        said.append(f"The search was of another build of the target: {theirs}, this run is {own}.")
    return Headroom(" ".join(said), searched.page)


def _how(run: RunDirectory, plan: Plan) -> str:
    overrides = run.environment([]).get("overrides")
    named = as_typed(plan, map(str, overrides if isinstance(overrides, list) else []))
    of = "" if named else ", of your plan's file,"
    return (
        f"`rehearse capacity {named or 'PLAN'}`{of} searches for the largest load that passes, and "
        f"tells first how long that takes; once its folder lies beside this run's (`--out`), "
        f"`rehearse report` tells it here."
    )
