"""The text part that is made out of an HTML template."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesura.domain.html_text import Underivable, derive, plain
from caesura.domain.template_tree import Branch, Put, Spin, Text
from caesura.domain.templates import assemble, compile_template


def derived(html):
    source = compile_template(html, "/html", True)
    return assemble(derive(source.nodes), source.required, source.optional, False, source.scope, source.weight)


LETTER = """
<html><head><title>{{ title }}</title><style>p {color: {{ colour }}}</style></head>
<body>
  <div style="display:none">Preview {{ hidden }}</div>
  <p>Dear   {{ first_name }} &amp; team,</p>
  {% if company %}
  <p>How is <b>{{ company|upper }}</b> doing?</p>
  {% else %}
  <p>How are you?</p>
  {% endif %}
  <p>{Cheers|<i>Best</i> wishes}, see <a href="{{ site }}?a=1&amp;b={{ company|default('')|urlencode }}">our page</a>,
     <a href="{{ site }}">{{ site }}</a> or <a href="#top">above</a>.</p>
  <ul><li>one</li><li>{{ second }}{% if third %} and {{ third }}{% endif %}</li></ul>
</body></html>
"""


def test_variables_branches_links_and_spintax_stay_whole():
    fields = {
        "first_name": "<Jo>",
        "site": "https://x.example/",
        "second": "two",
        "title": "-",
        "colour": "-",
        "hidden": "-",
    }
    read = derived(LETTER)
    text = read.render({**fields, "company": "a & b", "third": "three"}, 1)
    assert text in {
        "Dear <Jo> & team,\n\nHow is A & B doing?\n\n"
        f"{farewell}, see our page <https://x.example/?a=1&b=a%20%26%20b>, https://x.example/ or above.\n\n"
        "  * one\n  * two and three\n"
        for farewell in ("Cheers", "Best wishes")
    }
    assert read.combinations == 2
    without = read.render(fields, 1)
    assert without.startswith("Dear <Jo> & team,\n\nHow are you?\n\n")
    assert without.endswith("  * one\n  * two\n")


def test_text_that_looks_like_a_tag_once_its_entities_are_decoded_stays_text():
    read = derived("<p>&#123;&#123; secret &#125;&#125; &#123;a|b&#125; &lbrace;% x %&rbrace; {{ name }}</p>")
    assert read.render({"name": "{a|b}"}) == "{{ secret }} {a|b} {% x %} {a|b}\n"


def test_the_html_and_its_text_choose_the_same_options():
    source = compile_template("<p>{red|green|blue} <b>{one|two}</b> {% if x %}{a|b}{% endif %}</p>", "/html", True)
    read = derived("<p>{red|green|blue} <b>{one|two}</b> {% if x %}{a|b}{% endif %}</p>")
    for seed in range(50):
        assert re.sub("<.*?>", "", source.render({"x": 1}, seed)) == read.render({"x": 1}, seed).strip()


def test_rows_of_a_table_keep_their_order_and_their_branch():
    read = derived(
        "<table><tr><td>A</td><td>{{ a }}</td></tr>{% if b %}<tr><td>B</td><td>{{ b }}</td></tr>{% endif %}"
        "<tr><th>C</th></tr></table>"
    )
    assert read.render({"a": "1", "b": "2"}) == "A 1\nB 2\nC\n"
    assert read.render({"a": "1"}) == "A 1\nC\n"


def test_one_of_several_images_only_html_gives_blank_text():
    assert derive(compile_template("<p><img src='{{ x }}'></p>", "/html", True).nodes) == (Text("\n"),)


@pytest.mark.parametrize(
    "html",
    [
        "{% if x %}<p>a</p><style>{% endif %}</style>",
        "<p>{% if x %}a</p><title>{% else %}</title>b{% endif %}",
        "<p>{a<title>|</title>b}",
        "<p>&#xF0000;v9&#xF0001;",
        "<p>&#xF0000;b0&#xF0001;{% if x %}{% endif %}",
    ],
)
def test_html_that_tears_a_branch_apart_is_refused(html):
    with pytest.raises(Underivable):
        derive(compile_template(html, "/html", True).nodes)


WORDS = st.sampled_from(["alpha ", "beta", " gamma", "<br>", "&amp; ", "<b>delta</b>", "<i> eps </i>"])
LEAVES = st.one_of(WORDS.map(Text), st.sampled_from(["v_a", "v_b", "v_c"]).map(Put))


def wrapped(inner):
    bodies = st.lists(inner, max_size=3).map(lambda nodes: tuple(node for group in nodes for node in group))
    tags = st.sampled_from(
        [("<p>", "</p>"), ("<div>", "</div>"), ("<ul><li>", "</ul>"), ("<span>", "</span>")]
        + [("<table><tr><td>", "</td></tr></table>"), ("<h1>", "</h1>"), ("<pre>", "</pre>")]
    )
    return st.one_of(
        st.tuples(tags, bodies).map(lambda both: (Text(both[0][0]), *both[1], Text(both[0][1]))),
        st.tuples(st.sampled_from(["v_a", "v_b", "v_c"]), bodies, bodies).map(
            lambda three: (Branch(((three[0], three[1]), (None, three[2]))),)
        ),
        st.tuples(st.integers(0, 3), bodies, bodies).map(lambda three: (Spin(three[0], three[1:]),)),
    )


TREES = st.recursive(LEAVES.map(lambda node: (node,)), wrapped, max_leaves=8)


@settings(max_examples=200)
@given(TREES, st.sets(st.sampled_from("abc")), st.integers())
def test_deriving_and_rendering_gives_the_letters_of_rendering_and_deriving(tree, present, seed):
    """Fields first and HTML to text after is the oracle: the same letters, whatever the tree."""
    names = frozenset("abc")
    fields = {name: f"value{name}" for name in present}
    html = assemble(tree, frozenset(), names, True, "body", 1).render(fields, seed)
    text = assemble(derive(tree), frozenset(), names, False, "body", 1).render(fields, seed)
    assert "".join(text.split()) == "".join(plain(html).split())
