"""Tables: one row for each set of labels, each query a column under its heading."""

from typing import Any

from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.panels import words
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import warn_fail
from tests.dashboards.recorded import plain_json


def pools(*columns: Column, **options: Any) -> dict[str, Any]:
    pool = Key("pool", "Pool", words=words({"redis": ("Redis", colours.REDIS)}))
    return plain_json(table("Pools", "For a test.", [pool], columns, **options))


LEVEL = Column("level", "Level", "s", limits=warn_fail(5, 50))
LIMIT = Column("limit", "Limit", "locale")
HIDDEN = Column("2 * level", "link", "none", hidden=True)


def test_queries_are_merged_into_rows_and_named_as_grafana_names_their_values() -> None:
    merge, organise = pools(LEVEL, LIMIT, sort="Level")["transformations"]
    assert merge["id"] == "merge"
    assert organise["id"] == "organize"
    options = organise["options"]
    assert options["renameByName"] == {"pool": "Pool", "Value #A": "Level", "Value #B": "Limit"}
    assert options["indexByName"] == {"pool": 0, "Value #A": 1, "Value #B": 2}
    assert options["excludeByName"] == {"Time": True}


def test_a_lone_query_has_no_letter() -> None:
    organise = pools(LEVEL, sort="Level")["transformations"][1]
    assert organise["options"]["renameByName"] == {"pool": "Pool", "Value": "Level"}


def test_a_table_is_sorted_by_a_heading_either_way() -> None:
    assert pools(LEVEL, sort="Level")["options"]["sortBy"] == [
        {"displayName": "Level", "desc": True}
    ]
    (by,) = pools(LEVEL, sort="Pool", descending=False)["options"]["sortBy"]
    assert by == {"displayName": "Pool", "desc": False}


def test_a_column_looks_as_asked_and_a_key_is_told_in_words() -> None:
    panel = pools(LEVEL, LIMIT, HIDDEN, sort="Level")
    looks = {
        each["matcher"]["options"]: {one["id"]: one["value"] for one in each["properties"]}
        for each in panel["fieldConfig"]["overrides"]
    }
    assert looks["Level"]["unit"] == "s"
    assert [step["value"] for step in looks["Level"]["thresholds"]["steps"]] == [None, 5, 50]
    assert looks["Limit"] == {"unit": "locale"}
    assert looks["link"]["custom.hidden"] is True
    (mapping,) = looks["Pool"]["mappings"]
    assert mapping["options"]["redis"]["text"] == "Redis"
