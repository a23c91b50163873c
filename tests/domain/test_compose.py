"""Whole messages, read back by the standard library's parser."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from caesura.domain.compose import Letter, compile_variant, compose, message_id, named_by
from caesura.domain.errors import Invalid
from caesura.domain.unsendable import EmptySubject, HeaderInjection, MissingVariable, OutputTooLarge, Unsendable

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SECRET = b"0123456789abcdef"
LETTER = Letter(
    sender_name="Kim Sender",
    sender_address="kim@sender.example",
    recipient_name="Anna Example",
    recipient_address="anna@xn--bcher-kva.example",
    message_id="<0123@sender.example>",
    date=NOW,
    fields={"first_name": "Anna"},
    seed=(1, 2, 3),
)


def variant(subject="Hello {{ first_name }}", html=None, text="Dear {{ first_name }}\n"):
    return compile_variant(subject, html, text, "/steps/0/variants/0")


def read(composed):
    content = composed.content
    assert content.endswith(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\0" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii() or composed.smtputf8
    assert composed.size == len(content)
    message = message_from_bytes(content, policy=policy.default.clone(utf8=composed.smtputf8))
    assert not message.defects
    assert len(set(message.keys())) == len(message.keys())
    return message


def body(message, kind):
    return message.get_body([kind]).get_content().replace("\r\n", "\n")


def test_a_message_has_what_a_message_needs():
    message = read(compose(variant(html="<p>Dear {{ first_name }}</p>"), LETTER))
    assert message["From"] == "Kim Sender <kim@sender.example>"
    assert message["To"] == "Anna Example <anna@xn--bcher-kva.example>"
    assert message["Subject"] == "Hello Anna"
    assert message["Message-ID"] == "<0123@sender.example>"
    assert message["Date"].datetime == NOW
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert (body(message, "plain"), body(message, "html")) == ("Dear Anna\n", "<p>Dear Anna</p>")
    for absent in ("Reply-To", "In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post"):
        assert message[absent] is None


def test_the_same_letter_gives_the_same_bytes():
    made = variant("{a|b|c} {{ first_name }}", "<p>{a|b|c|d} {{ first_name }}</p>")
    assert compose(made, LETTER) == compose(made, LETTER)
    again = variant("{a|b|c} {{ first_name }}", "<p>{a|b|c|d} {{ first_name }}</p>")
    assert compose(again, LETTER) == compose(made, LETTER)
    assert len({compose(made, replace(LETTER, seed=(lead,))).content for lead in range(150)}) == 12


def test_text_alone_is_a_plain_message():
    message = read(compose(variant(), LETTER))
    assert message.get_content_type() == "text/plain"
    assert body(message, "plain") == "Dear Anna\n"


def test_html_alone_gets_a_text_part():
    made = variant(
        html="<h1>Dear {{ first_name }},</h1>{% if x %}<p>x is {{ x }}</p>{% endif %}<p>{Bye|Bye}</p>", text=None
    )
    message = read(compose(made, LETTER))
    assert body(message, "plain") == "Dear Anna,\n\nBye\n"
    message = read(compose(made, replace(LETTER, fields={"first_name": "<b>", "x": "&"})))
    assert body(message, "plain") == "Dear <b>,\n\nx is &\n\nBye\n"
    assert "<h1>Dear &lt;b&gt;,</h1><p>x is &amp;</p>" in body(message, "html")


def test_html_without_words_goes_alone():
    message = read(compose(variant(html="<img src='{{ first_name }}'>", text=" "), LETTER))
    assert message.get_content_type() == "text/html"


def test_both_parts_choose_the_same_options_and_the_subject_its_own():
    made = variant("{1|2|3|4}", "<p>{1|2|3|4} {{ first_name }}</p>", None)
    same = 0
    for lead in range(60):
        composed = compose(made, replace(LETTER, seed=(lead,)))
        message = read(composed)
        assert body(message, "plain").strip() == re.sub("<.*?>", "", body(message, "html")).strip()
        same += composed.subject == body(message, "plain")[0]
    assert same < 30


def test_required_and_optional_variables_come_from_all_parts_but_not_what_is_filled_in():
    made = variant(
        "{{ a }} {{ b|default('x') }}",
        "<p>{{ c }} {{ b }} <a href='{{ unsubscribe_url }}'>stop</a></p>",
        "{{ d or e }}",
    )
    assert made.required == {"a", "b", "c", "e"}
    assert made.optional == {"d"}
    assert made.missing({"a": 1, "b": " "}) == ("b", "c", "e")
    with pytest.raises(MissingVariable) as caught:
        compose(made, replace(LETTER, fields={"a": 1, "b": "x", "c": "x"}, unsubscribe_url="https://u.example/"))
    assert caught.value.names == ("e",)


def test_a_lead_cannot_bring_its_own_unsubscribe_link():
    made = variant(text="{{ unsubscribe_url }}")
    evil = {"first_name": "x", "unsubscribe_url": "https://evil.example/"}
    message = read(compose(made, replace(LETTER, fields=evil, unsubscribe_url="https://u.example/?a=b&c")))
    assert body(message, "plain").strip() == "https://u.example/?a=b&c"
    assert message["List-Unsubscribe"] == "<https://u.example/?a=b&c>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    with pytest.raises(MissingVariable) as caught:
        compose(made, replace(LETTER, fields=evil))
    assert caught.value.names == ("unsubscribe_url",)


# Threads


@pytest.mark.parametrize(
    ("thread", "subject"),
    [
        ("Hello Anna", "Re: Hello Anna"),
        ("Re: Hello", "Re: Hello"),
        ("RE : Hello", "RE : Hello"),
        ("Reply: Hello", "Re: Reply: Hello"),
        ("  Grüße ", "Re: Grüße"),
        ("é" * 998, "Re: " + "é" * 998),
    ],
)
def test_a_follow_up_answers_the_first_message(thread, subject):
    follow_up = replace(
        LETTER,
        message_id="<3@sender.example>",
        in_reply_to="<2@sender.example>",
        references=("<1@sender.example>", "<2@sender.example>"),
        thread_subject=thread,
    )
    for blank in (None, "", "  "):
        composed = compose(variant(subject=blank), follow_up)
        message = read(composed)
        assert message["Subject"] == composed.subject == subject
        assert message["In-Reply-To"] == "<2@sender.example>"
        assert message["References"] == "<1@sender.example> <2@sender.example>"
    assert compose(variant(), follow_up).subject == "Hello Anna"


def test_a_long_thread_keeps_its_root_and_its_latest():
    ids = tuple(f"<{number}@sender.example>" for number in range(40))
    message = read(compose(variant(), replace(LETTER, references=ids)))
    assert message["References"].split() == [ids[0], *ids[21:]]


# What is refused for a lead


@pytest.mark.parametrize(
    "control", ["\r\nBcc: x@evil.example", "\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\t"]
)
def test_a_field_cannot_write_a_header(control):
    for changed in (
        {"fields": {"first_name": f"Anna{control}"}},
        {"fields": {"first_name": f"{control}Anna"}},
        {"recipient_name": f"Anna{control}"},
        {"recipient_address": f"anna@b.example{control}"},
        {"sender_name": f"Kim{control}"},
        {"sender_address": f"kim{control}@b.example"},
        {"reply_to": f"kim@b.example{control}"},
        {"message_id": f"<a@b>{control}"},
        {"in_reply_to": f"<a@b>{control}"},
        {"references": (f"<a@b>{control}",)},
        {"unsubscribe_url": f"https://a.example/{control}"},
        {"unsubscribe_mailto": f"mailto:a@b.example{control}"},
    ):
        if changed.get("fields", {}).get("first_name", "").isspace():
            continue
        with pytest.raises(HeaderInjection):
            compose(variant(), replace(LETTER, **changed))
    with pytest.raises(HeaderInjection):
        compose(variant(subject=None), replace(LETTER, thread_subject=f"Hello{control}"))
    with pytest.raises(Invalid):
        compose(variant(), replace(LETTER, extra_headers=(("X-Tag", f"x{control}y"),)))


def test_a_line_break_in_a_field_is_fine_in_a_body():
    made = variant(subject="Hello", text="{{ first_name }}")
    message = read(compose(made, replace(LETTER, fields={"first_name": "Anna\r\nBcc: x@evil.example\n\n.\r\n"})))
    assert body(message, "plain").startswith("Anna\nBcc: x@evil.example\n\n.\n")
    assert message["Bcc"] is None


def test_an_empty_subject_is_refused():
    for made, letter in (
        (variant(subject="{% if no %}x{% endif %}"), LETTER),
        (variant(subject="{% if no %}x{% endif %} {|}"), LETTER),
        (variant(subject=None), LETTER),
        (variant(subject=None), replace(LETTER, thread_subject="  ")),
    ):
        with pytest.raises(EmptySubject) as caught:
            compose(made, letter)
        assert caught.value.code == "empty_subject"


def test_what_is_too_large_is_refused():
    subject = variant(subject="{{ first_name }}", text="x")
    assert len(compose(subject, replace(LETTER, fields={"first_name": "x" * 998})).subject) == 998
    for made, size in (
        (subject, 999),
        (variant("x", text="{{ first_name }}" * 2), 500_001),
        (variant("x", "<p>{{ first_name }}", None), 500_000),
        (variant(), 50_000_000),
    ):
        with pytest.raises(OutputTooLarge):
            compose(made, replace(LETTER, fields={"first_name": "x" * size}))


def test_every_refusal_is_one_kind_with_a_code():
    for letter in (
        replace(LETTER, fields={}),
        replace(LETTER, fields={"first_name": ["x"]}),
        replace(LETTER, fields={"first_name": "a\ud800"}),
        replace(LETTER, fields={"first_name": "a\nb"}),
        replace(LETTER, recipient_name="a\ud800"),
    ):
        with pytest.raises(Unsendable) as caught:
            compose(variant(), letter)
        assert caught.value.code in {"missing_variable", "unusable_field", "header_injection"}


# What is refused when a step is saved


def test_every_problem_of_a_variant_is_told_with_its_place():
    with pytest.raises(Invalid) as caught:
        variant("{{ a.b }}", "<p>\n{{ x", "{a|b")
    assert [(problem.pointer, problem.code, problem.line) for problem in caught.value.problems] == [
        ("/steps/0/variants/0/subject", "template_forbidden", 1),
        ("/steps/0/variants/0/html", "template_syntax", 2),
        ("/steps/0/variants/0/text", "spintax_unbalanced", 1),
    ]


@pytest.mark.parametrize(
    ("subject", "html", "text", "pointer", "code"),
    [
        ("s", None, None, "", "step_without_content"),
        ("s", " \n", "", "", "step_without_content"),
        ("a\nb", None, "t", "/subject", "template_forbidden"),
        ("a\tb", None, "t", "/subject", "template_forbidden"),
        ("{{ '\\n' }}", None, "t", "/subject", "template_forbidden"),
        ("s", "{% if x %}<p>a</p><style>{% endif %}</style>", None, "/text", "text_part_underivable"),
        ("s", "<a href={{ x }}>", "t", "/html", "template_forbidden"),
    ],
)
def test_a_wrong_variant_is_refused(subject, html, text, pointer, code):
    with pytest.raises(Invalid) as caught:
        variant(subject, html, text)
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == (f"/steps/0/variants/0{pointer}", code)


# Round trips

NAMES = st.text(max_size=60).map(lambda text: re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", "", text))
FILLED = NAMES.filter(lambda text: text.strip())
BODIES = st.text(min_size=1, max_size=120).filter(lambda text: not text.isspace())


@given(FILLED, FILLED, BODIES, st.sampled_from(["en {{ value }} {%if x%}{{ x }}{%endif%} ", "日本語 {{ value }} " * 9]))
def test_any_field_comes_back_as_it_was(first_name, recipient, value, text):
    made = variant("A {{ first_name }} é", "<p title='{{ value }}'>{{ value }}</p>", text)
    fields = {"first_name": first_name, "value": value}
    message = read(compose(made, replace(LETTER, recipient_name=recipient, fields=fields)))
    assert message["Subject"] == f"A {first_name} é"
    (to,) = message["To"].addresses
    assert to.addr_spec == LETTER.recipient_address
    assert "".join(to.display_name.split()) == "".join(recipient.split())
    value = re.sub("\r\n?", "\n", value)
    plain = re.sub(r"{%.*%}", "", text).replace("{{ value }}", value)
    assert body(message, "plain") == plain
    assert value.replace("&", "&amp;").split("<")[0].split("'")[0].split('"')[0].split(">")[0] in body(message, "html")


@given(st.text("äöü日本abc.", min_size=1, max_size=20).filter(lambda text: "." not in text), NAMES)
def test_a_local_part_in_utf_8_asks_for_smtputf8(local, name):
    composed = compose(variant(), replace(LETTER, recipient_address=f"{local}@b.example", recipient_name=name))
    assert composed.smtputf8 is not local.isascii()
    (to,) = read(composed)["To"].addresses
    # the standard parser leaves raw UTF-8 undecoded
    assert to.username.encode("ascii", "surrogateescape").decode() == local
    assert to.domain == "b.example"


def test_names_and_subjects_alone_do_not_ask_for_smtputf8():
    assert not compose(variant(subject="Grüße"), replace(LETTER, recipient_name="Jörg")).smtputf8
    assert compose(variant(), replace(LETTER, reply_to="jörg@b.example")).smtputf8


def test_extra_headers_and_reply_to_are_written():
    letter = replace(LETTER, reply_to="answers@b.example", extra_headers=(("X-Campaign", "Frühling"),))
    message = read(compose(variant(), letter))
    assert message["Reply-To"] == "answers@b.example"
    assert message["X-Campaign"] == "Frühling"


# Message ids


def test_a_message_id_is_the_same_for_every_retry_and_different_for_every_message():
    assert message_id(SECRET, 1, 2, 3, "Sender.example") == "<2.3.ae8faf8f03d5d504422f8854597ad454@sender.example>"
    ids = {
        message_id(secret, *numbers, "a.example")
        for secret in (SECRET, SECRET * 2)
        for numbers in ((1, 2, 3), (12, 3, 3), (1, 23, 3), (1, 2, 33))
    }
    assert len(ids) == 8
    assert compose(variant(), replace(LETTER, message_id=ids.pop()))


@given(st.integers(1, 10**18 - 1), st.integers(1, 9999))
def test_a_message_id_says_what_it_is_about(enrollment: int, step: int) -> None:
    assert named_by(message_id(SECRET, 1, enrollment, step, "a.example")) == (enrollment, step)


@pytest.mark.parametrize("text", ["", "<1@a.example>", "<1.x@a.example>", "<٣.1.a@a.example>", "<1.99999.a@a.example>"])
def test_a_message_id_of_somebody_else_is_about_nothing_of_ours(text: str) -> None:
    assert named_by(text) is None


@pytest.mark.parametrize(
    "domain", ["", "a b", "a\r\nb", "é.example", "a.example>", "-a.example", "a" * 64, "a..b", "a.example\n"]
)
def test_a_message_id_needs_a_domain(domain):
    with pytest.raises(Invalid) as caught:
        message_id(SECRET, 1, 2, 3, domain)
    assert caught.value.code == "domain_invalid"


@pytest.mark.parametrize("secret", [b"", b"short", b"x" * 65])
def test_a_message_id_needs_a_secret(secret):
    with pytest.raises(ValueError, match="16 to 64"):
        message_id(secret, 1, 2, 3, "a.example")
