"""One file a peer: how it is started, and what it says of itself afterwards."""
