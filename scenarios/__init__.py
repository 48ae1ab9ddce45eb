"""Performs the rush: students, their timetable, the client they use and the recorder."""
