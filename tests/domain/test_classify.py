"""Who is at fault: the tables, read aloud."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.classify import (
    AUTHENTICATION_CODES,
    CAUSES,
    CODES,
    ENHANCED,
    LOCAL,
    SUBJECTS,
    Fault,
    classify,
    classify_session,
)

STAGES = ["connect", "tls", "greeting", "ehlo", "starttls", "auth", "queue", "mail", "rcpt", "data", "content"]
STAGES += ["rset", "noop", "quit", *LOCAL]

LEAD = [
    ("rcpt", 550, "5.1.1", "unknown_recipient"),
    ("rcpt", 550, None, "recipient_refused"),
    ("rcpt", 550, "5.2.1", "recipient_disabled"),
    ("rcpt", 550, "5.1.10", "unknown_domain"),
    ("rcpt", 556, None, "unknown_domain"),
    ("rcpt", 550, "5.4.1", "unroutable"),
    ("rcpt", 501, "5.1.3", "bad_address"),
    ("rcpt", 553, None, "bad_address"),
    ("rcpt", 551, None, "recipient_moved"),
    ("rcpt", 554, None, "recipient_refused"),
    ("rcpt", 550, "5.1.99", "recipient_refused"),
    ("rcpt", 550, "5.7.133", "recipient_policy"),
    ("rcpt", 550, "5.6.7", "smtputf8_not_offered"),
    ("content", 550, "5.1.1", "unknown_recipient"),
    ("data", 550, "5.1.1", "unknown_recipient"),
    ("recipient", None, None, "bad_address"),
    ("smtputf8", None, None, "smtputf8_not_offered"),
]
MAILBOX = [
    ("auth", 535, "5.7.8", "authentication"),
    ("auth", 500, None, "authentication"),
    ("auth", 432, "4.7.12", "authentication"),
    ("mail", 530, "5.7.0", "authentication"),
    ("rcpt", 530, None, "authentication"),
    ("mail", 530, "5.7.57", "authentication"),
    ("mail", 550, "5.7.1", "policy"),
    ("mail", 550, None, "sender_refused"),
    ("mail", 553, "5.1.8", "sender_refused"),
    ("content", 554, "5.7.60", "sender_refused"),
    ("mail", 550, "5.1.1", "sender_refused"),
    ("mail", 503, "5.5.1", "protocol_refused"),
    ("rcpt", 500, "5.3.0", "protocol_refused"),
    ("mail", 554, None, "relay_refused"),
    ("rcpt", 554, "5.7.1", "policy"),
    ("rcpt", 550, "5.7.26", "sender_authentication"),
    ("content", 550, "5.4.5", "sending_limit"),
    ("content", 550, "5.7.708", "policy"),
    ("greeting", 554, "5.7.1", "policy"),
    ("greeting", 554, None, "relay_refused"),
    ("ehlo", 550, "5.1.1", "relay_refused"),
    ("sender", None, None, "bad_sender_address"),
]
MESSAGE = [
    ("content", 552, None, "too_large"),
    ("mail", 552, "5.3.4", "too_large"),
    ("mail", 552, None, "too_large"),
    ("rcpt", 552, "5.3.4", "too_large"),
    ("content", 554, "5.6.0", "content_refused"),
    ("data", 554, None, "content_refused"),
    ("content", 550, None, "content_refused"),
    ("content", 550, "5.7.1", "refused_as_spam"),
    ("content", 552, "5.7.0", "content_refused"),
    ("size", None, None, "too_large"),
    ("form", None, None, "bad_line_ends"),
    ("8bitmime", None, None, "eight_bit_not_offered"),
]
RETRY = [
    ("mail", 421, "4.3.2", "service_closing"),
    ("rcpt", 450, "4.2.1", "recipient_busy"),
    ("rcpt", 450, "4.7.1", "put_off_by_policy"),
    ("rcpt", 452, "4.2.2", "recipient_full"),
    ("rcpt", 552, "5.2.2", "recipient_full"),
    ("rcpt", 552, None, "recipient_full"),
    ("content", 451, None, "try_later"),
    ("content", 452, None, "relay_full"),
    ("data", 250, None, "unexpected_reply"),
    ("mail", 354, None, "unexpected_reply"),
    ("data", None, None, "line_lost"),
    ("content", None, None, "line_lost"),
    ("connect", None, None, "unreachable"),
    ("auth", 454, "4.7.0", "put_off_by_policy"),
]
ROWS = [
    (fault, *row)
    for fault, rows in [
        (Fault.LEAD, LEAD),
        (Fault.MAILBOX, MAILBOX),
        (Fault.MESSAGE, MESSAGE),
        (Fault.RETRY, RETRY),
    ]
    for row in rows
]


@pytest.mark.parametrize(("fault", "stage", "code", "enhanced", "cause"), ROWS)
def test_each_refusal_has_its_culprit(
    fault: Fault, stage: str, code: int | None, enhanced: str | None, cause: str
) -> None:
    verdict = classify(stage, code, enhanced)
    assert (verdict.fault, verdict.cause) == (fault, cause)


def test_every_code_at_every_stage_has_a_verdict_with_a_known_cause() -> None:
    enhanced = [None, *ENHANCED, "4.2.2", "4.7.1", "2.0.0", "5.9.9", "5.1.99", "5.7.999"]
    for stage in STAGES:
        for code in [None, *range(100, 600)]:
            for status in enhanced if code in (250, 354, 421, 450, 500, 535, 550, 554) else [None, "5.1.1", "4.7.1"]:
                assert classify(stage, code, status).cause in CAUSES


def test_a_4xx_is_never_the_leads_or_the_messages_fault() -> None:
    for stage in STAGES:
        for code in range(400, 500):
            fault = classify(stage, code, None).fault
            assert fault is (Fault.MAILBOX if code in AUTHENTICATION_CODES else Fault.RETRY)


def test_nothing_said_before_rcpt_is_ever_the_leads_fault() -> None:
    for stage in set(STAGES) - {"rcpt", "data", "content", *LOCAL}:
        for code in range(500, 600):
            for enhanced in [None, *ENHANCED]:
                assert classify(stage, code, enhanced).fault is not Fault.LEAD, (stage, code, enhanced)


@pytest.mark.parametrize("code", sorted(AUTHENTICATION_CODES))
@pytest.mark.parametrize("stage", STAGES)
def test_a_credentials_code_means_credentials_wherever_it_comes(stage: str, code: int) -> None:
    assert classify(stage, code, None).cause == "authentication"


def test_an_enhanced_code_of_another_class_is_ignored() -> None:
    assert classify("rcpt", 450, "5.1.1").fault is Fault.RETRY
    assert classify("rcpt", 550, "4.2.2").fault is Fault.LEAD


@given(st.text(), st.one_of(st.none(), st.integers()), st.one_of(st.none(), st.text()))
def test_any_input_at_all_has_a_verdict(stage: str, code: int | None, enhanced: str | None) -> None:
    assert classify(stage, code, enhanced).cause in CAUSES


def test_the_tables_hold_only_what_can_be_asked() -> None:
    assert all(re.fullmatch(r"5\.\d{1,3}\.\d{1,3}", status) for status in ENHANCED)
    assert all(re.fullmatch(r"5\.\d", subject) for subject in SUBJECTS)
    assert all(500 <= code < 600 for code in CODES)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", cause) for cause in CAUSES)


@pytest.mark.parametrize(
    ("kind", "stage", "code", "fault", "cause"),
    [
        ("temporary", "connect", None, Fault.RETRY, "unreachable"),
        ("temporary", "tls", None, Fault.RETRY, "line_lost"),
        ("temporary", "greeting", 421, Fault.RETRY, "service_closing"),
        ("temporary", "greeting", 554, Fault.RETRY, "try_later"),
        ("authentication", "auth", 535, Fault.MAILBOX, "authentication"),
        ("tls", "starttls", None, Fault.MAILBOX, "tls"),
        ("policy", "greeting", 554, Fault.MAILBOX, "policy"),
        ("permanent", "ehlo", 550, Fault.MAILBOX, "relay_refused"),
        ("secret", "connect", None, Fault.MAILBOX, "secret_unreadable"),
    ],
)
def test_a_session_that_fails_is_the_mailboxs_fault_or_nobodys(
    kind: str, stage: str, code: int | None, fault: Fault, cause: str
) -> None:
    verdict = classify_session(kind, stage, code, None)
    assert (verdict.fault, verdict.cause) == (fault, cause)


def test_an_unknown_kind_of_session_failure_is_refused() -> None:
    with pytest.raises(ValueError, match="no such kind"):
        classify_session("odd", "auth", 535, None)
