"""Files and copies of single mailings: what is taken, and what they look like in a message."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.compose import Letter, compile_variant, compose
from caesura.domain.enclosures import (
    Attachment,
    AttachmentDefinition,
    CopyDefinition,
    bytes_in_message,
    check_attachments,
    mime_part,
    read_copies,
)
from caesura.domain.errors import Invalid
from caesura.domain.headers import addresses
from caesura.domain.mime import mixed
from caesura.domain.validation import validate

NAMES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=120).map(str.strip).filter(bool)


@given(st.binary(max_size=300), NAMES)
def test_a_file_comes_out_of_a_message_as_it_went_in(content: bytes, name: str) -> None:
    text = b"Content-Type: text/plain\r\n\r\nHello\r\n"
    written = mixed(text, [mime_part(Attachment(name, "application/pdf", content)).data], "<1@example.com>")
    assert max(map(len, written.split(b"\r\n"))) <= 78
    message = message_from_bytes(b"MIME-Version: 1.0\r\n" + written, policy=policy.default)
    [file] = message.iter_attachments()
    assert (file.get_content_type(), file.get_filename(), file.get_content()) == ("application/pdf", name, content)
    assert message.get_body().get_content().strip() == "Hello"


LOGO = Attachment("logo.png", "image/png", b"the logo", "logo@sender.test")
OFFER = Attachment("offer.pdf", "application/pdf", b"the offer")


def composed(html: str | None, text: str | None, *files: Attachment) -> EmailMessage:
    letter = Letter(
        sender_name=None,
        sender_address="team@sender.test",
        recipient_name=None,
        recipient_address="kim@example.com",
        message_id="<1.1.x@sender.test>",
        date=datetime(2026, 3, 2, tzinfo=UTC),
        fields={},
    )
    content = compose(compile_variant("Hi", html, text, ""), letter, (), [mime_part(one) for one in files]).content
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def shape(message: EmailMessage) -> object:
    """The types of the parts, nested as they are."""
    if message.is_multipart():
        return [message.get_content_subtype(), *(shape(one) for one in message.iter_parts())]
    return message.get_content_type()


def test_a_file_with_a_content_id_stands_beside_the_html_that_shows_it() -> None:
    message = composed('<p>Hello</p><img src="cid:logo@sender.test">', None, OFFER, LOGO)
    related = ["related", "text/html", "image/png"]
    assert shape(message) == ["mixed", ["alternative", "text/plain", related], "application/pdf"]
    beside = message.get_body(("related",))
    assert beside is not None and beside["Content-Type"].params["type"] == "text/html"
    html, logo = beside.iter_parts()
    assert "cid:logo@sender.test" in html.get_content()
    assert (logo["Content-ID"], logo.get_content_disposition()) == ("<logo@sender.test>", "inline")
    assert (logo.get_filename(), logo.get_content()) == ("logo.png", b"the logo")


@pytest.mark.parametrize(
    ("html", "text", "files", "expected"),
    [
        ("<img>", None, [LOGO], ["related", "text/html", "image/png"]),
        (None, "Hello", [LOGO], ["mixed", "text/plain", "image/png"]),
        ("<p>Hello</p>", "Hello", [OFFER], ["mixed", ["alternative", "text/plain", "text/html"], "application/pdf"]),
    ],
)
def test_no_part_is_made_around_others_without_need(
    html: str | None, text: str | None, files: list[Attachment], expected: object
) -> None:
    assert shape(composed(html, text, *files)) == expected


def test_a_content_id_is_there_once_in_a_message() -> None:
    with pytest.raises(Invalid) as error:
        check_attachments([LOGO, OFFER, LOGO], 1)
    [problem] = error.value.problems
    assert (problem.code, problem.pointer) == ("content_id_taken", "/attachments/2/content_id")


def test_each_address_gets_one_copy_and_who_is_seen_is_not_hidden() -> None:
    cc = [CopyDefinition(address="Ann@Example.com", name="Ann"), CopyDefinition(address="kim@example.com")]
    bcc = [CopyDefinition(address="ann@example.com"), CopyDefinition(address="ben@example.com")]
    copies = read_copies(cc, bcc, "KIM@example.com")
    assert [(one.address, one.is_hidden) for one in copies] == [("Ann@example.com", False), ("ben@example.com", True)]


@pytest.mark.parametrize(
    ("bcc", "code"),
    [(["kä@example.com"], "copy_not_ascii"), ([f"c{one}@example.com" for one in range(50)], "too_many_copies")],
)
def test_what_no_message_can_go_to_is_refused(bcc: list[str], code: str) -> None:
    with pytest.raises(Invalid) as error:
        read_copies([], [CopyDefinition(address=one) for one in bcc], "kim@example.com")
    assert error.value.problems[0].code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"content": "SGVsbG8"}, "invalid_base64"),
        ({"content": "SGVs\r\nbG8="}, "invalid_base64"),
        ({"content_id": "a b"}, "invalid_content_id"),
        ({"content_id": "a\r\nBcc: b@c"}, "invalid_content_id"),
        ({"content_id": "<a@b>"}, "invalid_content_id"),
        ({"content_id": "a@b@c"}, "invalid_content_id"),
        ({"content_id": "é"}, "invalid_content_id"),
        ({"content_id": "a" * 201}, "invalid_content_id"),
        ({"content_type": "text"}, "invalid_content_type"),
        ({"content_type": "text/plain\r\nBcc: a@b"}, "invalid_content_type"),
        ({"content_type": "Multipart/mixed"}, "invalid_content_type"),
        ({"name": "a\r\nb"}, "control_character"),
        ({"name": ""}, "too_short"),
    ],
)
def test_a_file_that_would_break_its_message_is_refused(change: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as error:
        validate(AttachmentDefinition, {"name": "a", "content": "SGVsbG8=", **change})
    assert error.value.problems[0].code == code


def test_files_are_bounded_by_message_and_by_mailing() -> None:
    half = Attachment("a", "text/plain", b"x" * 5_000_000)
    check_attachments([half, half], 10)
    for files, recipients, code in (
        ([half, half, Attachment("b", "text/plain", b"x")], 1, "attachments_too_large"),
        ([half, half], 11, "attachments_too_large"),
        ([Attachment("a", "text/plain", b"")] * 21, 1, "too_many_attachments"),
    ):
        with pytest.raises(Invalid) as error:
            check_attachments(files, recipients)
        assert error.value.problems[0].code == code


def test_a_field_of_several_addresses_is_folded_and_reads_back() -> None:
    people = [("Ann, the first", "ann@example.com"), (None, "ben@example.com"), ("Zoë", "zoe@example.com")] * 4
    field = addresses("Cc", people)
    assert max(map(len, field.split("\r\n"))) <= 78
    read = message_from_bytes(field.encode() + b"\r\n", policy=policy.default)["Cc"].addresses
    assert [(one.display_name or None, one.addr_spec) for one in read] == people


@pytest.mark.parametrize("name", ["a", "\U0001f600" * 255])
@pytest.mark.parametrize("size", [0, 1, 57, 58, 100_000])
def test_what_a_file_takes_in_a_message_is_known_before_it_is_read(name: str, size: int) -> None:
    part = len(mime_part(Attachment(name, "application/pdf", bytes(size))).data)
    assert part <= bytes_in_message(1, size) <= part + 5_000
