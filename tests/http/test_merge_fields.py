"""A vendor's text in our template language: its tokens are filled, and everything else comes out as it was."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.template_expressions import RESERVED
from caesura.domain.template_tree import FORBIDDEN_CHARACTERS
from caesura.domain.templates import compile_template
from caesura.http.merge_fields import MergeField, field_name, translated

TOKEN = re.compile(r"\{\{\s*([A-Za-z]\w*)\s*(?:\|\s*\"([^\"]*)\"\s*)?\}\}", re.ASCII)

# What means something to Jinja, to spintax, to HTML or to the fences around templates.
SIGNS = st.sampled_from(
    [
        *string.printable[:-2],
        *("{{", "}}", "{%", "%}", "{#", "#}", "{a|b}", "{", "}", "|", "\\", "\\{", "\\|", "{{{", "}}}", "\n", "\r\n"),
        *("{% raw %}", "{% endraw %}", "{%- endraw -%}", "{%+endraw+%}", "{% if x %}", "{{ 1 }}", "{{x", '"', "'"),
        *("( " * 35, "((", "ü", "€", "\U0001f600", " \n", "\n\n", "  {%", "{{first name}}", "{{ü}}"),
    ]
)
TEXTS = st.lists(SIGNS | st.text(max_size=5), max_size=30).map("".join).filter(lambda text: not unusable(text))
MARKUP = st.sampled_from(
    ["<p>", "</p>", "<style>a{b:c}", "</style>", "<!--", "-->", '<a href="', "'", '">', "<b title='", "<", "<script>"]
)
HTML = st.lists(SIGNS | MARKUP, max_size=30).map("".join).filter(lambda text: not unusable(text))


def unusable(text: str) -> bool:
    """No template may hold it, whoever wrote it."""
    return FORBIDDEN_CHARACTERS.search(text) is not None


def meaning(found: re.Match[str]) -> MergeField:
    return MergeField(field_name(found[1]), found[2] or "")


def rendered(source: str, *, html: bool = False, **fields: str) -> str:
    written = translated(source, TOKEN, meaning, html)
    return compile_template(written, "", autoescape=html).render(fields)


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(TEXTS)
def test_text_without_tokens_comes_out_unchanged(text: str) -> None:
    assert rendered(text) == lines(TOKEN.sub("", text))


@given(HTML)
def test_html_without_tokens_comes_out_unchanged(text: str) -> None:
    plain = TOKEN.sub("", text)
    written = translated(plain, re.compile(r"(?!)"), meaning, html=True)
    assert compile_template(written, "", autoescape=True).render({}) == lines(plain)


@given(TEXTS, TEXTS, st.booleans())
def test_a_token_is_filled_whatever_stands_before_and_behind_it(before: str, after: str, has_value: bool) -> None:
    whole = f"{before}{{{{firstName}}}}{after}"
    expected = TOKEN.sub(lambda found: "Ada" if has_value and found[1] == "firstName" else found[2] or "", whole)
    assert rendered(whole, **({"first_name": "Ada"} if has_value else {})) == lines(expected)


@given(HTML.filter(lambda text: "<" not in text), HTML.filter(lambda text: "<" not in text))
def test_a_token_in_html_is_filled_and_escaped_whatever_stands_around_it(before: str, after: str) -> None:
    whole = f"{before}{{{{firstName}}}}{after}"
    expected = TOKEN.sub(lambda found: "A&amp;B" if found[1] == "firstName" else found[2] or "", whole)
    assert rendered(whole, html=True, first_name="A&B") == lines(expected)


@given(TEXTS.filter(lambda text: '"' not in text and "\r" not in text and text.strip() and len(text) < 2_000))
def test_a_missing_value_renders_as_the_text_that_the_token_gives(missing: str) -> None:
    assert rendered(f'Hi {{{{firstName|"{missing}"}}}}!') == f"Hi {missing}!"


@given(TEXTS.filter(lambda text: "\r" not in text and len(text) < 2_000))
def test_a_missing_text_may_hold_anything(missing: str) -> None:
    source = translated("Hi {{x}}!", TOKEN, lambda found: MergeField("x", missing), html=False)
    assert compile_template(source, "", autoescape=False).render({}) == f"Hi {missing}!"


@pytest.mark.parametrize("value", [None, "", " "])
def test_a_missing_or_blank_value_renders_as_nothing_when_the_vendor_says_so(value: str | None) -> None:
    fields = {} if value is None else {"first_name": value}
    assert rendered("Hi {{firstName}}!", **fields) == "Hi !"


@pytest.mark.parametrize(
    "text",
    [
        "{% if a %}x{% endif %}",
        "{# note #}",
        "{a|b}",
        "}}",
        '"',
        "{% raw %}{{ 1 }}{% endraw %}",
        "{{firstName",
        "{{ü}}",
        "{%\n  {{firstName}}",
        r"\|",
        r"\{\\",
    ],
)
def test_what_means_something_here_is_only_text(text: str) -> None:
    expected = f"a {text.replace('{{firstName}}', '')} b"
    assert rendered(f"a {text} b") == expected
    assert rendered(f"a {text} b", html=True) == expected


def test_styles_and_comments_keep_their_braces() -> None:
    page = "<style>p{{x|y}} a{#b{c:d}}</style><!-- {a|b} {% c %} --><p>{e|f} {{firstName}}</p>"
    unfilled = page.replace("{{firstName}}", "")
    assert rendered(page, html=True, first_name="Ada") == f"{unfilled.removesuffix('</p>')}Ada</p>"


def test_a_brace_before_a_token_stays_a_brace() -> None:
    assert rendered("{{{firstName}}}", first_name="Ada") == "{Ada}"


def test_a_name_that_means_nothing_is_text_when_the_door_says_so() -> None:
    source = translated("{{other}}", TOKEN, lambda found: None, html=False)
    assert compile_template(source, "", autoescape=False).render({}) == "{{other}}"


def test_a_name_that_no_lead_can_have_renders_as_missing() -> None:
    source = translated("[{{a}}{{b}}]", TOKEN, lambda found: MergeField(None, found[1] * (found[1] == "b")), html=False)
    assert compile_template(source, "", autoescape=False).render({"a": "1"}) == "[b]"


def test_a_campaign_that_needs_nothing_of_its_leads_holds_none() -> None:
    source = translated("{{firstName}} {{not}}", TOKEN, meaning, html=False)
    assert not compile_template(source, "", autoescape=False).required


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("firstName", "first_name"),
        ("FIRST_NAME", "first_name"),
        ("First Name", "first_name"),
        ("first-name", "first_name"),
        ("linkedinURL", "linkedin_url"),
        ("URLOfSite", "url_of_site"),
        ("snippet15", "snippet15"),
        ("jobTitle", "job_title"),
        ("email", "email"),
        ("_hidden_", "hidden"),
        ("1stLine", "field_1st_line"),
        ("not", "not_"),
        ("Größe", "gr_e"),
        ("日本", None),
        ("", None),
    ],
)
def test_names_of_fields_are_ours(text: str, name: str | None) -> None:
    assert field_name(text) == name


@given(st.text(max_size=100) | st.sampled_from([*sorted(RESERVED), "and", "True", "none", "IF", "x" * 64, "1" * 80]))
def test_every_name_can_be_used_in_a_template(text: str) -> None:
    name = field_name(text)
    if name is not None:
        assert compile_template(f"{{{{ {name} }}}}", "", autoescape=False).render({name: "1"}) == "1"
        assert field_name(name) == name
