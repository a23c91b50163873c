"""The letter that all suites send, and the leads it goes to."""

import csv
from collections.abc import Iterator
from pathlib import Path

COLUMNS = ("email", "first_name", "last_name", "company", "city", "position")
_NAMES = ("Anna", "Jörg", "Chloé", "Ben", "Ngọc", "Ada", "Grace", "Émile", "Olu", "Kim")
_CITIES = ("Hamburg", "Lyon", "Kraków", "Porto", "Leeds", "Gent", "Turin")

_PARAGRAPH = (
    "<p>We read about {{ company }} last week and thought of how many teams in {{ city }} lose hours to work that "
    "nobody sees. That is why we built something small that takes it off their hands, and keeps it off.</p>\n"
)
SUBJECT = "{{ first_name }}, a question about {{ company }}"
HTML = (
    '<html><body style="font-family: sans-serif">\n<p>Dear {{ first_name }} {{ last_name }},</p>\n'
    + _PARAGRAPH
    + "<p>A plain paragraph that is the same for everybody, with a line or two of text in it to read.</p>\n" * 16
    + "<p>Would {{ position }} have ten minutes?</p>\n"
    '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>\n'
)
TEXT = (
    "Dear {{ first_name }} {{ last_name }},\n\nWe read about {{ company }} last week and thought of how many teams in "
    "{{ city }} lose hours to work that nobody sees.\n\n"
    + "A plain paragraph that is the same for everybody, with a line or two of text in it to read.\n\n" * 5
    + "Would {{ position }} have ten minutes?\n\nUnsubscribe: {{ unsubscribe_url }}\n"
)
STEP = {"subject": SUBJECT, "html": HTML, "text": TEXT}
MANY_STEPS = [STEP] + [{"delay": 0, "html": HTML, "text": TEXT}] * 49
"""Fifty messages for each lead without a break: keeps the load up however few leads there are."""


def lead(count: int, domain: str = "example.org") -> dict[str, str]:
    """The lead of this number, with five variables."""
    return {
        "email": f"lead{count}@{domain}",
        "first_name": _NAMES[count % len(_NAMES)],
        "last_name": f"Example {count}",
        "company": f"Acme & Sons {count // 7}",
        "city": _CITIES[count % len(_CITIES)],
        "position": "the operations desk",
    }


def leads(first: int, count: int, domain: str = "example.org") -> Iterator[dict[str, str]]:
    """So many leads, from this number on."""
    return (lead(one, domain) for one in range(first, first + count))


def write_leads(path: Path, first: int, count: int, domain: str = "example.org") -> Path:
    """A CSV file of them, as one would import it."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(leads(first, count, domain))
    return path
