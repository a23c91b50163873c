"""Bodies: what a mail program decodes is what was put in, and every line is short and ASCII."""

import re
from email import message_from_bytes, policy

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from caesura.domain.mime import Base64Body, QuotedBody, boundary, multipart, part, quoted

ID = "<a@b.example>"

# Long and short, with everything that quoted-printable treats in a special way.
TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="ab =\t\n\r.", max_size=200),
    st.text(alphabet="aé=😀\n ", max_size=200),
    st.integers(60, 160).map("x".__mul__),
    st.integers(20, 60).map("=".__mul__),
    st.just("From here\n.\n..\n"),
)


def normal(text):
    """Line ends as the parser gives them back."""
    return re.sub("\r\n?", "\n", text)


def text_of(part):
    return part.get_content().replace("\r\n", "\n")


def assert_short_ascii_lines(body):
    assert body.isascii()
    assert b"\r" not in body.replace(b"\r\n", b"")
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert b"\0" not in body
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert not re.search(rb"[ \t]\r\n", body)


@settings(max_examples=300)
@given(st.lists(st.one_of(TEXTS, st.integers(0, 3)), max_size=9), st.lists(TEXTS, min_size=4, max_size=4))
@example([0], ["\ud7ff\uffff\U0010ffff\0", "", "", ""])
@example(["x" * 75, 0, "y"], ["=", "", "", ""])
@example(["x" * 74, 0, "é", 1], ["é", "\n", "", ""])
@example(["a ", 0, "\n b\t", 1], ["", "", "", ""])
def test_what_was_put_in_is_what_is_decoded(segments, values):
    # texts side by side are one literal, as they are in a template
    merged = []
    for segment in segments:
        if isinstance(segment, str) and merged and isinstance(merged[-1], str):
            merged[-1] += segment
        else:
            merged.append(segment)
    # a line end that is half in a text and half in a value would be two
    whole = "".join(normal(values[one]) if isinstance(one, int) else normal(one) for one in merged)
    for body in (QuotedBody(merged), Base64Body([normal(one) if isinstance(one, str) else one for one in merged])):
        filled = body.fill([normal(value) for value in values])
        assert_short_ascii_lines(filled)
        head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {body.encoding}\r\n\r\n"
        assert text_of(message_from_bytes(head.encode() + filled, policy=policy.default)) == whole


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain text\n" * 20, "quoted-printable"),
        ("Guten Tag und eine schöne Woche noch\n" * 20, "quoted-printable"),
        ("Добрый день, как дела?\n" * 20, "base64"),
        ("こんにちは\n" * 20, "base64"),
        ("", "quoted-printable"),
    ],
)
def test_the_shorter_encoding_is_taken(text, encoding):
    assert part("plain", [text]).body.encoding == encoding


def test_literal_text_is_encoded_once_and_not_per_message():
    one = part("plain", ["é" * 10 + "x" * 300, 0, "=" * 10])
    before = one.body.fill(["v"])
    assert before == one.body.fill(["v"])
    assert before.count(b"=C3=A9") == 10
    assert before.endswith(b"v=\r\n" + b"=3D" * 10)


@pytest.mark.parametrize(
    "value", ["Anna", "x=y", "ends in space ", "é", "two\nlines", "two\r\nlines\r", "\tx", "", "a" * 300]
)
def test_a_value_is_quoted_without_soft_breaks(value):
    assert b"=\r\n" not in quoted(value)
    assert b"=\n" not in quoted(value)
    assert not re.search(rb"[ \t](\r\n|$)", quoted(value))


@given(st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3))
def test_an_alternative_holds_both_parts_whatever_is_in_them(texts, htmls):
    line = boundary(ID).decode()
    texts, htmls = [f"--{line}\n", *texts], [*htmls, f"\n--{line}--\n"]
    values = [normal(text) for text in (*texts, *htmls)]
    segments = range(len(values))
    body = multipart([part("plain", segments[: len(texts)]), part("html", segments[len(texts) :])], values, ID)
    read = message_from_bytes(body, policy=policy.default)
    assert not read.defects
    assert read.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in read.iter_parts()] == ["text/plain", "text/html"]
    plain, html = read.iter_parts()
    assert text_of(plain) == "".join(values[: len(texts)])
    assert text_of(html) == "".join(values[len(texts) :])


def test_a_boundary_is_of_the_message_and_in_no_encoding():
    assert boundary(ID) == boundary(ID) != boundary("<c@d.example>")
    assert boundary(ID).startswith(b"=_")  # not quoted-printable, not base64
    assert len(boundary(ID)) <= 70
