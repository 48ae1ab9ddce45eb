"""Pools of a made run, by their names."""

import pytest

from dress_rehearsal.reports.pools import find_pools


@pytest.fixture
def pools_of(evidence_of):
    def pools(**arguments):
        evidence = evidence_of(**arguments)
        found = find_pools(evidence)
        return {finding.pool.name: finding.pool for finding in found}

    return pools
