"""The enrolment client as it is when it misbehaves."""

from collections.abc import Mapping

from dress_rehearsal.target_app.alerts import Alerts
from dress_rehearsal.target_app.enrolment import Enrolment
from dress_rehearsal.target_app.faults import FAULTS, SLOWER
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.postgres import Database


class FaultyEnrolment(Enrolment):
    """`slow_external`, `slow_external_inside`, and `ineligible_granted`, which asks nobody."""

    def __init__(self, settings: Settings, alerts: Alerts, database: Database) -> None:
        super().__init__(settings, alerts)
        self._database = database

    async def is_enrolled(self, student: str) -> bool | None:
        if FAULTS.grade("ineligible_granted"):
            return None
        if FAULTS.grade("slow_external_inside"):
            async with self._database.transaction() as connection:
                await connection.execute("SELECT 1")
                return await super().is_enrolled(student)
        return await super().is_enrolled(student)

    def _headers(self) -> Mapping[str, str] | None:
        slower_s = FAULTS.grade("slow_external") + FAULTS.grade("slow_external_inside")
        return {SLOWER: f"{slower_s:g}"} if slower_s else None
