"""The report in a real browser: it fits a desktop and a telephone, sorts, points, asks nobody."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest

from dress_rehearsal.reports.page import templates
from dress_rehearsal.reports.page.tables.table import Cell, Table, row
from dress_rehearsal.reports.report import write_report
from tests.reports import synthetic_run

pytestmark = pytest.mark.servers

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
REQUIRED = bool(os.environ.get("REHEARSE_REQUIRE_BROWSER"))
AXE = Path(__file__).with_name("axe") / "node_modules/axe-core/axe.min.js"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--virtual-time-budget=20000",
    "--dump-dom",
)
PROBE = """<!doctype html><body style="margin:0">
<iframe id=page src="{url}" style="width:{width}px;height:900px;border:0"></iframe>
<script>addEventListener('load', () => {{
  const page = document.getElementById('page').contentDocument, root = page.documentElement;
  const shown = [...page.querySelectorAll('figure svg')].filter(s => s.getClientRects().length);
  const gates = page.getElementById('first-gates').getBoundingClientRect();
  document.body.innerHTML = '<pre>' + JSON.stringify({{
    overflow: root.scrollWidth - root.clientWidth, figures: shown.length,
    scrolled: [...page.querySelectorAll('.scroll')]
      .filter(s => s.scrollWidth > s.clientWidth).map(s => s.ariaLabel),
    narrowest: Math.min(...shown.map(s => s.getBoundingClientRect().width)),
    captions: Math.min(...[...page.querySelectorAll('caption, figcaption')]
      .map(s => parseFloat(getComputedStyle(s).fontSize))),
    gates: gates.bottom, buttons: page.querySelectorAll('thead button').length,
    title: page.title, asked: performance.getEntriesByType('resource')
      .map(e => e.name).filter(name => !name.startsWith('file:'))
  }}) + '</pre>';
}});</script>"""


def saying(script, what):
    """Return a script that has the page say something in the end, and nothing else."""
    told = f"JSON.stringify({what}).replaceAll('<', '(')"
    return script.replace("SAY", f"document.body.innerHTML = '<pre>' + {told} + '</pre>';")


CHECKED = saying(
    """addEventListener('load', async () => {
  const found = await axe.run(document, { resultTypes: ['violations'] });
  const grave = found.violations.filter(each => ['serious', 'critical'].includes(each.impact));
  SAY
});""",
    "grave.map(each => [each.id, each.help, each.nodes.slice(0, 3).map(node => node.target)])",
)
USED = saying(
    """addEventListener('load', () => {
  const table = document.getElementById('by-journey'), head = table.tHead.rows[0].cells[1];
  const column = () => [...table.tBodies[0].rows].map(row => row.cells[1].textContent);
  const states = [], button = head.querySelector('button');
  let said = '';
  for (const _ of [1, 2, 3, 4]) {
    states.push([head.getAttribute('aria-sort'), column()]);
    button.click();
    said += document.querySelector('#by-journey ~ .said').textContent + '; ';
  }
  button.focus();
  const svg = [...document.querySelectorAll('#latency svg')].find(s => s.getClientRects().length);
  const seen = svg.getBoundingClientRect(), axis = JSON.parse(svg.dataset.axes)[0];
  const box = svg.viewBox.baseVal, x = (axis[0] + axis[1]) / 2, y = (axis[2] + axis[3]) / 2;
  svg.dispatchEvent(new PointerEvent('pointermove', {
    clientX: seen.left + (x - box.x) * seen.width / box.width,
    clientY: seen.top + (y - box.y) * seen.height / box.height, bubbles: true }));
  const crossed = [...document.querySelectorAll('.crosshair line')].map(
    line => line.closest('figure').id);
  const words = [...document.querySelectorAll('.crosshair text')].map(text => text.textContent);
  svg.dispatchEvent(new PointerEvent('pointerleave', { bubbles: true }));
  const left = document.querySelectorAll('.crosshair line').length;
  const pressed = [];
  for (const key of ['End', 'ArrowLeft', 'Home', 'ArrowLeft', 'Escape']) {
    svg.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    const line = svg.querySelector('.crosshair line');
    pressed.push(line && Number(line.getAttribute('x1')));
  }
  const ends = [axis[1], axis[1] - (axis[1] - axis[0]) / 100, axis[0], axis[0], null];
  const reached = svg.getAttribute('tabindex');
  const focused = document.activeElement.textContent, middle = (axis[4] + axis[5]) / 2;
  SAY
});""",
    "({ states, crossed, words, left, said, focused, middle, pressed, ends, reached })",
)


PRINTED = saying(
    """addEventListener('load', () => {
  const folded = [...document.querySelectorAll('details')].map(each => [
    each.querySelector('summary').textContent.trim(),
    each.querySelector('summary ~ *').checkVisibility({ contentVisibilityAuto: true })
      && each.getBoundingClientRect().height
        > each.querySelector('summary').getBoundingClientRect().height + 25]);
  const figures = [...document.querySelectorAll('figure')].map(each => [each.id,
    Math.max(...[...each.querySelectorAll('svg')].map(
      svg => svg.getBoundingClientRect().height))]);
  const contents = document.querySelector('.contents').getBoundingClientRect().height;
  SAY
});""",
    "({ folded, figures, contents })",
)
SORTED = saying(
    """addEventListener('load', () => {
  const found = {};
  for (const head of document.querySelectorAll('#seeded thead th')) {
    const column = head.cellIndex, name = head.textContent, button = head.querySelector('button');
    const seen = () => [...document.getElementById('seeded').tBodies[0].rows]
      .map(row => row.cells[column].textContent.trim());
    button.click();
    const first = head.getAttribute('aria-sort'), one = seen();
    button.click();
    found[name] = first === 'ascending' ? [one, seen()] : [seen(), one];
    button.click();
  }
  const moments = document.querySelector('#timeline thead button');
  moments.click();
  const told = [...document.querySelectorAll('#timeline tbody th')].map(th => th.dataset.sort);
  SAY
});""",
    "({ found, told })",
)
SEEDED = {
    "Count": ["86", "1,200", "9", "— (only 86 requests)", "—"],
    "Margin": [
        Cell("79.9% under the limit", sort=-0.799),
        Cell("38% over the limit", sort=0.38),
        Cell("3.2 × the limit", sort=2.2),
        Cell("exactly at the limit", sort=0),
        "—",
    ],
    "When": ["T-0 + 3 s", "T-0 − 12 s", "T-0", "T-0 − 3 s", "—"],
    "p": ["1e-05", "0.04", "0.003", "2", "—"],
    "Name": ["run 10", "run 9", "alpha", "— none", "—"],
}
"""Cells of a column as they stand on a page; of each, two are sorted last or one is."""
IN_ORDER = {
    "Count": ["9", "86", "1,200", "— (only 86 requests)", "—"],
    "Margin": [
        "79.9% under the limit",
        "exactly at the limit",
        "38% over the limit",
        "3.2 × the limit",
        "—",
    ],
    "When": ["T-0 − 12 s", "T-0 − 3 s", "T-0", "T-0 + 3 s", "—"],
    "p": ["1e-05", "0.003", "0.04", "2", "—"],
    "Name": ["alpha", "run 9", "run 10", "— none", "—"],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    if BROWSER is None and not REQUIRED:
        pytest.skip("no chromium on the PATH")
    arguments = {"students": 300, "tickets": 120, "failed": 5, "pool_exhausted": True}
    run = synthetic_run.build_run(tmp_path_factory.mktemp("browser"), **arguments)
    write_report(run)
    return run.path / "report.html"


def opened(path, folder, *flags):
    """Open a page in a window of its own, and return what it says in the end."""
    assert BROWSER is not None, "a browser is required here: install chromium"
    done = subprocess.run(
        [BROWSER, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    found = re.search(r"<pre>(.*)</pre>", done.stdout, re.DOTALL)
    return json.loads(found[1].replace("&amp;", "&").replace("&gt;", ">"))


def with_scripts(page, folder, *scripts):
    """Write a copy of the page that lets other scripts run than its own."""
    text = page.read_text("utf-8")
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    assert bare != text
    added = "".join(f"<script>{script}</script>" for script in scripts)
    copy = folder / "copy.html"
    copy.write_text(bare.replace("</body>", f"{added}</body>"), "utf-8")
    return copy


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_the_screen(page, width, tmp_path):
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(url=page.as_uri(), width=width))
    seen = opened(probe, tmp_path)
    assert seen["overflow"] == 0
    assert seen["scrolled"] == [], "a table is wider than the page"
    assert seen["figures"] == 8
    assert seen["narrowest"] > 0.75 * width
    assert seen["captions"] >= 13, "in px"
    assert seen["buttons"] > 20, "the page's own script runs under its own policy"
    if width == 1280:
        assert seen["gates"] <= 800, "the gates stand on the first screen"
    assert seen["title"]
    assert seen["asked"] == []


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(page, tmp_path, dark):
    if not AXE.exists() and not REQUIRED:
        pytest.skip("axe-core is not installed: `make axe` does")
    copy = with_scripts(page, tmp_path, AXE.read_text("utf-8"), CHECKED)
    scheme = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    assert opened(copy, tmp_path, *scheme) == []


@pytest.mark.parametrize("printed", [True, False])
def test_on_paper_whatever_is_folded_is_there_and_two_figures_fit_a_sheet(page, tmp_path, printed):
    """Printed to paper nothing can be opened; its rules are tried here as those of any medium."""
    copy = with_scripts(page, tmp_path, PRINTED)
    text = copy.read_text("utf-8")
    assert "@media print {" in text
    if printed:
        copy.write_text(text.replace("@media print {", "@media all {"), "utf-8")
    seen = opened(copy, tmp_path)
    assert {"The resolved plan", "Glossary"} <= {title for title, _ in seen["folded"]}
    for title, is_seen in seen["folded"]:
        next_steps = title.startswith("Commands that answer what one run cannot")
        assert is_seen == (printed or next_steps), f"{title}: what next is open from the start"
    if printed:
        assert seen["contents"] == 0, "nobody follows a link on paper"
        assert len(seen["figures"]) == 8
        heights = [height for name, height in seen["figures"] if name != "pools"]
        assert max(heights) <= 94 / 25.4 * 96 + 1


def test_a_column_is_sorted_by_its_button_and_back_again(page, tmp_path):
    seen = opened(with_scripts(page, tmp_path, USED), tmp_path)
    orders, columns = zip(*seen["states"], strict=True)
    assert orders == (None, "descending", "ascending", None)
    numbers = [[int(text.replace(",", "")) for text in column] for column in columns]
    assert numbers[1] == sorted(numbers[0], reverse=True)
    assert numbers[2] == sorted(numbers[0])
    assert numbers[3] == numbers[0]
    assert seen["focused"] == "Students"
    orders = "Sorted by Students, descending; Sorted by Students, ascending; "
    assert seen["said"].startswith(orders)


def test_one_moment_is_pointed_at_in_every_figure_with_an_axis_of_time(page, tmp_path):
    seen = opened(with_scripts(page, tmp_path, USED), tmp_path)
    assert {"errors", "latency", "pools", "generator"} <= set(seen["crossed"])
    assert not {"spectrum", "groups", "slowest"} & set(seen["crossed"])
    (words,) = seen["words"]
    assert words.startswith("T-0")
    pointed = float(re.search(r"[\d.]+(?= s)", words)[0])
    assert abs(pointed - abs(seen["middle"])) < 0.2
    assert seen["left"] == 0, "it goes when the pointer does"
    assert seen["reached"] == "0"
    for pressed, end in zip(seen["pressed"], seen["ends"], strict=True):
        assert pressed == (end if end is None else pytest.approx(end, abs=0.01))


def test_each_kind_of_cell_is_sorted_by_what_it_says_and_dashes_go_last(page, tmp_path):
    columns = [(name, "text" if name == "Name" else "number") for name in SEEDED]
    rows = [row(*cells) for cells in zip(*SEEDED.values(), strict=True)]
    table = Table("seeded", "Seeded", columns, rows)
    loader = jinja2.FileSystemLoader(Path(templates.__file__).parent)
    macros = jinja2.Environment(loader=loader, autoescape=True)
    macros.filters["breakable"] = templates.breakable
    shown = macros.get_template("tables.html.j2").module.show(table)
    copy = with_scripts(page, tmp_path, SORTED)
    copy.write_text(copy.read_text("utf-8").replace("</main>", f"{shown}</main>"), "utf-8")
    seen = opened(copy, tmp_path)
    for name, expected in IN_ORDER.items():
        ascending, descending = seen["found"][name]
        dashes = sum(text.startswith("—") for text in expected)
        assert ascending == expected
        assert descending == expected[:-dashes][::-1] + expected[-dashes:]
    moments = [float(moment) for moment in seen["told"] if moment is not None]
    assert len(moments) > 3
    assert moments == sorted(moments)
