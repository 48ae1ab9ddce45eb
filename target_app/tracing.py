"""W3C trace context: reading the `traceparent` header (https://www.w3.org/TR/trace-context/)."""

import re

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16


def parse_traceparent(header: bytes) -> tuple[str, str] | None:
    """The trace id and the caller's span id, or None where the header is not a valid one."""
    match = _TRACEPARENT.fullmatch(header)
    if match is None:
        return None
    version, trace_id, span_id, _, more = match.groups()
    if version == b"ff" or (version == b"00" and more):
        return None
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return trace_id.decode(), span_id.decode()
