"""The ports of this machine that serve a plan's target: the app's own, and of what stands behind it
the databases and metrics that the plan names.

Who listens there is no other program that takes the CPU away: an app that has its database work
hard is slow by itself.
"""

from collections.abc import Iterator

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.plans.hosts import loopback_ports
from dress_rehearsal.plans.secrets import resolved


def served_ports(plan: Plan, *further: str | None) -> frozenset[int]:
    """Return the ports of this machine behind a plan's URLs, and behind further ones; none of a
    stage of our own, of which every process is known."""
    if plan.target.ours:
        return frozenset()
    return loopback_ports((plan.target.url, *further, *_behind(plan)))


def _behind(plan: Plan) -> Iterator[str]:
    for metrics in plan.metrics:
        yield from metrics.addresses
    for ledger in plan.ledgers:
        texts = (ledger.url, ledger.dsn_env and f"env:{ledger.dsn_env}")
        for text in filter(None, texts):
            try:
                yield resolved(text)
            except PlanError:
                continue  # that a variable is not set is told where the ledger is read
