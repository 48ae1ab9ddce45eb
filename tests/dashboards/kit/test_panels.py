"""Panels: what a query asks for and how its lines look is as the call says."""

from typing import Any

from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.panels import gauge, stat, timeseries, words
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import fail_from, plain
from tests.dashboards.recorded import plain_json


def overrides(panel: Any) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (
            each["matcher"]["id"],
            each["matcher"]["options"],
            {one["id"]: one["value"] for one in each["properties"]},
        )
        for each in plain_json(panel)["fieldConfig"]["overrides"]
    ]


def test_a_colour_and_a_dash_go_to_their_query_and_a_value_s_colour_to_its_name() -> None:
    panel = timeseries(
        "Two",
        "For a test.",
        [Query("a", "a", colours.OK), Query("b", "{{x}}", dashed=True)],
        unit="bytes",
        colours={"used": colours.REDIS},
    )
    assert overrides(panel) == [
        ("byFrameRefID", "A", {"color": {"mode": "fixed", "fixedColor": colours.OK}}),
        (
            "byFrameRefID",
            "B",
            {"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}, "custom.fillOpacity": 0},
        ),
        ("byName", "used", {"color": {"mode": "fixed", "fixedColor": colours.REDIS}}),
    ]


def test_a_number_is_asked_for_at_once_unless_its_values_over_time_are_drawn_too() -> None:
    query = Query("level", "level")
    limits = fail_from(5)
    alone = stat("Alone", "For a test.", query, unit="s", limits=limits)
    drawn = stat("Drawn", "For a test.", query, unit="s", limits=limits, sparkline=True)
    used = gauge("Used", "For a test.", query, limits=limits)
    modes = [
        (plain_json(panel)["targets"][0].get("instant", False)) for panel in (alone, drawn, used)
    ]
    assert modes == [True, False, True]
    assert plain_json(drawn)["options"]["graphMode"] == "area"
    assert plain_json(used)["fieldConfig"]["defaults"]["max"] == 1


def test_several_numbers_stand_beside_each_other_by_name_each_in_its_colour() -> None:
    queries = Query("a", "granted", colours.OK), Query("b", "held")
    panel = stat("Tickets", "For a test.", *queries, limits=plain(), named=True)
    asked = [(each["refId"], each["legendFormat"]) for each in plain_json(panel)["targets"]]
    assert asked == [("A", "granted"), ("B", "held")]
    assert plain_json(panel)["options"]["textMode"] == "value_and_name"
    ((by, name, look),) = overrides(panel)
    assert (by, name) == ("byFrameRefID", "A")
    assert look["color"] == {"mode": "fixed", "fixedColor": colours.OK}


def test_a_number_gets_the_text_and_colour_it_is_mapped_to() -> None:
    panel = stat(
        "Verdict",
        "For a test.",
        Query("verdict", "verdict"),
        unit="none",
        limits=plain(colours.GREY),
        mappings=[words({"2": ("fail", colours.FAILED)})],
    )
    (mapping,) = plain_json(panel)["fieldConfig"]["defaults"]["mappings"]
    assert mapping["options"] == {"2": {"text": "fail", "color": colours.FAILED, "index": 0}}
