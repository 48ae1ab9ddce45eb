"""A parsed report page: its tags, words and tables; and the runs that several tests show."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from dress_rehearsal.reports.page import write_page
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge

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

FIGURES = ("arrivals", "groups", "latency", "slowest", "spectrum", "pools", "generator")
"""Those of a run in which nothing failed; else there is `errors` too."""

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \"'&amp; </svg></pre>"


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
        if not {"style", "svg", "script"} & set(self._open):
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
