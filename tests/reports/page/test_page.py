"""The page says everything the verdict holds, asks nobody else for anything, and never crashes."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from dress_rehearsal.plans import plan_toml
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports import page as page_module
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from dress_rehearsal.reports.page import key_numbers, write_page
from dress_rehearsal.reports.page.templates import sentence
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.words import milliseconds
from tests.reports import synthetic_run
from tests.steps import PURCHASE

pytestmark = pytest.mark.whole_runs

BuildRun = Callable[..., RunDirectory]
PageOf = Callable[..., Any]
TROUBLED = {
    "oversell": 7,
    "failed": 7,
    "unknown": 4,
    "never_started": 3,
    "counter_off": 9,
    "faults": [("leak", 1, 3)],
    "undone_fault": "redis_wipe",
    "alerts": 70,
}
GATED = {"gates": [("census.failed", "<= 0.1%"), ("latency_ms[POST /login].p99", "<= 2s")]}
UNTIMED = {"no_timestamps": True, "without": ["ledger", "environment"]}
FIGURES = ("arrivals", "latency", "spectrum", "pools", "generator")
VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}


class Page(HTMLParser):
    """A parsed page: its tags with attributes, its words, and its tables."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = text
        self.files: dict[str, bytes] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._words: list[str] = []
        self._open: list[str] = []
        self._table: list[list[str]] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self._table = self.tables.setdefault(str(dict(attrs).get("id")), [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("th", "td"):
            self._table[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"{tag} closes nothing"
        assert self._open.pop() == tag, f"{tag} closes something else"

    def handle_data(self, data: str) -> None:
        if not {"style", "svg"} & set(self._open):
            self._words.append(data)
            if {"th", "td"} & set(self._open):
                self._table[-1][-1] += data

    @property
    def words(self) -> str:
        return " ".join("".join(self._words).split())

    def row(self, table: str, name: str) -> list[str]:
        return next(row for row in self.tables[table] if row[0] == name)


def written(run: RunDirectory) -> tuple[Page, Evidence, Verdict]:
    """Write the page of a run; with its figures, which take most of the time."""
    evidence = read_evidence(run)
    verdict = judge(evidence)
    write_page(run, evidence, verdict)
    page = Page((run.path / "report.html").read_text(encoding="utf-8"))
    paths = [run.path / "report.html", *sorted(run.figures.glob("*.svg"))]
    page.files = {path.name: path.read_bytes() for path in paths}
    return page, evidence, verdict


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def healthy_page(page_of: PageOf) -> Any:
    return page_of(drawn=True, **GATED)


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \"'&amp; </svg></pre>"


@pytest.fixture(scope="module")
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


def test_the_page_asks_nobody_else_for_anything(healthy_page: Any) -> None:
    page, _, _ = healthy_page
    links = {
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("href", "src", "srcset", "action", "data", "xlink:href", "poster")
    }
    assert links
    assert not [link for link in links if re.match(r"\w+:|//|/", link)]
    assert not {"script", "link", "iframe", "object", "embed", "img", "base"} & {
        tag for tag, _ in page.tags
    }
    assert "@import" not in page.source
    assert set(re.findall(r"url\((.)", page.source)) <= {"#"}


def test_a_content_security_policy_forbids_what_the_page_does_not_do(healthy_page: Any) -> None:
    page, _, _ = healthy_page
    policies = [
        attributes["content"]
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    handlers = [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert not handlers


def test_links_to_the_run_are_relative_and_lead_to_files(hostile_page: Any) -> None:
    page, run, _ = hostile_page
    targets = [
        str(attributes["href"])
        for tag, attributes in page.tags
        if tag == "a" and attributes["href"] not in ("verdict.json", "summary.md", "junit.xml")
    ]
    assert "logs/app%20%231.jsonl" in targets
    for target in targets:
        assert (run.path / unquote(target)).exists(), target


def test_every_number_of_the_census_is_there_and_the_sum_is_shown(page_of: PageOf) -> None:
    page, _, verdict = page_of(**TROUBLED)
    census = verdict.census.model_dump()
    total = census.pop("students")
    for word, count in census.items():
        assert page.row("census", word.replace("_", " ").capitalize())[1] == f"{count:,}"
    foot = page.row("census", "Students")
    assert foot[1] == f"{total:,}"
    assert "adds up" in foot[3]


def test_the_audit_says_ok_found_and_not_measured_in_words(page_of: PageOf) -> None:
    page, _, verdict = page_of(**TROUBLED)
    assert verdict.audit.oversold == 5
    assert page.row("audit", "Oversold")[1::2] == ["5", "found"]
    assert page.row("audit", "Stuck")[1::2] == ["0", "ok"]
    assert page.row("not-applicable", "Double entry")[2] == "nobody went to the entrance"


@pytest.mark.parametrize(
    ("defects", "word", "answer"),
    [
        (GATED, "pass", "It held"),
        (TROUBLED, "fail", "It does not hold"),
        ({"killed": True}, "inconclusive", "This run decides nothing"),
    ],
)
def test_the_banner_says_the_verdict_in_words_with_every_reason(
    page_of: PageOf, defects: dict[str, Any], word: str, answer: str
) -> None:
    page, _, verdict = page_of(**defects)
    assert verdict.verdict == word
    assert f"{word} {answer}" in page.words
    assert ("section", {"class": f"verdict {word}", "aria-labelledby": "verdict"}) in page.tags
    for reason in verdict.reasons:
        assert " ".join(reason.split()) in page.words


def test_a_time_is_written_in_one_way_in_the_banner_the_strip_and_the_table(
    healthy_page: Any,
) -> None:
    page, _, verdict = healthy_page
    felt = milliseconds(verdict.latency_ms[PURCHASE].p99)
    assert f"99% of purchases took at most {felt}" in page.words
    assert f"{felt} felt; the system's part" in page.words
    assert page.row("latency-table", PURCHASE)[4] == felt.removesuffix(
        " ms"
    )  # its caption has the unit


def test_every_gate_stands_with_its_limit_its_number_and_its_result(healthy_page: Any) -> None:
    page, _, verdict = healthy_page
    assert len(page.tables["gates"]) == 1 + len(verdict.gates)
    assert page.row("gates", "census.failed") == [
        "census.failed",
        "pass",
        "<= 0.1%",
        "0 of 600 students (0%)",
    ]
    login = page.row("gates", "latency_ms[POST /login].p99")
    assert login[1] == "pass"
    assert re.fullmatch(r"[\d.]+ ms \(95% interval [\d.]+ ms to [\d.]+ ms\)", login[3])


def test_latency_stands_with_what_was_not_answered_beside_it(page_of: PageOf) -> None:
    page, _, verdict = page_of(**TROUBLED)
    row = page.row("latency-table", "POST /events/{event}/tickets")
    assert row[1] == f"{verdict.latency_ms[row[0]].count:,}"
    assert tuple(row[-2:]) == ("4", "0")
    assert int(row[-3]) >= 7


def test_requests_are_shown_as_recorded_and_as_the_server_counted_them(
    page_of: PageOf,
) -> None:
    page, evidence, _ = page_of(**TROUBLED)
    step = "POST /events/{event}/tickets"
    tally = evidence.server_counts.tallies[step]
    assert tally.difference > 0
    numbers = (tally.recorded, tally.uncertain, tally.counted)
    shown = [f"{number:,}" for number in numbers]
    assert page.row("reconciliation", step)[1:] == [*shown, f"off by +{tally.difference}"]
    assert page.row("reconciliation", "POST /login")[4] == "agree"


@pytest.mark.parametrize(
    ("defects", "sentence"),
    [
        (TROUBLED, "Kernel receive timestamps were available for all"),
        (UNTIMED, "read lag could not be split off"),
    ],
)
def test_what_the_clock_could_not_tell_is_said(
    page_of: PageOf, defects: dict[str, Any], sentence: str
) -> None:
    page, _, _ = page_of(**defects)
    assert sentence in page.words


def test_the_timeline_tells_faults_and_not_every_alert(page_of: PageOf) -> None:
    page, _, _ = page_of(**TROUBLED)
    for cells in (
        ("T-0 + 1 s", "fault: leak", "on, 20%: a purchase keeps its PostgreSQL connection"),
        ("T-0 + 3 s", "fault: leak", "off"),
        ("T-0 + 1 s", "fault: redis wipe", "could not be done: There is no such switch."),
    ):
        assert "".join(cells) in page.words
    assert page.words.count("Enrolment cannot be asked.") == 20
    assert "50 more, 50 of them alerts; all are in timeline.jsonl" in page.words
    assert "torn down" in page.words


def test_text_from_outside_cannot_become_markup(hostile_page: Any) -> None:
    page, _, verdict = hostile_page
    assert any(HOSTILE in reason for reason in verdict.reasons)
    assert page.words.count("<script>alert(1)</script>") >= 5
    assert not {"script", "img", "b"} & {tag for tag, _ in page.tags}


def test_the_same_run_gives_the_same_bytes(page_of: PageOf, build_run: BuildRun) -> None:
    page, _, _ = page_of(drawn=True, **GATED)
    elsewhere, _, _ = written(build_run(**GATED))
    assert set(page.files) == {"report.html", *(f"{name}.svg" for name in FIGURES)}
    assert elsewhere.files == page.files


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        (
            UNTIMED,
            [
                "as students heard of them",
                "The run has no environment.json",
                "later than they arrived",
                "could not be split off",
            ],
        ),
        ({"killed": True}, ["as the answers said", "Never started"]),
        (
            {"without": ["requests", "timeline"]},
            [
                "No student tried to buy a ticket",
                "No request was recorded, so there is no latency",
                "No answer carried Server-Timing",
                "The run has no timeline",
            ],
        ),
        (
            {"no_t0": True, "without": ["metrics", "students"]},
            [
                "no T-0 was set",
                "zero is its first request",
                "No sample of any pool was recorded",
                "The generator's CPU was not recorded",
                "Requests were not counted on both sides",
            ],
        ),
    ],
)
def test_what_is_missing_is_named_and_the_rest_is_shown(
    page_of: PageOf, arguments: dict[str, Any], sentences: list[str]
) -> None:
    page, _, _ = page_of(drawn=True, **arguments)
    assert [sentence for sentence in sentences if sentence not in page.words] == []
    assert page.tables["census"]


def test_a_run_that_left_nothing_but_its_plan_has_a_page_and_no_figure_outlives_its_evidence(
    build_run: BuildRun,
) -> None:
    everything = ["requests", "students", "ledger", "metrics", "environment", "timeline"]
    run = build_run(without=everything)
    for name in (*(f"{figure}.svg" for figure in FIGURES), "arrivals.png"):
        (run.figures / name).write_text("drawn from an earlier state of the run")
    page, _, verdict = written(run)
    assert list(run.figures.iterdir()) == []
    assert verdict.verdict == "inconclusive"
    assert page.words.count("Not drawn.") == len(FIGURES)
    assert not [tag for tag, _ in page.tags if tag == "svg"]


def test_figures_and_tables_speak_to_those_who_cannot_see_them(healthy_page: Any) -> None:
    page, _, _ = healthy_page
    drawn = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawn) == 2 * len(FIGURES)
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawn)
    heads = [attributes for tag, attributes in page.tags if tag == "th"]
    assert all(head.get("scope") in ("row", "col") for head in heads)
    assert next(attributes for tag, attributes in page.tags if tag == "html") == {"lang": "en"}


def test_no_id_is_given_twice(healthy_page: Any) -> None:
    page, _, _ = healthy_page
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page.source))
    assert used <= set(ids)


def test_every_pair_of_text_colours_can_be_read(healthy_page: Any) -> None:
    """WCAG 2 AA asks for a contrast of 4.5 between text and what is behind it."""
    page, _, _ = healthy_page
    blocks = re.findall(r":root \{(.*?)\}", page.source, re.DOTALL)
    assert len(blocks) == 3, "light, dark, print"
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0]))
    for block in blocks:
        colours = light | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for text in ("ink", "muted", "link", "ok", "found", "open"):
            assert _contrast(colours[text], colours["card"]) >= 4.5, text
        for text in ("ink", "muted", "link"):
            assert _contrast(colours[text], colours["page"]) >= 4.5, text
        assert _contrast(colours["found"], colours["found-back"]) >= 4.5
        for banner in ("pass", "fail", "inconclusive"):
            assert _contrast("#ffffff", colours[banner]) >= 4.5, banner


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_page_stays_small_however_much_was_recorded(build_run: BuildRun) -> None:
    run = build_run(students=4000, tickets=1500, failed=50, unknown=20)
    _, evidence, _ = written(run)
    assert len(evidence.requests) > 20_000
    assert (run.path / "report.html").stat().st_size < 1_500_000


@pytest.mark.parametrize("template", ["page.html.j2", "tables.html.j2", "repeats.html.j2"])
def test_a_template_trusts_only_the_style_and_the_figures(template: str) -> None:
    text = Path(write_page.__code__.co_filename).with_name(template).read_text(encoding="utf-8")
    trusted = re.findall(r"\{\{([^}]*(?:\|\s*safe|svg\()[^}]*)\}\}", text)
    assert all("figure." in part or part.strip().startswith("' ") for part in trusted)


@pytest.mark.parametrize(
    ("defects", "sold_out", "bottleneck"),
    [
        pytest.param({}, (" s", "from T-0 to the last ticket"), "none", id="healthy"),
        pytest.param({"tickets": 590}, ("never", "tickets were left"), "none", id="some are left"),
        pytest.param({"tickets": 0}, ("never", "there were no tickets"), "none", id="none to go"),
        pytest.param({"no_t0": True}, ("never", "tickets were left"), "not named", id="no T-0"),
        pytest.param(
            {"without": ("ledger", "requests")}, ("not measured", "when"), "not named", id="lost"
        ),
        pytest.param(
            {"silent": (("kernel", 0.1, 3.0),)}, (" s", "from T-0"), "not named", id="unwatched"
        ),
        pytest.param({"clock_step_s": -3.0}, (" s", "from T-0"), "not named", id="a set clock"),
        pytest.param({"no_timestamps": True}, (" s", "from T-0"), "not named", id="untimed"),
    ],
)
def test_the_strip_says_no_more_than_the_verdict_knows(
    evidence_of: Callable[..., Evidence],
    defects: dict[str, Any],
    sold_out: tuple[str, str],
    bottleneck: str,
) -> None:
    evidence = evidence_of(**defects)
    strip = {number.label: number for number in key_numbers(evidence, judge(evidence))}
    after = strip["Sold out after"]
    assert after.value.endswith(sold_out[0])
    assert after.note.startswith(sold_out[1])
    assert strip["Bottleneck"].value == bottleneck


def test_few_purchases_are_said_to_be_few(evidence_of: Callable[..., Evidence]) -> None:
    evidence = evidence_of(students=200, tickets=60)
    verdict = judge(evidence)
    count = verdict.latency_ms[PURCHASE].count
    (buying,) = (n for n in key_numbers(evidence, verdict) if n.label == "Buying, p99")
    assert f"of {count} requests only" in buying.note
    assert f"(there were only {count})" in verdict.reasons[0]
    many = judge(evidence_of())
    assert "there were only" not in many.reasons[0]


def test_a_command_in_a_sentence_is_shown_as_code_and_nothing_in_it_is_obeyed() -> None:
    shown = sentence("stop it (`rehearse doctor` names <b> it), `<i>`, and `")
    assert shown == (
        "stop it (<code>rehearse doctor</code> names &lt;b&gt; it), <code>&lt;i&gt;</code>, and `"
    )
