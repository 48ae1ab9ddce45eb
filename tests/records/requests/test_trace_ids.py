"""Trace ids: what a server's log line and a recorded request have in common."""

from dress_rehearsal.records.requests.trace_ids import TraceIds


def test_trace_ids_differ_by_run_student_and_request():
    ids = {
        TraceIds(run).traceparent(student, seq)
        for run in ("a", "b")
        for student in (0, 1)
        for seq in (0, 1)
    }
    assert len(ids) == 8
    for traceparent in ids:
        version, trace, span, flags = traceparent.split(b"-")
        assert (len(version), len(trace), len(span), len(flags)) == (2, 32, 16, 2)
        assert int(span, 16) != 0


def test_a_request_s_trace_id_is_what_its_header_carries():
    ids = TraceIds("run")
    header = ids.traceparent(7, 300).decode()
    assert header.split("-")[1] == ids.trace_id(7, 300)
