"""DKIM signatures, verified by dkimpy, which shares no code with us."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from caesura.protocol.dkim import SIGNED, relaxed_body, signature
from caesura.protocol.smtp.message import dotted

Key = RSAPrivateKey | Ed25519PrivateKey

# RFC 8463 appendix A: its key, its record, its message without the signatures, and the hash of that message's body.
RFC_KEY = Ed25519PrivateKey.from_private_bytes(b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
RFC_RECORD = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RFC_BODY_HASH = b"2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
RFC_MESSAGE = (
    b"From: Joe SixPack <joe@football.example.com>\r\n"
    b"To: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    b"\r\n"
    b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
)
RSA_KEY = generate_private_key(65537, 1024)


def record(key: Key) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return b"v=DKIM1; k=ed25519; p=" + b64encode(raw)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + b64encode(der)


def verifies(message: bytes, key: Key) -> bool:
    asked: list[bytes] = []

    def lookup(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record(key)

    good: bool = dkim.verify(message, dnsfunc=lookup)
    assert asked == [b"mail._domainkey.example.com."] or not asked
    return good


def signed(content: bytes, key: Key) -> bytes:
    return signature(content, "example.com", "mail", key, 1_700_000_000) + content


def tags(message: bytes) -> dict[bytes, bytes]:
    head = re.sub(rb"\r\n(?=[ \t])", b"", message.partition(b"\r\n\r\n")[0])
    name, _, value = head.split(b"\r\n")[0].partition(b":")
    assert name == b"DKIM-Signature"
    pairs = (one.partition(b"=") for one in value.split(b";"))
    return {tag.strip(): re.sub(rb"\s", b"", text) for tag, _, text in pairs}


@pytest.fixture(params=["rsa", "ed25519"])
def key(request: pytest.FixtureRequest) -> Key:
    return {"rsa": RSA_KEY, "ed25519": RFC_KEY}[request.param]


def test_the_example_of_the_rfc_has_its_hash_and_verifies_under_its_record() -> None:
    message = signature(RFC_MESSAGE, "football.example.com", "brisbane", RFC_KEY, 1_528_637_909) + RFC_MESSAGE
    assert tags(message)[b"bh"] == RFC_BODY_HASH
    assert dkim.verify(message, dnsfunc=lambda name, timeout=5: RFC_RECORD)


def test_the_field_says_what_was_signed_and_how(key: Key) -> None:
    found = tags(signed(RFC_MESSAGE, key))
    assert (found[b"v"], found[b"c"], found[b"d"], found[b"s"]) == (b"1", b"relaxed/relaxed", b"example.com", b"mail")
    assert found[b"t"] == b"1700000000"
    assert found[b"a"] == (b"rsa-sha256" if key is RSA_KEY else b"ed25519-sha256")
    assert found[b"h"] == b"from:from:to:subject:date:message-id"


def test_lines_are_short_and_end_in_crlf() -> None:
    field = signature(RFC_MESSAGE, "example.com", "mail", generate_private_key(65537, 2048), 1_700_000_000)
    assert field.endswith(b"\r\n") and field.count(b"\n") == field.count(b"\r") == field.count(b"\r\n")
    lines = field.removesuffix(b"\r\n").split(b"\r\n")
    assert max(map(len, lines)) <= 78 and all(line.startswith(b"\t") for line in lines[1:])


def test_every_field_that_matters_is_signed_where_it_occurs(key: Key) -> None:
    fields = b"".join(b"%b: <https://example.com/%d>\r\n" % (name.title(), n) for n, name in enumerate(SIGNED))
    message = signed(fields + b"X-Other: 1\r\n\r\nHi\r\n", key)
    assert tags(message)[b"h"].split(b":") == [b"from", *SIGNED]
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"reply-to"} <= set(SIGNED)
    assert verifies(message, key)
    assert verifies(message.replace(b"X-Other: 1", b"X-Other: 2"), key)
    for name in SIGNED:
        assert not verifies(
            message.replace(b"\r\n%b: <https://" % name.title(), b"\r\n%b: <http://" % name.title()), key
        )


def test_another_from_or_another_body_breaks_the_signature(key: Key) -> None:
    message = signed(RFC_MESSAGE, key)
    assert verifies(message, key)
    assert not verifies(b"From: eve@example.com\r\n" + message, key)
    assert not verifies(message.replace(b"We lost", b"We won"), key)


def test_a_message_without_a_sender_is_not_signed(key: Key) -> None:
    for content in (b"Subject: x\r\n\r\nFrom: a@example.com\r\n", b""):
        with pytest.raises(ValueError, match="From"):
            signature(content, "example.com", "mail", key, 1)


@pytest.mark.parametrize(
    ("body", "relaxed"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b" \t\r\n\r\n \r\n", b""),
        (b" ", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),
        (b"a", b"a\r\n"),
        (b"a  ", b"a\r\n"),
        (b"\r\n\r\na\tb\r\n\r\nc", b"\r\n\r\na b\r\n\r\nc\r\n"),
    ],
)
def test_bodies_take_their_relaxed_form(body: bytes, relaxed: bytes) -> None:
    assert relaxed_body(body) == relaxed


words = st.text("aZ0=;:<>\"'äß漢\u00a0", min_size=1, max_size=8)
controls = st.sampled_from(
    "\x00\x0b\x0c\x1f"
)  # in bodies only: dkimpy takes some for blanks in a header, the RFC does not
blanks = st.text(" \t", min_size=1, max_size=4)
body_lines = st.lists(st.one_of(words, blanks, controls, st.just(""), st.just(".")), max_size=6).map("".join)
bodies = st.lists(body_lines, max_size=8).map("\r\n".join)
folds = st.one_of(blanks, blanks.map(lambda blank: f"\r\n{blank}"))
values = st.lists(st.tuples(folds, words), min_size=1, max_size=6).map(lambda pairs: "".join(map("".join, pairs)))
names = st.sampled_from([name.decode() for name in SIGNED if name != b"from"] + ["x-other", "received"])


@st.composite
def messages(draw: Callable[..., Any]) -> bytes:
    """Anything with one From: folded, repeated and odd fields, raw UTF-8, tabs, blanks at line ends, no body at all."""
    cases = st.sampled_from([str.lower, str.upper, str.title])
    fields = [f"{draw(cases)(draw(names))}:{draw(values)}" for _ in range(draw(st.integers(0, 8)))]
    fields.insert(
        draw(st.integers(0, len(fields))), f"From:{draw(values)} <jörg@example.com>{draw(st.sampled_from(['', ' ']))}"
    )
    head = "".join(f"{field}\r\n" for field in fields)
    return f"{head}\r\n{draw(bodies)}{draw(st.sampled_from(['', chr(13) + chr(10)]))}".encode()


@given(messages(), st.sampled_from([RSA_KEY, RFC_KEY]))
def test_whatever_is_signed_verifies(content: bytes, key: Key) -> None:
    assert verifies(arrived(signed(content, key)), key)


def arrived(content: bytes) -> bytes:
    """What a server keeps of a message that came by DATA: without its final dot, and every doubled dot halved."""
    return dotted(content).removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
