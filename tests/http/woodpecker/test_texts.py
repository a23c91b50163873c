"""The vendor's tokens in our template language."""

import pytest

from caesura.http.door import Refusal
from caesura.http.woodpecker.texts import template


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ("Hi {{FIRST_NAME}}", "Hi {{ first_name }}"),
        ('Hi {{FIRST_NAME | "there"}}', 'Hi {{ first_name | default("there") }}'),
        ('Hi {{ FIRST_NAME|"there" }}', 'Hi {{ first_name | default("there") }}'),
        ("{{SNIPPET_1}} {{SNIPPET_15}} {{SNIPPET2}}", "{{ snippet1 }} {{ snippet15 }} {{ snippet2 }}"),
        ("{{TITLE}} {{LINKEDIN_URL}}", "{{ job_title }} {{ linkedin_url }}"),
        ('{{SPINTAX | "Hi" | "Hello"}} you', "{Hi|Hello} you"),
        ('{{SPINTAX | "Hi"}} you', "Hi you"),
        ("{{UNSUBSCRIBE}}", "{{ unsubscribe_url }}"),
        ("{{first_name}} stays", None),
        ("one {brace} stays", r"one \{brace\} stays"),
    ],
)
def test_each_token(source: str, ours: str | None) -> None:
    if ours is None:
        assert "{{ first_name }}" not in template(source, False)
    else:
        assert template(source, False) == ours


def test_quotes_may_be_entities_in_html() -> None:
    assert template("{{FIRST_NAME | &quot;there&quot;}}", True) == '{{ first_name | default("there") }}'


def test_a_click_is_the_link_itself() -> None:
    assert "https://example.com/a?b=1" in template("{{CLICK=https://example.com/a?b=1}}", False)


def test_tokens_inside_spintax_are_not_supported() -> None:
    with pytest.raises(Refusal):
        template('{{SPINTAX | "Hi {{FIRST_NAME}}" | "Hello"}}', False)
