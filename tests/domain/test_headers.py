"""Header fields: what a mail program reads is what was meant, and nothing gets a line of its own."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from caesura.domain import headers
from caesura.domain.errors import Invalid
from caesura.domain.unsendable import HeaderInjection

LINES = st.text(max_size=200).map(lambda text: re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", "", text))
CONTROLS = [
    *map(chr, range(0x20)),
    "\x7f",
    "\x80",
    "\x85",
    "\x9f",
    "\u2028",
    "\u2029",
    "\r\n",
    "\r\nBcc: x@y.example\r\n",
]


def parsed(field):
    assert field.endswith("\r\n")
    assert field.isascii()
    assert max(map(len, field.split("\r\n"))) <= 998
    assert all(line.startswith(" ") for line in field.split("\r\n")[1:-1])
    message = message_from_bytes(field.encode() + b"\r\nbody", policy=policy.default)
    assert len(message.items()) == 1
    assert not message.defects
    return message


@given(LINES)
@example("plain")
@example("=?utf-8?q?not_meant?=")
@example("two  spaces")
@example("x" * 900)
@example("word " * 150 + "end")
@example("ends with a = sign: 100%?=")
@example("😀" * 200)
@example("é " * 200)
def test_a_text_field_is_read_as_it_was_meant(value):
    value = value.strip()
    assert parsed(headers.text("Subject", value))["Subject"].strip() == value


@given(st.text(min_size=1, max_size=300).map(lambda text: re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", "é", text)))
@example("a" * 47 + "😀" + "a" * 99)
@example("é" * 17 + "😀" + "é" * 99)
def test_encoded_lines_keep_to_76_columns(value):
    for line in headers.text("Subject", value + "é").split("\r\n"):
        assert len(line) <= 76
        for word in re.findall(r"=\?\S+\?=", line):
            assert len(word) <= 75


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("Hello there", "Subject: Hello there\r\n"),
        ("Grüße", "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"),
        ("A question, about the café", "Subject: =?utf-8?q?A_question=2C_about_the_caf=C3=A9?=\r\n"),
        ("word " * 14 + "end", "Subject:" + " word" * 13 + "\r\n word end\r\n"),
    ],
)
def test_a_text_field_is_plain_where_it_can_be(value, field):
    assert headers.text("Subject", value) == field


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
@pytest.mark.parametrize("around", ["{}", "a{}", "{}b", "a{}é"])
def test_no_control_character_gets_into_a_field(control, around):
    value = around.format(control)
    for write in (
        lambda: headers.text("Subject", value),
        lambda: headers.address("To", value, "a@b.example"),
        lambda: headers.address("To", None, f"a{value}@b.example"),
        lambda: headers.address("To", None, f"a@b.example{value}"),
        lambda: headers.identifiers("References", ("<a@b>", f"<a{value}@b>")),
        lambda: headers.identifiers("References", (f"<a@b>{value}",)),
        lambda: headers.unsubscribe(f"https://a.example/{value}", None),
        lambda: headers.unsubscribe(None, f"mailto:a@b.example?subject={value}"),
    ):
        with pytest.raises(HeaderInjection) as caught:
            write()
        assert caught.value.code == "header_injection"
        assert caught.value.header in caught.value.detail
    with pytest.raises(Invalid):
        headers.extra((("X-Tag", value),))


def test_a_lone_surrogate_is_refused_like_a_control_character():
    with pytest.raises(HeaderInjection):
        headers.text("Subject", "a\ud800")


@given(
    LINES.filter(lambda text: text.strip()), st.sampled_from(["a@b.example", "first.last+tag@xn--bcher-kva.example"])
)
@example('Quote " and \\ backslash', "a@b.example")
@example("Doe, John (Sales) <ceo@other.example>", "a@b.example")
@example("=?utf-8?q?fake?=", "a@b.example")
@example("J. R. R.", "a@b.example")
@example("x" * 300, "a@b.example")
@example("two  spaces", "a@b.example")
def test_an_address_field_names_one_mailbox_whatever_its_name(display, mailbox):
    field = headers.address("To", display, mailbox)
    (address,) = parsed(field)["To"].addresses
    assert address.addr_spec == mailbox
    # The standard parser keeps the space between two encoded words of a phrase, against RFC 2047, section 6.2: there
    # the older decoder is asked.
    assert "".join(address.display_name.split()) == "".join(display.split())
    phrase = field.removeprefix("To: ").removesuffix("\r\n").removesuffix(f"<{mailbox}>").replace("\r\n", "").strip()
    if phrase.startswith("=?"):
        assert str(make_header(decode_header(phrase))) == display.strip(" ")


@pytest.mark.parametrize(
    ("display", "field"),
    [
        (None, "To: a@b.example\r\n"),
        ("  ", "To: a@b.example\r\n"),
        ("Jo Doe", "To: Jo Doe <a@b.example>\r\n"),
        ("Doe, Jo", 'To: "Doe, Jo" <a@b.example>\r\n'),
        ('Jo "X" Doe', 'To: "Jo \\"X\\" Doe" <a@b.example>\r\n'),
        ("Zoë", "To: =?utf-8?b?Wm/Dqw==?= <a@b.example>\r\n"),
    ],
)
def test_a_display_name_is_plain_quoted_or_encoded(display, field):
    assert headers.address("To", display, "a@b.example") == field


@pytest.mark.parametrize(
    "mailbox",
    [
        "",
        "a",
        "@b",
        "a@",
        "a b@c",
        "a@b c",
        "a@b,c@d",
        "<a@b>",
        "a@b>",
        "a@b\n",
        "a@bücher.example",
        "a@b@c",
        "a;b@c",
        "a" * 129 + "@b",
    ],
)
def test_what_is_not_an_address_is_refused(mailbox):
    with pytest.raises(HeaderInjection):
        headers.address("To", "Jo", mailbox)


def test_a_local_part_may_be_utf_8():
    assert headers.address("To", "Jo", "jürgen@b.example") == "To: Jo <jürgen@b.example>\r\n"


@given(
    st.datetimes(min_value=datetime(1990, 1, 1)),  # noqa: DTZ001 (the zone comes below)
    st.integers(-14 * 60, 14 * 60),
)
def test_a_date_is_that_of_the_standard_library(moment, minutes):
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    field = headers.date(moment)
    assert field == f"Date: {format_datetime(moment.astimezone(UTC)).replace('-0000', '+0000')}\r\n"
    assert parsedate_to_datetime(field[6:-2]) == moment.replace(microsecond=0)


def test_a_date_without_a_zone_is_a_mistake():
    with pytest.raises(ValueError, match="time zone"):
        headers.date(datetime(2026, 1, 1))  # noqa: DTZ001
    assert headers.date(datetime(2026, 3, 2, 9, 5, 1, tzinfo=UTC)) == "Date: Mon, 02 Mar 2026 09:05:01 +0000\r\n"


@pytest.mark.parametrize(
    "word", ["", "a@b", "<>", "<a b@c>", "<a@b", "<a@b>\r\n", "<a@b><c@d>", "<é@b>", f"<{'a' * 901}>"]
)
def test_what_is_not_a_message_id_is_refused(word):
    with pytest.raises(HeaderInjection):
        headers.identifiers("References", (word,))


def test_references_are_folded_between_ids():
    ids = tuple(f"<{number:040}@b.example>" for number in range(5))
    assert parsed(headers.identifiers("References", ids))["References"].split() == list(ids)


@pytest.mark.parametrize(
    ("url", "mailto", "field", "one_click"),
    [
        (None, None, None, False),
        ("https://u.example/x?y=1", None, "<https://u.example/x?y=1>", True),
        (None, "mailto:u@b.example", "<mailto:u@b.example>", False),
        ("https://u.example/x", "mailto:u@b.example", "<https://u.example/x>, <mailto:u@b.example>", True),
        ("http://localhost:8080/u", None, "<http://localhost:8080/u>", True),
        ("http://127.0.0.1/u", None, "<http://127.0.0.1/u>", True),
        ("http://[::1]:80/u", None, "<http://[::1]:80/u>", True),
        ("http://u.example/x", None, "<http://u.example/x>", False),
        ("http://localhost.evil.example/x", None, "<http://localhost.evil.example/x>", False),
    ],
)
def test_one_click_is_promised_with_https_only(url, mailto, field, one_click):
    message = message_from_bytes(headers.unsubscribe(url, mailto).encode() + b"\r\n", policy=policy.default)
    assert message["List-Unsubscribe"] == field
    assert message["List-Unsubscribe-Post"] == ("List-Unsubscribe=One-Click" if one_click else None)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://x", "javascript:alert(1)", "https://a b", "https://a>", "https://é.example", "https://" + "a" * 901],
)
def test_what_is_not_a_web_address_is_refused(url):
    with pytest.raises(HeaderInjection):
        headers.unsubscribe(url, None)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("", "x", "header_name_invalid"),
        ("X Tag", "x", "header_name_invalid"),
        ("X:Tag", "x", "header_name_invalid"),
        ("X-Täg", "x", "header_name_invalid"),
        ("X\r\nBcc", "x", "header_name_invalid"),
        ("X" * 77, "x", "header_name_invalid"),
        ("From", "x", "header_forbidden"),
        ("BCC", "x", "header_forbidden"),
        ("content-type", "x", "header_forbidden"),
        ("Content-Anything", "x", "header_forbidden"),
        ("DKIM-Signature", "x", "header_forbidden"),
        ("Resent-To", "x", "header_forbidden"),
        ("ARC-Seal", "x", "header_forbidden"),
        ("List-Unsubscribe-Post", "x", "header_forbidden"),
        ("X-Tag", "", "header_value_invalid"),
        ("X-Tag", "a\nb", "header_value_invalid"),
        ("X-Tag", "a" * 1_011, "header_value_invalid"),
    ],
)
def test_an_extra_header_that_may_not_be_set_is_refused_with_its_place(name, value, code):
    with pytest.raises(Invalid) as caught:
        headers.check_extra([("X-Fine", "x"), (name, value)], "/headers")
    (problem,) = caught.value.problems
    assert (problem.code, problem.pointer) == (code, "/headers/1")


def test_extra_headers_are_written_in_order():
    assert headers.extra((("X-Tag", " été "), ("Precedence", "bulk"))) == (
        "X-Tag: =?utf-8?b?w6l0w6k=?=\r\nPrecedence: bulk\r\n"
    )
    with pytest.raises(Invalid) as caught:
        headers.check_extra([("X-Tag", "x")] * 51, "/headers")
    assert caught.value.code == "too_many_headers"
