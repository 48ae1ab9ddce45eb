"""Exposition text as it is met: OpenMetrics, times, exemplars, line ends, escapes, and nonsense."""

import math
import time

import pytest

from dress_rehearsal.records.collectors.exposition import read_exposition


def samples(text: str, *wanted: str) -> list[tuple[str, dict[str, str], float]]:
    return [tuple(each) for each in read_exposition(text, wanted or ("used",), set())]


@pytest.mark.parametrize(
    ("line", "labels", "value"),
    [
        pytest.param("used 4", {}, 4.0, id="bare"),
        pytest.param('used{pool="a"} 4.0', {"pool": "a"}, 4.0, id="a label"),
        pytest.param('used{pool="a",} 4', {"pool": "a"}, 4.0, id="a comma at the end"),
        pytest.param('used{pool="a"} 4 1790000000000', {"pool": "a"}, 4.0, id="a time in ms"),
        pytest.param('used{pool="a"} 4 1790000000.123', {"pool": "a"}, 4.0, id="a time in s"),
        pytest.param(
            'used{le="0.1"} 8 # {trace_id="KOO5S4vxi0o"} 0.67', {"le": "0.1"}, 8.0, id="an exemplar"
        ),
        pytest.param(
            'used{le="0.1"} 8 1790000000.1 # {id="a # b"} 0.67 1790000000.0',
            {"le": "0.1"},
            8.0,
            id="an exemplar and times",
        ),
        pytest.param('used{pool="a"} 4\r', {"pool": "a"}, 4.0, id="a carriage return"),
        pytest.param(
            '\tused \t{ pool = "a" , b="c" }\t 4 ', {"pool": "a", "b": "c"}, 4.0, id="tabs"
        ),
        pytest.param(
            r'used{pool="a \"b\" } \\ \n{#"} 4', {"pool": 'a "b" } \\ \n{#'}, 4.0, id="escapes"
        ),
        pytest.param('{"used",pool="a"} 4', {"pool": "a"}, 4.0, id="the name in quotes"),
        pytest.param('used{"pool.name"="a"} 4', {"pool_name": "a"}, 4.0, id="a dot in a label"),
        pytest.param("used 1.5e+03", {}, 1500.0, id="an exponent"),
        pytest.param("used +Inf", {}, math.inf, id="infinity"),
        pytest.param('used{pool=""} 4', {"pool": ""}, 4.0, id="an empty label"),
    ],
)
def test_a_line_is_read_as_it_is_met(line: str, labels: dict[str, str], value: float) -> None:
    assert samples(line + "\n") == [("used", labels, value)]


@pytest.mark.parametrize(
    "line",
    [
        "# used 4",
        "# EOF",
        "",
        "used",
        "used four",
        "used 1_000",
        'used{pool="a 4',
        'used{pool="a"} ',
        "used{" + '"' * 30_000 + " 4",
        "<html>used 4</html>",
    ],
)
def test_what_is_no_sample_is_passed_over_and_hides_no_other(line: str) -> None:
    assert samples(f"{line}\nused 7\n")[-1] == ("used", {}, 7.0)
    assert len(samples(f"{line}\nused 7\n")) == 1


def test_dots_are_underscores_and_all_names_are_seen() -> None:
    seen: set[str] = set()
    text = 'db.client.connections.usage{state="used"} 3\nother 1\n{"third.one"} 2\n'

    found = list(read_exposition(text, {"db_client_connections_usage"}, seen))

    assert [each.value for each in found] == [3.0]
    assert seen == {"db_client_connections_usage", "other", "third_one"}


def test_not_a_number_is_read_as_such() -> None:
    assert math.isnan(samples("used NaN")[0][2])


def test_a_line_of_blanks_takes_no_time() -> None:
    began_s = time.process_time()
    assert samples('used{pool="a",' + " " * 19_000 + "} 1") == [("used", {"pool": "a"}, 1.0)]
    assert time.process_time() - began_s < 1
