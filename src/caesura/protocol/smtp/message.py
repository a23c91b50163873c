"""One message: what must hold before it may touch the wire, and its bytes on the wire."""

import re
from dataclasses import dataclass
from functools import lru_cache

from msgspec import Struct

from caesura.protocol.smtp.outcome import Kind, Outcome, Stage

ADDRESS_BYTES_MAX = 254
"""RFC 5321 section 4.5.3.1.3: a path has 256 octets at most, two of them the angle brackets."""

# A dot-string or a quoted local part, one @, a domain or an address literal. Enough that nothing can leave the angle
# brackets; whether the mailbox exists is the server's to say.
_ADDRESS = re.compile(r'(?:[^\s"\\<>@]+|"(?:[^"\\\r\n]|\\[ -~])*")@[^\s"\\<>@]+')


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server offered in its answer to EHLO; all off after HELO.

    `size_limit` is in bytes, None if the server names no limit (SIZE 0 or no SIZE). `authentication` holds the
    mechanisms in upper case, in the server's order.
    """

    pipelining: bool = False
    chunking: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    size: bool = False
    size_limit: int | None = None
    starttls: bool = False
    authentication: tuple[str, ...] = ()


class Envelope(Struct, frozen=True, gc=False, eq=False):
    """One message for one recipient, and for those who get a copy of it; compared by identity.

    `sender` may be empty (the null reverse-path, for bounces). `content` is the whole message as bytes whose lines
    all end in CRLF; dots are doubled here, not by the caller. `smtputf8` says that the headers hold raw UTF-8
    (RFC 6532); addresses that need SMTPUTF8 are seen without it. Domains are best given as A-labels. Where the
    recipient is refused nobody gets it; a copy that is refused keeps it from nobody else.
    """

    sender: str
    recipient: str
    content: bytes
    smtputf8: bool = False
    copies: tuple[str, ...] = ()


def refusal(envelope: Envelope, capabilities: Capabilities) -> Outcome | None:
    """Why this message may not go to this server at all, or None. Nothing is written for a refused message."""
    if not is_safe_address(envelope.recipient) or not all(map(is_safe_address, envelope.copies)):
        return _refused(Stage.RECIPIENT, "the recipient's address is empty, too long or holds what no address may hold")
    if envelope.sender and not _is_safe_sender(envelope.sender):
        return _refused(Stage.SENDER, "the sender's address is too long or holds what no address may hold")
    if needs_smtputf8(envelope) and not capabilities.smtputf8:
        return _refused(Stage.SMTPUTF8, "the message needs SMTPUTF8, which the server does not offer")
    if not (capabilities.eight_bit or capabilities.smtputf8) and not envelope.content.isascii():
        return _refused(Stage.EIGHT_BIT, "the content is 8-bit and the server does not offer 8BITMIME")
    if capabilities.size_limit is not None and len(envelope.content) > capabilities.size_limit:
        size, limit = len(envelope.content), capabilities.size_limit
        return _refused(Stage.SIZE, f"the message has {size} bytes and the server takes {limit}")
    if not has_clean_line_ends(envelope.content):
        return _refused(Stage.FORM, "the content holds a CR or LF that is not part of a CRLF")
    return None


def is_safe_address(address: str) -> bool:
    """True if the address can stand between angle brackets: no CR, LF, control mark, bracket or stray blank."""
    if not address.isprintable() or _ADDRESS.fullmatch(address) is None:
        return False
    return len(address.encode()) <= ADDRESS_BYTES_MAX


_is_safe_sender = lru_cache(maxsize=4096)(is_safe_address)  # a mailbox sends many messages


def needs_smtputf8(envelope: Envelope) -> bool:
    """True if the message may only go to a server that offers SMTPUTF8."""
    if envelope.copies and not "".join(envelope.copies).isascii():
        return True
    return envelope.smtputf8 or not (envelope.recipient.isascii() and envelope.sender.isascii())


def has_clean_line_ends(content: bytes) -> bool:
    """True if every CR is followed by an LF and every LF follows a CR.

    A bare one lets a lenient server see an end of content where there is none: a second, smuggled message.
    """
    # Three counts would take nearly twice as long: bytes are split at CR, LF and CRLF, and nowhere else.
    lines = (content + b".").splitlines()
    return len(b"".join(lines)) + 2 * (len(lines) - 1) == len(content) + 1


def mail_command(envelope: Envelope, capabilities: Capabilities) -> bytes:
    """MAIL with the parameters that the server offers and the message needs. The envelope passed `refusal`."""
    line = f"MAIL FROM:<{envelope.sender}>"
    if capabilities.size:
        line += f" SIZE={len(envelope.content)}"
    if capabilities.eight_bit and not envelope.content.isascii():
        line += " BODY=8BITMIME"
    if capabilities.smtputf8 and needs_smtputf8(envelope):
        line += " SMTPUTF8"
    return line.encode() + b"\r\n"


def rcpt_command(address: str) -> bytes:
    """RCPT for one of the recipients. The envelope passed `refusal`."""
    return b"RCPT TO:<%b>\r\n" % address.encode()


def dotted(content: bytes) -> bytes:
    """The content as DATA carries it, with its final dot (RFC 5321 section 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        stuffed = b"." + stuffed
    if content.endswith(b"\r\n") or not content:
        return stuffed + b".\r\n"
    return stuffed + b"\r\n.\r\n"


def chunked(content: bytes) -> bytes:
    """The content as one last chunk (RFC 3030)."""
    return b"BDAT %d LAST\r\n" % len(content) + content


def _refused(stage: Stage, detail: str) -> Outcome:
    return Outcome(Kind.REJECTED, stage, None, detail)
