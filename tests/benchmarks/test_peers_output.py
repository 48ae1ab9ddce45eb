"""What each peer prints or writes is read as what it is, and nothing else is taken for it."""

from pathlib import Path

import pytest

from benchmarks.generator.peers import peer
from benchmarks.generator.peers.hey import read_rows
from benchmarks.generator.peers.hey import read_summary as read_summary_of_hey
from benchmarks.generator.peers.k6 import read_summary
from benchmarks.generator.peers.locust import read_statistics
from benchmarks.generator.peers.peer import Claims, lines_with
from benchmarks.generator.peers.wrk import read_output

WRK = """Running 1s test @ http://127.0.0.1:56703/events/festival
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   714.91us    1.46ms   9.18ms   86.76%
    Req/Sec    61.88k    10.42k   76.68k    70.00%
  61649 requests in 1.00s, 15.17MB read
{trouble}Requests/sec:  61390.91
Transfer/sec:     15.11MB
"""
HEY = """
Summary:
  Total:\t0.5019 secs
  Requests/sec:\t36030.0766

Status code distribution:
  [200]\t18082 responses
  [503]\t7 responses

Error distribution:
  [4]\tGet "http://127.0.0.1:9/": dial tcp 127.0.0.1:9: connect: connection refused
"""
HEY_ROWS = """response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,\
status-code,offset
0.0005,0.0002,0.0000,0.0001,0.0001,0.0001,200,0.0001
0.0001,0.0000,0.0000,0.0000,0.0001,0.0000,503,0.0006
"""
K6_ROWS = b"""metric_name,timestamp,metric_value,status,url
http_reqs,1795988608,1.000000,200,http://127.0.0.1:9/
http_req_duration,1795988608,0.000000,200,http://127.0.0.1:9/
http_reqs,1795988608,1.000000,200,http://127.0.0.1:9/
"""


def test_wrk_counts_requests_and_what_went_wrong() -> None:
    trouble = (
        "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n"
    )

    assert read_output(WRK.format(trouble="")) == Claims(61649, 0)
    assert read_output(WRK.format(trouble=trouble)) == Claims(61649, 15)


def test_hey_counts_answers_by_status_and_errors() -> None:
    assert read_summary_of_hey(HEY) == Claims(18089, 11)


def test_rows_of_hey_are_counted() -> None:
    assert read_rows(HEY_ROWS) == Claims(2, 1, 2)


def test_k6_and_k9_count_failures_as_passes_of_a_rate() -> None:
    metrics = {"http_reqs": {"count": 7.0}, "http_req_failed": {"passes": 2, "fails": 5}}

    assert read_summary({"metrics": metrics}, rows=7) == Claims(7, 2, 7)


def test_locust_counts_by_name() -> None:
    entries = [{"num_requests": 5, "num_failures": 1}, {"num_requests": 2, "num_failures": 0}]

    assert read_statistics(entries) == Claims(7, 1)


@pytest.mark.parametrize("read", [read_output, read_summary_of_hey, read_rows])
def test_what_is_no_summary_is_refused_with_its_words(read: object) -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        read("unable to connect to 127.0.0.1:9")  # type: ignore[operator]


def test_a_summary_without_requests_is_refused() -> None:
    with pytest.raises(ValueError, match="http_reqs"):
        read_summary({"metrics": {}})
    with pytest.raises(ValueError, match="num_requests"):
        read_statistics([{}])


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
def test_rows_are_counted_wherever_a_file_is_cut(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(K6_ROWS)
    monkeypatch.setattr(peer, "_CHUNK", chunk)

    assert lines_with(file, b"http_reqs,") == 2
