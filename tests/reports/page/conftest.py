"""The pages of synthetic runs, each written once."""

from typing import Any

import pytest

from dress_rehearsal.plans import plan_toml
from dress_rehearsal.reports import page as page_module
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import Verdict
from tests.reports import synthetic_run
from tests.reports.page.parsed_page import GATED, HOSTILE, Page, PageOf, written


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> PageOf:
    """Return the page of a synthetic run, without its figures unless it is to be `drawn`.

    The same arguments give the same one, written once.
    """
    made: dict[str, tuple[Page, Evidence, Verdict]] = {}

    def page(drawn: bool = False, **arguments: Any) -> tuple[Page, Evidence, Verdict]:
        key = repr((drawn, arguments))
        if key not in made:
            run = synthetic_run.build_run(tmp_path_factory.mktemp("page"), **arguments)
            with pytest.MonkeyPatch.context() as patched:
                if not drawn:
                    patched.setattr(page_module, "draw_figures", lambda *_: [])
                made[key] = written(run)
        return made[key]

    return page


@pytest.fixture(scope="session")
def healthy_page(page_of: PageOf) -> Any:
    return page_of(drawn=True, **GATED)


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page of a run whose own words want to be markup, the run and the verdict on it."""
    run = synthetic_run.build_run(tmp_path_factory.mktemp("hostile"), pool_exhausted=True)
    plan = run.plan().model_copy(update={"description": HOSTILE})
    run.write_text("plan.toml", plan_toml(plan))
    run.write_json("environment.json", {HOSTILE: HOSTILE, "machine": {"cpu": [HOSTILE, None]}})
    end_ns = run.timeline()[-1].t_ns
    run.stamp("process", HOSTILE, t_ns=end_ns, exit=1, what=HOSTILE)
    run.stamp("abort", "interrupted", t_ns=end_ns, reason=HOSTILE)
    run.stamp("fault", "slow", t_ns=end_ns, note=HOSTILE)
    for name in ("<b>log<-b>.jsonl", "app #1.jsonl"):
        (run.logs / name).write_text(HOSTILE, encoding="utf-8")
    page, _, verdict = written(run)
    return page, run, verdict
