"""Every reason has one sentence that reads well with all of its facts, with some, and with none."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesura.domain.reasons import FACTS, TEMPLATES, Reason, held_for, sentence, stopped_for

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
ALL_FACTS: dict[str, object] = dict.fromkeys(FACTS, "some fact") | {"at": AT, "limit": 50}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_a_code_word_equal_to_its_name(reason: Reason) -> None:
    assert reason.value == reason.name.lower()
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason)


def test_every_reason_has_a_template_and_no_template_is_spare() -> None:
    assert set(TEMPLATES) == set(Reason)
    assert len(set(TEMPLATES.values())) == len(Reason)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize(
    "facts", [{}, ALL_FACTS, {"at": AT}, {"limit": 3, "detail": "x"}], ids=["none", "all", "at", "two"]
)
def test_each_reason_gives_one_sentence(reason: Reason, facts: dict[str, object]) -> None:
    text = sentence(reason, **facts)
    assert re.fullmatch(r"[A-Z][^.\[\]{}]*\.", text), text
    assert "  " not in text
    assert " ." not in text
    assert " ," not in text


@pytest.mark.parametrize("reason", Reason)
def test_facts_stand_only_in_parts_that_can_be_left_out(reason: Reason) -> None:
    assert "{" not in re.sub(r"\[[^\]]*\]", "", TEMPLATES[reason])


@pytest.mark.parametrize(
    ("reason", "facts", "text"),
    [
        (Reason.DAILY_CAP, {}, "The mailbox has used its daily cap."),
        (
            Reason.DAILY_CAP,
            {"mailbox": "anna@example.org", "limit": 50, "at": AT},
            "The mailbox anna@example.org has used its daily cap of 50; it goes on at 2026-03-01T09:00:00Z.",
        ),
        (
            Reason.OUTSIDE_WINDOW,
            {"at": datetime(2026, 3, 1, 10, tzinfo=timezone(timedelta(hours=1))), "zone": "Europe/Berlin"},
            "It is outside the sending window (Europe/Berlin), which opens at 2026-03-01T09:00:00Z.",
        ),
        (Reason.CAMPAIGN_PAUSED, {"cause": "manual", "at": None}, "The campaign is paused (manual)."),
        (Reason.CAMPAIGN_DRAFT, {"at": AT}, "The campaign is a draft and has not been started."),
        (
            Reason.MISSING_VARIABLE,
            {"detail": "first_name\r\nBcc: x"},
            "The lead has no value for a variable that the step needs: first_name Bcc: x.",
        ),
        (Reason.DOMAIN_HOLD, {"domain": "{at}[x]"}, "The recipient's domain {at}[x] is on hold."),
    ],
)
def test_a_sentence_tells_what_is_known(reason: Reason, facts: dict[str, object], text: str) -> None:
    assert sentence(reason, **facts) == text


def test_a_fact_that_no_sentence_uses_is_refused() -> None:
    with pytest.raises(ValueError, match="untill"):
        sentence(Reason.GAP, untill=AT)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        sentence(Reason.GAP, at=AT.replace(tzinfo=None))


@settings(deadline=None)
@given(st.text(alphabet=st.characters(), max_size=500))
def test_whatever_others_wrote_stays_on_one_short_line(text: str) -> None:
    told = sentence(Reason.RENDER_FAILED, detail=text)
    assert told.isprintable()
    assert len(told) < 300
    told.encode()


def test_causes_of_rows_become_reasons() -> None:
    assert stopped_for("bounced") is Reason.STOPPED_BOUNCED
    assert stopped_for("never_heard_of") is Reason.STOPPED_OTHER
    assert stopped_for("") is Reason.STOPPED_OTHER
    assert held_for("unknown_outcome") is Reason.UNKNOWN_OUTCOME
    assert held_for("missing_variable") is Reason.MISSING_VARIABLE
    assert held_for("never_heard_of") is Reason.HELD_OTHER
