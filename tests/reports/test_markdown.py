"""What is written into Markdown is read there as it is, and is readable where nobody renders it."""

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dress_rehearsal.reports.markdown import escaped, markdown_table, plain

RENDERED = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SPECIAL = "_*[]()^:!|~`\\ ax1"


def rendered(text: str) -> tuple[str, set[str]]:
    """Return a list's entry as it is shown, and the kinds of what is in it beside text."""
    tokens = RENDERED.parse(f"- is {text}\n- is {text}\n")
    inline = next(token for token in tokens if token.type == "inline")
    kinds = {child.type for child in inline.children or ()} - {"text", "text_special"}
    shown = "".join(
        f"`{child.content}`" if child.type == "code_inline" else child.content
        for child in inline.children or ()
    )
    return shown.removeprefix("is").removeprefix(" "), kinds


def test_the_names_of_numbers_need_no_escape() -> None:
    for name in ("latency_ms[POST /events/{event}/tickets].p99", "census.in_flight", "a_b"):
        assert escaped(name) == name


@given(st.text(alphabet=SPECIAL, max_size=12))
@example("[x](http://e)")
@example("[x]: http://e")
@example("_a_")
@example("a__b__")
@example("![i](x)")
@example("`a``x`")
@example("a`x_`b")
def test_nothing_in_it_means_anything_but_code(text: str) -> None:
    line = " ".join(text.split())
    shown, kinds = rendered(escaped(text))
    assert shown == line
    assert kinds <= {"code_inline"}
    assert plain(escaped(text)) == line


def test_a_command_in_a_sentence_is_code() -> None:
    assert escaped("`rehearse plan_check` names <it>.") == "`rehearse plan_check` names &lt;it&gt;."
    assert rendered(escaped("see `a_b`."))[1] == {"code_inline"}


def test_the_sign_of_a_limit_is_read_where_nobody_renders_it() -> None:
    """`&lt;= 8s` stood in a summary that was read as text."""
    for text in ("the limit is <= 8s.", "a < 5", "at least >= 90%", "b > 5"):
        assert escaped(text) == text
        assert rendered(escaped(text)) == (text, set())
    assert escaped("<b>, <!-- and ></b>") == "&lt;b&gt;, &lt;!-- and &gt;&lt;/b&gt;"
    assert escaped(">= 90%").startswith("&gt;"), "it would begin a quotation"
    (row,) = markdown_table(("limit",), [(">= 90%",)]).splitlines()[2:]
    assert row == "| >= 90% |"
