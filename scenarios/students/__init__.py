"""Plays the students of a scenario, by the timetable: whatever app it is, the same way."""
