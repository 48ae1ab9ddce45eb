"""A whole rehearsal that is over in a few seconds: what is set of the plan `smoke` for it."""

SHORT = (
    "event.students=60",
    "event.tickets=20",
    "schedule.lead=2s",
    "schedule.sale=3s",
    "schedule.drain=2s",
    "schedule.settle=2s",
    "students.typing=100ms",
    "students.late_mean=300ms",
    "students.login_at_open=500ms",
    "students.qr_delay=100ms",
)
UNHURRIED = (
    *SHORT,
    "gates=[]",
    "generator.max_late_start=1m",
    "generator.timely=1m",
    "generator.max_foreign_cpu=1000",
)
"""… of which no verdict depends on how fast the machine is that tests it."""
