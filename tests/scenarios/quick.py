"""A plan that is over in about a second: what is set of `smoke` for it."""

from typing import Any, Final

QUICK: Final[dict[str, Any]] = {
    "event.students": 1,
    "event.tickets": 1,
    "schedule.lead": "100ms",
    "schedule.sale": "2s",
    "schedule.drain": "2s",
    "students.late": "0%",
    "students.outsiders": "0%",
    "students.double_clickers": "0%",
    "students.login_before": "100%",
    "students.click_offset": "50ms",
    "students.click_spread": "0s",
    "students.ticket_poll": "20ms",
    "students.qr_delay": "20ms",
    "students.retry_delay": "20ms",
    "students.early_retry": "30ms",
    "students.late_mean": "50ms",
    "students.retry": "100%",
    "students.typing": "20ms",
}
