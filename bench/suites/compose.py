"""Microseconds to compose one message, beside Jinja2's sandbox with the standard library's EmailMessage.

Both make the same 3 kB HTML and text message with five variables and an unsubscribe link, in turns.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from time import perf_counter

from jinja2.sandbox import SandboxedEnvironment

from bench import letter
from bench.report import Report
from bench.scene import Scene
from caesura.domain.compose import Letter, compile_variant, compose, message_id

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SECRET = b"0123456789abcdef"


def ours() -> Callable[[int], int]:
    variant = compile_variant(letter.SUBJECT, letter.HTML, letter.TEXT, "/variant")

    def make(number: int) -> int:
        fields = letter.lead(number)
        sheet = Letter(
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
        return compose(variant, sheet).size

    return make


def theirs() -> Callable[[int], int]:
    environment = SandboxedEnvironment(autoescape=True)
    plain = SandboxedEnvironment()
    subject, text = plain.from_string(letter.SUBJECT), plain.from_string(letter.TEXT)
    html = environment.from_string(letter.HTML)

    def make(number: int) -> int:
        url = f"https://u.sender.example/{number:032x}"
        fields = letter.lead(number) | {"unsubscribe_url": url}
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


def measure(scene: Scene) -> Report:
    """Thousands of ours and a hundred of theirs in each round."""
    report = Report("compose")
    caesura, stdlib = ours(), theirs()
    report.add("size, caesura", "octets", caesura(1))
    report.add("size, EmailMessage", "octets", stdlib(1))
    measured: tuple[list[float], list[float]] = ([], [])
    for turn in range(scene.rounds):
        measured[0].append(microseconds(caesura, turn * 5_000, 5_000))
        measured[1].append(microseconds(stdlib, turn * 100, 100))
    first = report.add("caesura", "us a message", *measured[0])
    second = report.add("Jinja2 sandbox and EmailMessage", "us a message", *measured[1])
    report.add("ratio of the medians", "x", second.median / first.median)
    return report
