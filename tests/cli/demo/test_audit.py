"""The demo's audit sees what it says it sees: each fault that is planted makes its own claim fail."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from caesura.cli.demo.audit import Arrival, Entry, Expected, Held, audit, audit_import, expected_of
from caesura.domain.lead_file import read_leads

FILE = b"""email,first_name,company
anna@example.com,Anna,Nordwind
bad address,Ben,
info@b\xc3\xbccher.example,,"{{ first_name }}"
ANNA@example.com,Again,
carla@example.com,Carla,
"""
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
QUIET = (START + timedelta(seconds=10), START + timedelta(seconds=20))
SENDERS = {"anna@example.com": "mara@example.org"}


@pytest.fixture
def expected() -> Expected:
    return expected_of(read_leads([FILE]), {"first_name": "there"}, set(), [0, 2], QUIET)


@pytest.fixture
def arrivals(expected: Expected) -> list[Arrival]:
    return [arrival for lead in expected.leads for arrival in thread(lead.address.address, lead.fields)]


@pytest.fixture
def ledger(arrivals: list[Arrival]) -> list[Entry]:
    return [
        Entry(
            enrollment=arrival.recipient,
            step=1 if "In-Reply-To" not in arrival.content else 2,
            state="sent",
            message_id=arrival.message_id,
            sender=arrival.sender,
            recipient=arrival.recipient,
            subject=str(arrival.content["Subject"]),
        )
        for arrival in arrivals
    ]


def thread(address: str, fields: dict[str, str]) -> list[Arrival]:
    """A first message and its follow-up."""
    found = []
    for step in (1, 2):
        content = EmailMessage()
        content["Message-ID"] = f"<{step}-{address.replace('@', '-at-')}@example.org>"
        content["To"] = address
        content["Subject"] = ("Re: " if step == 2 else "") + f"Coffee for {fields.get('company', 'your office')}"
        content["List-Unsubscribe"] = "<https://example.org/unsubscribe>"
        if step == 2:
            first = f"<1-{address.replace('@', '-at-')}@example.org>"
            content["In-Reply-To"] = content["References"] = first
        text = f"Hi {fields.get('first_name', 'there')},\nwould you like some?"
        content.set_content(text)
        content.add_alternative(f"<p>{text}</p>", subtype="html")
        received = START + timedelta(seconds=1 if step == 1 else 25)
        found.append(Arrival(SENDERS.get(address, "noor@example.org"), address, received, content))
    return found


def failed(expected: Expected, ledger: Sequence[Entry], arrivals: Sequence[Arrival]) -> list[str]:
    return [one.claim for one in audit(expected, ledger, arrivals, held=()) if not one.holds]


def test_a_faultless_run_holds(expected: Expected, ledger: list[Entry], arrivals: list[Arrival]) -> None:
    verdicts = audit(expected, ledger, arrivals, held=())
    assert all(one.holds for one in verdicts)
    assert verdicts[0].detail == "3 leads x 2 steps = 6 messages"


def test_a_lead_that_lacks_a_variable_must_be_held_for_it_and_not_be_written_to(
    expected: Expected, ledger: list[Entry], arrivals: list[Arrival]
) -> None:
    needing = replace(expected, required={"company"})
    lacking = "carla@example.com"
    others = [one for one in arrivals if one.recipient != lacking]
    rows = [one for one in ledger if one.recipient != lacking]
    [held] = [Held(lead.key, 1, "missing_variable") for lead in expected.leads if lead.address.address == lacking]

    def holds(entries: list[Entry], seen: list[Arrival], *held: Held) -> bool:
        return all(one.holds for one in audit(needing, entries, seen, held))

    assert holds(rows, others, held)
    assert not holds(rows, others)
    assert not holds(ledger, arrivals)
    assert not holds(ledger, arrivals, held)
    assert not holds(rows, others, replace(held, cause="render_failed"))
    assert not holds(rows, others, held, Held("anna@example.com", 1, "missing_variable"))
    first = [one for one in ledger if one.recipient != lacking or one.step == 1]
    seen = [one for one in arrivals if one.recipient != lacking or "In-Reply-To" not in one.content]
    assert holds(first, seen, replace(held, step=2))


def lose(arrivals: list[Arrival]) -> None:
    del arrivals[3]


def repeat(arrivals: list[Arrival]) -> None:
    arrivals.append(arrivals[0])


def write_to_a_stranger(arrivals: list[Arrival]) -> None:
    [arrival, _] = thread("stranger@example.com", {"first_name": "Stranger"})
    arrivals.append(arrival)


def misdirect(arrivals: list[Arrival]) -> None:
    arrivals[0].content.replace_header("To", "carla@example.com")


def change_the_subject(arrivals: list[Arrival]) -> None:
    arrivals[0].content.replace_header("Subject", "Coffee for Anna")


def hurry(arrivals: list[Arrival]) -> None:
    arrivals[1] = replace(arrivals[1], received_at=arrivals[0].received_at + timedelta(seconds=1.9))


def break_the_thread(arrivals: list[Arrival]) -> None:
    arrivals[1].content.replace_header("In-Reply-To", "<other@example.org>")


def leave_spintax(arrivals: list[Arrival]) -> None:
    arrivals[0] = replace(arrivals[0], content=with_text(arrivals[0], "{Hi|Hello} Anna"))


def say_nothing_personal(arrivals: list[Arrival]) -> None:
    arrivals[4] = replace(arrivals[4], content=with_text(arrivals[4], "Hello"))


def send_no_html(arrivals: list[Arrival]) -> None:
    arrivals[0].content.clear_content()
    arrivals[0].content.set_content("Hi Anna")


def forget_the_unsubscribe(arrivals: list[Arrival]) -> None:
    del arrivals[0].content["List-Unsubscribe"]


def break_the_silence(arrivals: list[Arrival]) -> None:
    arrivals[1] = replace(arrivals[1], received_at=START + timedelta(seconds=15))


def with_text(arrival: Arrival, text: str) -> EmailMessage:
    """The same head with other words."""
    content = EmailMessage()
    for name, value in arrival.content.items():
        if not name.lower().startswith("content-") and name != "MIME-Version":
            content[name] = str(value)
    content.set_content(text)
    content.add_alternative(f"<p>{text}</p>", subtype="html")
    return content


COMPLETE = "every lead has each step exactly once"
NOBODY_ELSE = "nobody else was written to, and nothing arrived twice"
AGREE = "ledger and sink agree: Message-ID, sender, recipient, subject"
ORDER = "steps came in order, from one mailbox each, none before its delay"
THREADS = "follow-ups are in the first message's thread"
HOLES = "every message is personal, in text and HTML, with no hole in it"
SILENT = "nothing arrived between the quiet of the pause and the resume"


@pytest.mark.parametrize(
    ("plant", "claims"),
    [
        (lose, {COMPLETE, AGREE}),
        (repeat, {COMPLETE, NOBODY_ELSE}),
        (write_to_a_stranger, {NOBODY_ELSE, AGREE}),
        (misdirect, {AGREE}),
        (change_the_subject, {AGREE}),
        (hurry, {ORDER}),
        (break_the_thread, {THREADS}),
        (leave_spintax, {HOLES}),
        (say_nothing_personal, {HOLES}),
        (send_no_html, {HOLES}),
        (forget_the_unsubscribe, {HOLES}),
        (break_the_silence, {SILENT}),
    ],
)
def test_a_fault_on_the_wire_is_seen(
    plant: Callable[[list[Arrival]], None],
    claims: set[str],
    expected: Expected,
    ledger: list[Entry],
    arrivals: list[Arrival],
) -> None:
    plant(arrivals)
    assert set(failed(expected, ledger, arrivals)) == claims


def test_a_hole_is_seen_but_a_lead_whose_own_name_looks_like_one_is_not(
    expected: Expected, ledger: list[Entry], arrivals: list[Arrival]
) -> None:
    assert any("{{ first_name }}" in str(arrival.content["Subject"]) for arrival in arrivals)
    assert failed(expected, ledger, arrivals) == []
    arrivals[0] = replace(arrivals[0], content=with_text(arrivals[0], "Hi {{ first_name }}, from Nordwind"))
    assert failed(expected, ledger, arrivals) == [HOLES]


@pytest.mark.parametrize(
    ("change", "claims"),
    [
        ({"state": "unknown"}, {AGREE}),
        ({"sender": "other@example.org"}, {AGREE, ORDER}),
        ({"message_id": "<other@example.org>"}, {AGREE, THREADS}),
        ({"step": 3}, {ORDER}),
    ],
)
def test_a_fault_in_the_ledger_is_seen(
    change: dict[str, object],
    claims: set[str],
    expected: Expected,
    ledger: list[Entry],
    arrivals: list[Arrival],
) -> None:
    ledger[0] = replace(ledger[0], **change)
    assert set(failed(expected, ledger, arrivals)) >= claims


def test_the_import_must_report_every_row(expected: Expected) -> None:
    reported, duplicates = {3: "address_syntax"}, [5]
    assert [row.line for row in expected.rejections] == [3]
    assert expected.duplicates == {5: 2}
    assert all(one.holds for one in audit_import(expected, reported, duplicates, 3))
    for wrong in (
        ({}, duplicates, 3),
        ({3: "address_missing"}, duplicates, 3),
        ({**reported, 4: "address_syntax"}, duplicates, 3),
        (reported, [], 3),
        (reported, [5, 6], 3),
        (reported, duplicates, 2),
    ):
        assert not all(one.holds for one in audit_import(expected, *wrong))
