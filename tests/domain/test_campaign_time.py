"""The campaign's clock against a model that adds up running time second by second."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesura.domain.campaign_time import CampaignClock, ClockMode, campaign_now, pause, resume, to_real

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FREEZE, RUN = ClockMode.FREEZE, ClockMode.RUN


def test_a_new_clock_shows_real_time() -> None:
    assert campaign_now(CampaignClock(), NOON) == NOON
    assert to_real(CampaignClock(), NOON) == NOON


def test_a_frozen_pause_stands_still_and_goes_on_from_the_same_place() -> None:
    paused = pause(CampaignClock(), NOON, FREEZE)
    assert campaign_now(paused, NOON + 5 * HOUR) == NOON
    resumed = resume(paused, NOON + 5 * HOUR)
    assert resumed == CampaignClock(5 * HOUR, None, FREEZE)
    assert campaign_now(resumed, NOON + 5 * HOUR) == NOON
    assert campaign_now(resumed, NOON + 6 * HOUR) == NOON + HOUR


def test_a_wait_has_as_much_to_go_after_a_frozen_pause_as_before() -> None:
    due = NOON + 3 * HOUR
    paused = pause(CampaignClock(), NOON + HOUR, FREEZE)
    assert due - campaign_now(paused, NOON + 100 * HOUR) == 2 * HOUR
    resumed = resume(paused, NOON + 100 * HOUR)
    assert to_real(resumed, due) == NOON + 102 * HOUR


def test_a_running_pause_counts_as_if_there_had_been_none() -> None:
    paused = pause(CampaignClock(), NOON, RUN)
    assert campaign_now(paused, NOON + 5 * HOUR) == NOON + 5 * HOUR
    resumed = resume(paused, NOON + 5 * HOUR)
    assert resumed.offset == timedelta()
    assert campaign_now(resumed, NOON + 6 * HOUR) == NOON + 6 * HOUR


def test_a_second_pause_of_a_paused_clock_changes_nothing() -> None:
    paused = pause(CampaignClock(), NOON, FREEZE)
    assert pause(paused, NOON + HOUR, FREEZE) == paused
    running = pause(CampaignClock(), NOON, RUN)
    assert pause(running, NOON + HOUR, RUN) == running


def test_a_resume_of_a_running_clock_changes_nothing() -> None:
    clock = CampaignClock(HOUR)
    assert resume(clock, NOON) == clock


def test_freeze_to_run_in_mid_pause_counts_from_the_change() -> None:
    changed = pause(pause(CampaignClock(), NOON, FREEZE), NOON + 2 * HOUR, RUN)
    assert changed == CampaignClock(2 * HOUR, None, RUN)
    assert resume(changed, NOON + 5 * HOUR).offset == 2 * HOUR


def test_run_to_freeze_in_mid_pause_counts_from_the_change() -> None:
    changed = pause(pause(CampaignClock(), NOON, RUN), NOON + 2 * HOUR, FREEZE)
    assert changed.stopped_at == NOON + 2 * HOUR
    assert resume(changed, NOON + 5 * HOUR).offset == 3 * HOUR


def test_a_clock_that_jumped_back_during_a_pause_adds_nothing() -> None:
    paused = pause(CampaignClock(HOUR), NOON, FREEZE)
    assert campaign_now(paused, NOON - 9 * HOUR) == NOON - HOUR
    assert resume(paused, NOON - 9 * HOUR).offset == HOUR
    assert pause(paused, NOON - 9 * HOUR, RUN).offset == HOUR


def test_the_mode_may_be_given_as_its_word() -> None:
    assert pause(CampaignClock(), NOON, "run").mode is RUN
    with pytest.raises(ValueError, match="sleep"):
        pause(CampaignClock(), NOON, "sleep")


def test_a_clock_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        CampaignClock(-HOUR)
    with pytest.raises(ValueError, match="frozen"):
        CampaignClock(HOUR, NOON, RUN)


@dataclass
class Model:
    """Running time, added up."""

    ran: timedelta = timedelta()
    stands: bool = False


verbs = st.sampled_from(["freeze", "run", "resume", "wait"])
spans = st.integers(0, 10**12).map(lambda n: timedelta(microseconds=n))


@settings(deadline=None)
@given(st.lists(st.tuples(spans, verbs), max_size=30))
def test_over_any_series_of_pauses_campaign_time_is_the_running_time(series: list[tuple[timedelta, str]]) -> None:
    clock, model, now = CampaignClock(), Model(), NOON
    for span, verb in series:
        now += span
        model.ran += timedelta() if model.stands else span
        assert campaign_now(clock, now) == NOON + model.ran
        before = clock
        match verb:
            case "resume":
                clock, model.stands = resume(clock, now), False
            case "freeze" | "run":
                clock, model.stands = pause(clock, now, ClockMode(verb)), verb == "freeze"
        assert campaign_now(clock, now) == NOON + model.ran, "no verb moves campaign time"
        assert clock.offset >= before.offset
        assert to_real(clock, campaign_now(clock, now)) == (clock.stopped_at or now)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-(10**6), 10**6), verbs), max_size=30))
def test_whatever_the_real_clock_does_the_offset_never_shrinks(series: list[tuple[int, str]]) -> None:
    clock, now, latest = CampaignClock(), NOON, NOON
    for seconds, verb in series:
        now += timedelta(seconds=seconds)
        latest = max(latest, now)
        before = clock
        if verb == "resume":
            clock = resume(clock, now)
        elif verb != "wait":
            clock = pause(clock, now, ClockMode(verb))
        assert clock.offset >= before.offset
        assert campaign_now(clock, now) <= latest
