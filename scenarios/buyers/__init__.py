"""Plays a scenario of somebody's own: a buyer, by the same timetable."""
