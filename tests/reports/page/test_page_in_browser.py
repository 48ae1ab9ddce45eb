"""The report in a real browser: it fits a desktop and a telephone, and asks nobody for anything."""

import json
import os
import re
import shutil
import subprocess

import pytest

from dress_rehearsal.reports.report import write_report
from tests.reports import synthetic_run

pytestmark = pytest.mark.servers

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
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
    "--virtual-time-budget=5000",
    "--dump-dom",
)
PROBE = """<!doctype html><body style="margin:0">
<iframe id=page src="{url}" style="width:{width}px;height:900px;border:0"></iframe>
<script>addEventListener('load', () => {{
  const page = document.getElementById('page').contentDocument, root = page.documentElement;
  const shown = [...page.querySelectorAll('figure svg')].filter(s => s.getClientRects().length);
  document.body.innerHTML = '<pre>' + JSON.stringify({{
    overflow: root.scrollWidth - root.clientWidth, figures: shown.length,
    scrolled: [...page.querySelectorAll('.scroll')]
      .filter(s => s.scrollWidth > s.clientWidth).map(s => s.ariaLabel),
    narrowest: Math.min(...shown.map(s => s.getBoundingClientRect().width)),
    title: page.title, asked: performance.getEntriesByType('resource')
      .map(e => e.name).filter(name => !name.startsWith('file:'))
  }}) + '</pre>';
}});</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    if BROWSER is None and not os.environ.get("REHEARSE_REQUIRE_BROWSER"):
        pytest.skip("no chromium on the PATH")
    run = synthetic_run.build_run(tmp_path_factory.mktemp("browser"), students=300, tickets=120)
    write_report(run)
    return run.path / "report.html"


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_the_screen(page, width, tmp_path):
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(url=page.as_uri(), width=width))
    assert BROWSER is not None, "a browser is required here: install chromium"
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", probe.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    seen = json.loads(re.search(r"<pre>(.*)</pre>", done.stdout)[1].replace("&amp;", "&"))
    assert seen["overflow"] == 0
    assert seen["scrolled"] == [], "a table is wider than the page"
    assert seen["figures"] == 5
    assert seen["narrowest"] > 0.75 * width
    assert seen["title"]
    assert seen["asked"] == []
