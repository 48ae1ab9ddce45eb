"""What each virtual user of k9-load does, scripted in Python."""

import k9

URL = k9.env["URL"]


async def default() -> None:
    await k9.http.get(URL)
