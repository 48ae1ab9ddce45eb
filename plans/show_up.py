"""Show-up: of those who could come (`event.invited`) a share does, and those are the students."""

from typing import Any, Final

from dress_rehearsal.plans.sections.students import Students
from dress_rehearsal.plans.types import parse_share

_USUAL: Final = Students.model_fields["show_up"].default


def with_those_who_come(document: Any) -> Any:
    """Return a plan's document with `event.students` as `event.invited` and the show-up say.

    What is no number or no share is left for the sections to refuse.

    Raises:
        ValueError: `event.students` says another number.
    """
    if not isinstance(document, dict):
        return document
    event, students = (document.get(key) or {} for key in ("event", "students"))
    if not (isinstance(event, dict) and isinstance(students, dict)):
        return document
    invited, said = event.get("invited"), event.get("students")
    if type(invited) is not int or invited < 1:
        return document
    try:
        share = parse_share(students["show_up"]) if "show_up" in students else _USUAL
    except ValueError:
        return document
    coming = max(round(invited * share), 1)
    if said is not None and said != coming:
        raise ValueError(
            f"event.students is what comes of event.invited and students.show_up ({coming:,}): "
            f"leave it out, or leave event.invited out"
        )
    return {**document, "event": {**event, "students": coming}}
