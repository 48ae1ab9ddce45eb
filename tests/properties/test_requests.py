"""Whatever request reaches the reference app is answered, and never with a failure."""

import hypothesis
from hypothesis import strategies as st

from tests.properties.budget import try_out
from tests.target_app.wire import ANYWHERE, NAMES, ROUTES, VALUES, Wire, answered

_OF_THE_WIRE = {b"Content-Length", b"Transfer-Encoding", b"Connection"}
"""What would have the app wait for more than is sent."""


def test_any_request_is_answered(wire: Wire) -> None:
    value = st.one_of(
        st.binary(max_size=200).filter(lambda text: b"\r" not in text and b"\n" not in text),
        st.sampled_from(ANYWHERE),
    )

    names = st.sampled_from([name for name in NAMES if name not in _OF_THE_WIRE])

    @hypothesis.given(
        st.sampled_from(ROUTES),
        st.dictionaries(names, value, max_size=3),
        st.one_of(st.binary(max_size=200), st.sampled_from(VALUES)),
    )
    def send(route: tuple[bytes, bytes], headers: dict[bytes, bytes], body: bytes) -> None:
        assert answered({route: wire.ask(route[0], wire.path(route[1]), headers, body)})

    try_out(send)
