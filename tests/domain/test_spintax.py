"""Spintax: parsing at save time, choosing by hash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain import spintax
from caesura.domain.errors import Invalid
from caesura.domain.spintax import Atom, Group, Run, choose, combinations, parse


def of(source):
    return parse([Run(source)], "/body")


def refusal(source):
    with pytest.raises(Invalid) as caught:
        of(source)
    (problem,) = caught.value.problems
    assert problem.pointer == "/body"
    return problem


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("Hi", {"Hi"}),
        ("", {""}),
        ("{Hi|Hello}", {"Hi", "Hello"}),
        ("{Hi|Hello} {you|there}", {"Hi you", "Hi there", "Hello you", "Hello there"}),
        ("{a|{b|c}d}", {"a", "bd", "cd"}),
        ("{|yes}", {"", "yes"}),
        ("p { color: red }", {"p { color: red }"}),
        ("{{a|b}}", {"{a}", "{b}"}),
        ("{}", {"{}"}),
        ("a|b", {"a|b"}),
        (r"\{a\|b\}", {"{a|b}"}),
        (r"{a\|b|c}", {"a|b", "c"}),
        (r"C:\dir \\ {x\\|y}", {r"C:\dir \\ {x\|y}"}),
    ],
)
def test_every_option_is_reached_and_nothing_else(source, texts):
    parsed = of(source)
    assert {choose(parsed, seed) for seed in range(200)} == texts


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("{a|b", "spintax_unbalanced", 1),
        ("one\ntwo {a|b\nthree", "spintax_unbalanced", 2),
        ("a}", "spintax_unbalanced", 1),
        ("{a|b}\n\n}", "spintax_unbalanced", 3),
        (r"{a|b\}", "spintax_unbalanced", 1),
        ("{" * 9 + "a|b" + "}" * 9, "spintax_too_deep", 1),
        ("{" + "a|" * 100 + "b}", "spintax_too_many", 1),
    ],
)
def test_a_broken_group_is_refused_with_its_line(source, code, line):
    problem = refusal(source)
    assert (problem.code, problem.line) == (code, line)


def test_eight_braces_deep_is_allowed():
    assert combinations(of("{" * 8 + "a|b" + "}" * 8)) == 2


def test_atoms_are_carried_along_and_never_read():
    parsed = parse([Run("{Hi "), Atom("{x|y}"), Run("|Hello}")])
    assert parsed == (Group(0, (("Hi ", Atom("{x|y}")), ("Hello",))),)
    assert {choose(parsed, seed) for seed in range(50)} == {"Hi {x|y}", "Hello"}


def test_groups_with_the_same_options_do_not_always_agree():
    parsed = of("{a|b}{a|b}")
    assert {choose(parsed, seed) for seed in range(100)} == {"aa", "ab", "ba", "bb"}


def test_the_choice_is_the_same_for_ever():
    parsed = of("{a|b|c|d|e|f|g|h}" * 8)
    assert [choose(parsed, 1, "campaign", lead) for lead in range(3)] == ["cdheefcb", "hcgdbggf", "fdaffaaf"]


def test_options_are_drawn_about_equally_often():
    drawn = [spintax.draw(spintax.seal(1, lead), 0) % 3 for lead in range(3_000)]
    assert all(900 < drawn.count(option) < 1_100 for option in range(3))


def test_a_scope_makes_independent_draws():
    seeds = [spintax.seal(lead) for lead in range(200)]
    same = sum(spintax.draw(seed, 0, "subject") % 2 == spintax.draw(seed, 0, "body") % 2 for seed in seeds)
    assert 70 < same < 130


def test_a_hostile_source_is_read_in_linear_time():
    assert combinations(of("\\{" * 200_000)) == 1
    assert choose(of("{a}" * 100_000)) == "{a}" * 100_000


WORDS = st.lists(st.sampled_from(["a", "b ", "\n", "{c}", r"\{", r"\|", r"\}"]), max_size=4).map("".join)
GROUPS = st.recursive(
    WORDS,
    lambda inner: st.lists(st.lists(inner, max_size=2).map("".join), min_size=2, max_size=3).map(
        lambda options: "{" + "|".join(options) + "}"
    ),
    max_leaves=6,
)


def every_text(pieces):
    texts = [""]
    for piece in pieces:
        more = (
            [text for option in piece.options for text in every_text(option)] if isinstance(piece, Group) else [piece]
        )
        texts = [text + end for text in texts for end in more]
    return texts


@given(st.lists(GROUPS, max_size=3).map("".join), st.tuples(st.integers(), st.text(max_size=5)))
def test_what_is_chosen_is_one_of_the_combinations_and_repeats(source, seed):
    parsed = of(source)
    texts = every_text(parsed)
    assert len(texts) == combinations(parsed)
    assert choose(parsed, *seed) in texts
    assert choose(parsed, *seed) == choose(of(source), *seed)


@given(st.text(max_size=40))
def test_any_text_is_either_read_or_refused_with_a_place(source):
    try:
        choose(of(source), 1)
    except Invalid as error:
        assert error.code.startswith("spintax_")
        assert error.problems[0].line


@given(st.text(max_size=40))
def test_an_escaped_text_comes_out_as_it_was(text):
    text = text.replace("\\", "/")
    escaped = "".join(f"\\{sign}" if sign in "{}|" else sign for sign in text)
    assert choose(of(escaped)) == text
