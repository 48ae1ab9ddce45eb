"""What is wrong with how a plan's target is to be reached: its certificates, proxy and headers."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from dress_rehearsal.plans.hosts import is_allowed, url_problem
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.plans.shown import shown_key

_PLACEHOLDER: Final = re.compile(r"\{\w*\}")
_LOGIN: Final = "set REHEARSE_PROXY_LOGIN=user:password in the environment instead"


def reach_problems(target: Target) -> Iterator[str]:
    """Return why the target cannot be reached like that, a sentence each; no file is looked at."""
    if target.ca_file is not None and not (target.url or "").lower().startswith("https:"):
        yield (
            "target.ca_file is for a target that speaks TLS: write target.url with https://, or "
            "leave target.ca_file out."
        )
    for name, value in target.headers.items():
        if _PLACEHOLDER.search(value):
            yield (
                f"target.headers.{shown_key([name.lower()])} holds a word in braces, which nothing "
                f"is put in for: only target.opening knows {{t0_ms}} and {{t0_iso}}."
            )
    if target.proxy is not None:
        problem = _proxy_problem(target.proxy, target.allow)
        if problem is not None:
            yield problem


def _proxy_problem(url: str, allow: tuple[str, ...]) -> str | None:
    wrong = url_problem("target.proxy", url, ("http",), _LOGIN)
    if wrong is not None:
        return wrong
    parts = urlsplit(url)
    if parts.path not in ("", "/") or set("?#") & set(url):
        return "target.proxy must end after host and port: write it as http://host:port."
    if not is_allowed(parts.hostname or "", allow):
        return (
            "All load would go through target.proxy, which is not on this machine, and the plan's "
            "target.allow does not name its host; add it there if it may."
        )
    return None
