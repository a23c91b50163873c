"""Microseconds to compose one message, beside Jinja2's sandbox with the standard library's EmailMessage.

Both make the same 3 kB HTML and text message with five variables and an unsubscribe link, in turns in one run:

    python bench/compose.py [ROUNDS]
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from statistics import median
from time import perf_counter

from jinja2.sandbox import SandboxedEnvironment

from caesura.domain.compose import Letter, compile_variant, compose, message_id

PARAGRAPH = (
    "<p>We read about {{ company }} last week and thought of how many teams in {{ city }} lose hours to work that "
    "nobody sees. That is why we built something small that takes it off their hands, and keeps it off.</p>\n"
)
SUBJECT = "{{ first_name }}, a question about {{ company }}"
HTML = (
    '<html><body style="font-family: sans-serif">\n<p>Dear {{ first_name }} {{ last_name }},</p>\n'
    + PARAGRAPH
    + "<p>A plain paragraph that is the same for everybody, with a line or two of text in it to read.</p>\n" * 24
    + "<p>Would {{ position|default('your team') }} have ten minutes?</p>\n"
    '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>\n'
)
TEXT = (
    "Dear {{ first_name }} {{ last_name }},\n\nWe read about {{ company }} last week and thought of how many teams in "
    "{{ city }} lose hours to work that nobody sees.\n\n"
    + "A plain paragraph that is the same for everybody, with a line or two of text in it to read.\n\n" * 5
    + "Would {{ position|default('your team') }} have ten minutes?\n\nUnsubscribe: {{ unsubscribe_url }}\n"
)
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SECRET = b"0123456789abcdef"


def lead(number: int) -> dict[str, str]:
    names = ("Anna", "Jörg", "Chloé", "Ben", "Ngọc")
    return {
        "first_name": names[number % 5],
        "last_name": f"Example {number}",
        "company": f"Acme & Sons {number}",
        "city": "Hamburg",
        "position": "the operations desk",
    }


def ours() -> Callable[[int], int]:
    variant = compile_variant(SUBJECT, HTML, TEXT, "/variant")

    def make(number: int) -> int:
        fields = lead(number)
        letter = Letter(
            sender_name="Kim Sender",
            sender_address="kim@sender.example",
            recipient_name=f"{fields['first_name']} {fields['last_name']}",
            recipient_address=f"lead{number}@example.com",
            message_id=message_id(SECRET, 1, number, 1, "sender.example"),
            date=NOW,
            fields=fields,
            seed=(1, number, 1),
            unsubscribe_url=f"https://u.sender.example/{number:032x}",
        )
        return compose(variant, letter).size

    return make


def theirs() -> Callable[[int], int]:
    environment = SandboxedEnvironment(autoescape=True)
    plain = SandboxedEnvironment()
    subject, text, html = plain.from_string(SUBJECT), plain.from_string(TEXT), environment.from_string(HTML)

    def make(number: int) -> int:
        url = f"https://u.sender.example/{number:032x}"
        fields = lead(number) | {"unsubscribe_url": url}
        message = EmailMessage(policy=SMTP)
        message["From"] = "Kim Sender <kim@sender.example>"
        message["To"] = f"{fields['first_name']} {fields['last_name']} <lead{number}@example.com>"
        message["Subject"] = subject.render(fields)
        message["Date"] = NOW
        message["Message-ID"] = message_id(SECRET, 1, number, 1, "sender.example")
        message["List-Unsubscribe"] = f"<{url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(text.render(fields))
        message.add_alternative(html.render(fields), subtype="html")
        return len(message.as_bytes())

    return make


def microseconds(make: Callable[[int], int], start: int, times: int) -> float:
    begun = perf_counter()
    for number in range(start, start + times):
        make(number)
    return (perf_counter() - begun) / times * 1e6


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    caesura, stdlib = ours(), theirs()
    sys.stdout.write(f"size: caesura {caesura(1):,} octets, Jinja2 + EmailMessage {stdlib(1):,} octets\n")
    measured: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        measured[0].append(microseconds(caesura, turn * 5_000, 5_000))
        measured[1].append(microseconds(stdlib, turn * 100, 100))
    for name, figures in zip(("caesura", "Jinja2 sandbox + EmailMessage"), measured, strict=True):
        spread = f"{min(figures):,.1f} to {max(figures):,.1f}"
        sys.stdout.write(f"{name:32} {median(figures):9,.1f} us per message ({spread})\n")
    sys.stdout.write(f"ratio of the medians: {median(measured[1]) / median(measured[0]):.0f}\n")


if __name__ == "__main__":
    main()
