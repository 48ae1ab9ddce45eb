"""Reads a run directory and judges it: analysis, audit, gates, verdict, figures and pages."""
