"""Plays a scenario of somebody's own: a buyer in the hands of the same students, by the same timetable."""
