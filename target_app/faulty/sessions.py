"""Logins that are slow, and sessions that are lost at once."""

import asyncio

from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.sessions import Sessions, Throttled


class FaultySessions(Sessions):
    """`slow_login` and `session_lost`."""

    async def open(self, student: str, pin: str, address: str) -> str | Throttled | None:
        if FAULTS.grade("slow_login"):
            await asyncio.sleep(FAULTS.grade("slow_login"))
        token = await super().open(student, pin, address)
        if isinstance(token, str) and FAULTS.strikes("session_lost"):
            bearer = self.read(f"Bearer {token}".encode())
            assert bearer is not None
            await self.revoke(bearer)
        return token
