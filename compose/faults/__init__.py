"""What goes wrong with a stage on purpose: a plan's faults, begun and ended."""
