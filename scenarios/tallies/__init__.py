"""Counts of what has been recorded so far, for whoever watches while a rush goes."""
