"""Handlebars, told in our template language."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.errors import Invalid
from caesura.domain.templates import compile_template
from caesura.http.autosend.handlebars import field_name, translate


def rendered(source: str, html: bool = False, **fields: Any) -> str:
    return compile_template(translate(source, "", html), "", html).render(fields)


@pytest.mark.parametrize(
    ("source", "fields", "text"),
    [
        ("Hi {{firstName}}!", {"first_name": "Kim"}, "Hi Kim!"),
        ("Hi {{ firstName }}!", {}, "Hi !"),
        ("{{contact.lastName}} {{customFields.orderId}}", {"last_name": "Lee", "order_id": 7}, "Lee 7"),
        ("{{#if vip}}gold{{else}}plain{{/if}}", {"vip": True}, "gold"),
        ("{{#if vip}}gold{{else}}plain{{/if}}", {}, "plain"),
        ("{{#unless vip}}plain{{/unless}}", {}, "plain"),
        ("{{#if a}}a{{else if b}}b{{else}}c{{/if}}", {"b": "1"}, "b"),
        ("a{{! a note }}b{{!-- {{another}} --}}c", {}, "abc"),
        ("{{#if a}}\nyes\n{{/if}}\nend", {"a": "1"}, "yes\nend"),
        ("x {{#if a}}yes{{/if}}\nend", {"a": "1"}, "x yes\nend"),
        ("{a|b} {% if x %} {# c #} }{ {{a}}", {"a": "1"}, "{a|b} {% if x %} {# c #} }{ 1"),
        (r"a \{ b \| c", {}, r"a \{ b \| c"),
    ],
)
def test_a_handlebars_text_renders_as_handlebars_would(source: str, fields: Any, text: str) -> None:
    assert rendered(source, **fields) == text


def test_styles_stay_as_they_are_and_values_are_escaped() -> None:
    page = "<style>a{color:red} @media{ {#b|c} }</style><p title='{{t}}'>{x|y} {{t}}</p>"
    assert rendered(page, html=True, t="<&'") == (
        "<style>a{color:red} @media{ {#b|c} }</style><p title='&lt;&amp;&#x27;'>{x|y} &lt;&amp;&#x27;</p>"
    )


@given(st.text(alphabet="{}|%#\\ ab\n-+<>'", max_size=30).filter(lambda text: "{{" not in text))
def test_a_text_without_tags_comes_out_as_it_is(text: str) -> None:
    assert rendered(text + "x") == text + "x"


@pytest.mark.parametrize(
    "source",
    ["{{{a}}}", "{{&a}}", "{{#each a}}b{{/each}}", "{{> part}}", "{{upper a}}", "{{#if (eq a b)}}c{{/if}}", "{{}}"],
)
def test_what_is_not_supported_is_refused(source: str) -> None:
    with pytest.raises(Invalid) as refused:
        translate(source, "/subject", html=False)
    assert (refused.value.code, refused.value.problems[0].pointer) == ("template_unsupported", "/subject")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("firstName", "first_name"), ("jobTitle", "job_title"), ("Order ID", "order_id"), ("HTMLBody", "html_body"),
     ("2nd", "field_2nd"), ("if", "if_"), ("snippet1", "snippet1"), ("é", "")],
)  # fmt: skip
def test_a_name_is_ours_in_snake_case(theirs: str, ours: str) -> None:
    assert field_name(theirs) == ours
