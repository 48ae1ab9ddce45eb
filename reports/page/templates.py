"""The templates of pages: one style, everything escaped, nothing asked of anybody else."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup, escape

from dress_rehearsal.plans.visible import visible

_HERE: Final = Path(__file__).parent
_NAME: Final = "(g(?:-[A-Za-z]+)?-[0-9a-f]+)"
"""What a letter's outline is called, behind its figure's own key: its font's, and its number."""
_GLYPH: Final = re.compile(rf'<path id="[\w-]+?-{_NAME}"( [^>]*)/>')
_LETTER: Final = re.compile(rf'href="#[\w-]+?-{_NAME}"')


def rendered(template: str, **values: Any) -> str:
    """Return a page; the same values give the same bytes.

    Args:
        template: its file beside this one.
        values: what it is about; a name it asks for and does not get is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["sentence"] = sentence
    css, script = (
        Markup((_HERE / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file
        for name in ("page.css", "page.js")
    )
    own = {"css": css, "script": script, "script_hash": _hash_of(f"\n{script}\n")}
    return visible(_with_shared_glyphs(environment.get_template(template).render(**own, **values)))


def _with_shared_glyphs(page: str) -> str:
    """Return a page whose figures have the outline of each letter once, not once a figure."""
    glyphs: dict[str, str] = {}

    def taken(match: "re.Match[str]") -> str:
        glyphs.setdefault(match[1], match[2])
        return ""

    page = _LETTER.sub(r'href="#\1"', _GLYPH.sub(taken, page).replace("<defs></defs>", ""))
    if not glyphs:
        return page
    outlines = "".join(f'<path id="{name}"{drawn}/>' for name, drawn in sorted(glyphs.items()))
    shared = f'<svg class="glyphs" aria-hidden="true"><defs>{outlines}</defs></svg>'
    return page.replace("<body>", f"<body>\n{shared}", 1)


def _hash_of(script: str) -> str:
    """Return what a Content-Security-Policy names a script of the page by: no other may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def breakable(text: str) -> Markup:
    """Return a name escaped that may break after its slashes and underscores."""
    return Markup(re.sub("([/_])", r"\1<wbr>", str(escape(text))))  # noqa: S704 - escaped


def sentence(text: str) -> Markup:
    """Return a sentence escaped, with what stands in backticks as code."""
    coded = re.sub("`([^`\n]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(coded)  # noqa: S704 - escaped
