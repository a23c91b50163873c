"""Where one is in an HTML source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.html_context import HtmlContext, Place


@pytest.mark.parametrize(
    ("html", "place"),
    [
        ("", Place.TEXT),
        ("a < b > c", Place.TEXT),
        ("<p", Place.TAG),
        ("<p class=", Place.TAG),
        ("a <", Place.TAG),
        ("</p", Place.TAG),
        ('<p class="', Place.DOUBLE),
        ('<p class="a > b', Place.DOUBLE),
        ("<p class='", Place.SINGLE),
        ("<p class='a\"' id=\"", Place.DOUBLE),
        ("<p class='a'>", Place.TEXT),
        ("<!-- a > ' \" <b>", Place.COMMENT),
        ("<!-- a -->", Place.TEXT),
        ("<!DOCTYPE html>", Place.TEXT),
        ("<style>", Place.STYLE),
        ("<STYLE media='>'>a > b { }", Place.STYLE),
        ("<style>a</style", Place.TAG),
        ("<style>a</sTyle >", Place.TEXT),
        ("<style>a</style></style>", Place.TEXT),
        ("<styled>", Place.TEXT),
        ("<script src='x'>a < b; '</p>'", Place.SCRIPT),
        ("<script>'</style>'", Place.SCRIPT),
        ("<script></script>", Place.TEXT),
    ],
)
def test_the_place_at_the_end(html, place):
    whole = HtmlContext()
    assert "".join(text for text, _ in whole.feed(html)) == html
    assert whole.place is place


def test_what_readers_cannot_see_is_told_apart():
    context = HtmlContext()
    pieces = [*context.feed("a<style>b"), *context.feed("c</style>d<!--e"), *context.feed("-->f<script>g</script>")]
    assert "".join(text for text, visible in pieces if visible) == "a<style>>d<!--f<script>>"
    assert "".join(text for text, visible in pieces if not visible) == "bc</stylee-->g</script"


@given(st.lists(st.sampled_from(["<", ">", "'", '"', "p", "<!--", "-->", "<style>", "</style>", " ", "/"])))
def test_nothing_is_lost(pieces):
    context = HtmlContext()
    for piece in pieces:
        assert "".join(text for text, _ in context.feed(piece)) == piece
