"""The reference ticketing service: reached over HTTP and its settings, and by no import."""
