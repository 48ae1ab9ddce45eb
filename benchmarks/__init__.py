"""Measured claims: ratios taken in one run, on whatever machine runs them."""
