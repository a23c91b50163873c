"""What a single mailing has beside its text: files, and who else gets a copy of each message."""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Self
from urllib.parse import quote

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from caesura.domain.addresses import deduplication_key, parse_address
from caesura.domain.definition_types import Definition, EmailAddress, Line, Name
from caesura.domain.errors import Invalid, Problem
from caesura.domain.mime import FilePart
from caesura.domain.validation import fault

MAXIMUM_ATTACHMENTS = 20
MAXIMUM_ATTACHED_BYTES = 10_000_000
"""Of all files of a message together, as they are, before base64 makes them a third larger."""
MAXIMUM_BYTES_OF_A_MAILING = 100_000_000
"""Files times recipients."""
MAXIMUM_TOGETHER = 50
"""Recipient and copies of one message: half of what every server must take at once (RFC 5321, section 4.5.3.1.8)."""

_LINE = 76  # of base64, for 57 bytes
_BESIDE_CONTENT = 5_000  # the longest header of a part, and what is begun of base64
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,100}"
_CONTENT_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:; ?{_TOKEN}={_TOKEN})?")
# What RFC 5322 lets stand in an identifier without quoting it (3.6.4); many have no host, and are shown all the same.
_DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_CONTENT_ID = re.compile(rf"(?=.{{1,200}}\Z){_DOT_ATOM}(?:@{_DOT_ATOM})?")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._()+-]{1,50}")
_PIECE = 54  # of a long name, with a whole %XX at its end


def _check_content_type(value: str) -> str:
    if not _CONTENT_TYPE.fullmatch(value):
        raise fault("invalid_content_type", "A content type is written as application/pdf.")
    if value.lower().startswith(("multipart/", "message/")):
        raise fault("invalid_content_type", "What holds other parts or messages cannot be attached: give it as a file.")
    return value


def _check_content_id(value: str) -> str:
    if not _CONTENT_ID.fullmatch(value):
        raise fault("invalid_content_id", "A content id is written as logo@example.com, in at most 200 characters.")
    return value


def _check_base64(value: str) -> str:
    try:
        b64decode(value.encode("ascii"), validate=True)
    except (NotBase64, UnicodeEncodeError):
        raise fault("invalid_base64", "The content of a file is written in base64.") from None
    return value


class AttachmentDefinition(Definition):
    """A file that goes with each message of a mailing."""

    name: Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)] = Field(
        description="The file's name, as the recipient sees it.", examples=["offer.pdf"]
    )
    content_type: Annotated[str, AfterValidator(_check_content_type)] = Field(
        default="application/octet-stream", description="What it is.", examples=["application/pdf"]
    )
    content: Annotated[str, AfterValidator(_check_base64)] | None = Field(
        default=None,
        description="The file in base64; all together at most 10,000,000 bytes before.",
        examples=["SGVsbG8="],
    )
    url: str | None = Field(
        default=None,
        description="In the place of `content`: where the file is. It is fetched once, when the mailing is accepted, "
        "over https from the open internet, within 10 seconds for all files; redirects are not followed.",
        examples=["https://example.com/offer.pdf"],
    )
    content_id: Annotated[str, AfterValidator(_check_content_id)] | None = Field(
        default=None,
        description="With it, the file stands within the HTML, which shows it as `cid:` and this id (RFC 2392).",
        examples=["logo@example.com"],
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.content is None) == (self.url is None):
            raise fault("file_source", "A file is given by its content or by its url: by one of them.")
        return self

    def read(self, fetched: bytes | None = None) -> "Attachment":
        """For the services; `fetched` is what was found at the URL, if there is one."""
        content = b64decode(self.content) if self.content is not None else fetched or b""
        return Attachment(self.name, self.content_type, content, self.content_id)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file: its name, its type as `application/pdf`, its bytes, and the id by which the HTML shows it, if it does."""

    name: str
    content_type: str
    content: bytes
    content_id: str | None = None


class CopyDefinition(Definition):
    """Somebody else who gets a message."""

    address: EmailAddress = Field(description="ASCII before the @.", examples=["ben@example.com"])
    name: Name | None = Field(default=None, description="As the header shows it.", examples=["Ben"])


@dataclass(frozen=True, slots=True)
class Copy:
    """Somebody else who gets a message; one who is hidden (Bcc) stands in none of its headers.

    `address` is canonical, `key` what makes two addresses the same.
    """

    address: str
    key: str
    domain: str
    name: str | None
    is_hidden: bool


def read_copies(cc: Iterable[CopyDefinition], bcc: Iterable[CopyDefinition], *recipients: str) -> tuple[Copy, ...]:
    """The copies of a message, each address once: who is seen before who is hidden.

    None goes to those of `recipients`, who have the message, or one like it, to themselves.
    Raises Invalid: those of addresses, `copy_not_ascii`, and `too_many_copies`; without pointers.
    """
    seen = set()
    for one in recipients:
        with suppress(Invalid):  # no message goes there at all: that is told of the recipient
            seen.add(deduplication_key(parse_address(one)))
    copies = []
    for given, is_hidden in ((cc, False), (bcc, True)):
        for copy in given:
            address = parse_address(copy.address)
            if address.needs_smtputf8:
                detail = f"a copy goes to ASCII addresses only, and {address.address} is not one"
                raise Invalid.of(Problem("copy_not_ascii", detail))
            if (key := deduplication_key(address)) not in seen:
                seen.add(key)
                copies.append(Copy(address.address, key, address.domain, copy.name, is_hidden))
    if len(copies) >= MAXIMUM_TOGETHER:
        detail = f"a message has at most {MAXIMUM_TOGETHER} recipients, with its copies"
        raise Invalid.of(Problem("too_many_copies", detail))
    return tuple(copies)


def check_attachments(attachments: Sequence[Attachment], recipients: int) -> None:
    """Raises Invalid `too_many_attachments`, `attachments_too_large` (for all recipients), `content_id_taken`."""
    total = sum(len(one.content) for one in attachments)
    if len(attachments) > MAXIMUM_ATTACHMENTS:
        detail = f"a message has at most {MAXIMUM_ATTACHMENTS} files"
        raise Invalid.of(Problem("too_many_attachments", detail, "/attachments"))
    if total > MAXIMUM_ATTACHED_BYTES or total * recipients > MAXIMUM_BYTES_OF_A_MAILING:
        detail = (
            f"the files of a message have at most {MAXIMUM_ATTACHED_BYTES:,} bytes together, and those of a mailing, "
            f"times its recipients, {MAXIMUM_BYTES_OF_A_MAILING:,}"
        )
        raise Invalid.of(Problem("attachments_too_large", detail, "/attachments"))
    ids = [one.content_id for one in attachments]
    for place, one in enumerate(ids):
        if one is not None and one in ids[:place]:
            detail = "another file of this message has the same id"
            raise Invalid.of(Problem("content_id_taken", detail, f"/attachments/{place}/content_id"))


def bytes_in_message(count: int, total: int) -> int:
    """What so many files, of so many bytes together, take in a message at most; 0 for none."""
    return total * 78 // 57 + count * _BESIDE_CONTENT


def mime_part(attachment: Attachment) -> FilePart:
    """The file as a part of a message (RFC 2045, 2183, 2392): headers, an empty line, base64."""
    encoded = b2a_base64(attachment.content, newline=False)
    lines = (encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE))
    is_shown = attachment.content_id is not None
    head = (
        f"Content-Type: {attachment.content_type}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: {'inline' if is_shown else 'attachment'};\r\n {_file_name(attachment.name)}\r\n"
    )
    if is_shown:
        head += f"Content-ID: <{attachment.content_id}>\r\n"
    return FilePart(head.encode("ascii") + b"\r\n" + b"\r\n".join(lines) + b"\r\n", is_shown)


def _file_name(name: str) -> str:
    """The parameter `filename`; a long name, or one with other letters, in pieces (RFC 2231)."""
    if _PLAIN_NAME.fullmatch(name):
        return f'filename="{name}"'
    letters = [quote(letter, safe="") for letter in name]
    pieces = [""]
    for letter in letters:
        if len(pieces[-1]) + len(letter) > _PIECE:
            pieces.append("")
        pieces[-1] += letter
    pieces[0] = f"utf-8''{pieces[0]}"
    return ";\r\n ".join(f"filename*{number}*={piece}" for number, piece in enumerate(pieces))
