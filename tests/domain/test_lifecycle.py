"""Every pair of state and event is either in the table or refused; nothing is sampled."""

from itertools import product

import pytest

from caesura.domain.errors import Conflict
from caesura.domain.lifecycle import (
    CAMPAIGN,
    ENROLLMENT,
    FINAL_MESSAGES,
    MESSAGE,
    CampaignState,
    CampaignVerb,
    EnrollmentEvent,
    EnrollmentState,
    MessageEvent,
    MessageState,
    campaign_after,
    campaign_verbs,
    enrollment_after,
    enrollment_sources,
    message_after,
    message_sources,
)


def reachable(table, start) -> set:
    found = {start}
    while more := {after for (state, _), after in table.items() if state in found} - found:
        found |= more
    return found


@pytest.mark.parametrize(("state", "verb"), list(product(CampaignState, CampaignVerb)))
def test_a_campaign_moves_by_its_table_or_says_what_it_allows(state, verb) -> None:
    if (state, verb) in CAMPAIGN:
        assert campaign_after(state, verb) is CAMPAIGN[(state, verb)]
        return
    with pytest.raises(Conflict) as caught:
        campaign_after(state, verb)
    assert caught.value.state == state
    assert set(caught.value.allowed) == set(campaign_verbs(state))


@pytest.mark.parametrize(("state", "event"), list(product(EnrollmentState, EnrollmentEvent)))
def test_an_enrollment_moves_by_its_table_or_is_refused(state, event) -> None:
    if (state, event) in ENROLLMENT:
        assert enrollment_after(state, event) is ENROLLMENT[(state, event)]
        assert state in enrollment_sources(event)
    else:
        assert state not in enrollment_sources(event)
        with pytest.raises(Conflict):
            enrollment_after(state, event)


@pytest.mark.parametrize(("state", "event"), list(product([None, *MessageState], MessageEvent)))
def test_a_message_moves_by_its_table_or_is_refused(state, event) -> None:
    if (state, event) in MESSAGE:
        assert message_after(state, event) is MESSAGE[(state, event)]
    else:
        assert state not in message_sources(event)
        with pytest.raises(Conflict):
            message_after(state, event)


def test_every_state_can_be_reached() -> None:
    assert reachable(CAMPAIGN, CampaignState.DRAFT) == set(CampaignState)
    assert reachable(ENROLLMENT, EnrollmentState.WAITING) == set(EnrollmentState)
    assert reachable(MESSAGE, None) == {None, *MessageState}


def test_the_ends_have_no_way_out() -> None:
    assert not [key for key in CAMPAIGN if key[0] is CampaignState.STOPPED]
    assert not [key for key in ENROLLMENT if key[0] is EnrollmentState.FINISHED]
    assert [key[1] for key in ENROLLMENT if key[0] is EnrollmentState.STOPPED] == [EnrollmentEvent.READMIT]
    assert not [key for key in MESSAGE if key[0] in FINAL_MESSAGES]


def test_only_a_running_campaign_pauses_or_one_that_is_edited() -> None:
    assert {state for state, verb in CAMPAIGN if verb is CampaignVerb.PAUSE} == {
        CampaignState.RUNNING,
        CampaignState.EDITING,
    }


def test_an_unknown_message_is_never_marked_again() -> None:
    assert (MessageState.UNKNOWN, MessageEvent.MARK) not in MESSAGE
    assert set(message_sources(MessageEvent.MARK)) == {MessageState.DEFERRED, MessageState.CANCELLED}


def test_only_a_waiting_enrollment_can_be_claimed() -> None:
    assert enrollment_sources(EnrollmentEvent.CLAIM) == (EnrollmentState.WAITING,)


@pytest.mark.parametrize("state", EnrollmentState)
def test_a_refusal_names_what_a_caller_can_ask_of_an_enrollment_and_nothing_of_the_engine(state) -> None:
    for event in EnrollmentEvent:
        if (state, event) not in ENROLLMENT:
            with pytest.raises(Conflict) as refused:
                enrollment_after(state, event)
            assert set(refused.value.allowed) <= {"hold", "release", "stop"}
            assert all((state, EnrollmentEvent(verb)) in ENROLLMENT for verb in refused.value.allowed)
