"""What strangers write into a lead's fields never becomes a header, markup, or a template of ours."""

from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from caesura.domain.unsendable import Unsendable
from caesura.service import sending
from caesura.worker.letters import Identity, write_letter

STEPS = [
    {
        "subject": "For {{ first_name }}",
        "text": "Hi {{ first_name }},\n{{ first_name }}\n.\nbye",
        "html": '<p title="{{ first_name }}">Hi {{ first_name }}, '
        '<a href="https://example.com/?n={{ first_name }}">x</a></p>',
    }
]
HEADERS = ["Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]
HOSTILE = [
    "Kim\r\nBcc: all@example.com",
    "Kim\nBcc: all@example.com\n\nbody",
    "Kim\r\n.\r\nMAIL FROM:<x@example.com>",
    "Kim\u2028Bcc: all@example.com",
    "Kim\x85Bcc: all@example.com",
    "\x00Kim\x07\x1b[31m",
    "\u202egnp.exe\u202c",
    "{{ email }} {% for x in range(10) %}x{% endfor %} {first|second}",
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "=?utf-8?q?Bcc=3A?= =?utf-8?b?QmNjOg==?=",
    ".",
    "..\r\n.\r\n",
    "K" * 5_000,
    "Žluťoučký kůň 🐎 " * 40,
]
# A subject of these would be another header, or longer than a line may be: the lead is held, and a person looks.
REFUSED = {value for value in HOSTILE if len(value) > 998 or any(mark in value for mark in "\r\n\u2028\x85\x00")}


class Seen(HTMLParser):
    """The elements and attributes that a reader of the HTML would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag}.{name}" for name, _ in attributes)}


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:24])
async def test_a_hostile_value_stays_a_value(engine, value: str) -> None:
    await engine.build(leads=0, steps=STEPS)
    # As an import in an older version, or another program, may have stored it.
    await engine.enroll(1, fields={"first_name": value.replace("\x00", "")})
    claim = await sending.claim(engine.database, engine.plans, await engine.plan(), "w1", 1, 60, engine.now)
    [work] = claim.work
    try:
        content = write_letter(await engine.plan(), work, Identity(b"s" * 32), engine.now).envelope.content
    except Unsendable as error:
        assert value in REFUSED, error
        return
    assert value not in REFUSED
    message = message_from_bytes(content, policy=policy.default)
    assert sorted(message.keys()) == HEADERS
    assert not message.defects
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"") and b"\r" not in content.replace(b"\r\n", b"")
    text = message.get_body(("plain",)).get_content()
    markup = message.get_body(("html",)).get_content()
    assert Seen(markup).found <= {"html", "head", "meta", "meta.charset", "body", "p", "p.title", "a", "a.href"}
    if "{{" in value:
        assert "{{ email }}" in text and "{% for" in text and "{first|second}" in text
        assert "{{ email }}" in message["Subject"]
