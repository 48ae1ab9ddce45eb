"""The gates of a verdict, and evidence with other purchases or gates, as tests of them ask."""

import dataclasses

import numpy as np
import pandas as pd

from dress_rehearsal.plans import Gate
from tests.steps import PURCHASE

BUYING = "latency_ms[POST /events/{event}/tickets]"


def gates_of(verdict):
    return {(gate.metric, gate.limit): gate for gate in verdict.gates}


def slowed(evidence, gates, felt_ms, failed=0):
    """The same run with purchases that took `felt_ms`; the last `failed` of them got a 503."""
    requests = evidence.requests.copy()
    bought = requests.index[requests["step"] == PURCHASE][: len(felt_ms)]
    assert len(bought) == len(felt_ms)
    others = requests.index[requests["step"] == PURCHASE][len(felt_ms) :]
    felt_ns = pd.array((np.asarray(felt_ms) * 1_000_000).astype(np.int64), dtype="Int64")
    requests.loc[bought, "done_ns"] = requests.loc[bought, "intended_ns"] + felt_ns
    requests.loc[bought, "sent_ns"] = requests.loc[bought, "intended_ns"]
    if failed:
        requests["outcome"] = requests["outcome"].astype(object)
        requests.loc[bought[-failed:], "outcome"] = "failed"
        requests.loc[bought[-failed:], "status"] = 503
    return gated(dataclasses.replace(evidence, requests=requests.drop(others)), gates)


def gated(evidence, gates):
    """The same run under a plan with these gates and no others."""
    found = tuple(Gate(metric=metric, limit=limit) for metric, limit in gates)
    return dataclasses.replace(evidence, plan=evidence.plan.model_copy(update={"gates": found}))
