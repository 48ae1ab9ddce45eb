"""A TCP relay: stands in front of a service, and delays or loses what passes it while it is told
to. It runs in a container of its own, on nothing but Python's standard library."""
