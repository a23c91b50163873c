"""Single mailings: behind the gate like any campaign, and in no list of them."""

from typing import Any

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.errors import Invalid, NotFound
from caesura.domain.lead_entry import LeadInput
from caesura.service import campaigns, definitions, holds, leads, mailings, suppression_groups, suppressions
from caesura.service.mailings import Mailing


async def send(world, *recipients: str | LeadInput, group_id: int | None = None, **more: Any) -> Mailing:
    data = {
        "name": "a word",
        "pool": await world.pool(),
        "steps": [{"subject": "Hello {{ first_name }}", "text": "Hello"}],
        "defaults": {"first_name": "there"},
        "unsubscribe": {"mailto": "stop@sender.test"},
        **more,
    }
    given = [LeadInput(one) if isinstance(one, str) else one for one in recipients]
    return await mailings.send(*world.key, read_definition(data), given, group_id, world.actor, world.now)


async def count(world) -> int:
    number: int = await world.value("select count(*) from campaign")
    return number


async def test_a_mailing_goes_out_once_to_each_and_is_in_no_list(world) -> None:
    done = await send(world, "kim@example.com", "ben@example.com", "KIM@example.com")
    assert [one.fate for one in done.outcomes] == ["enrolled", "enrolled", "rejected"]
    assert await world.send(done.campaign_id) == 2
    assert await world.send(done.campaign_id) == 0
    assert await definitions.page(*world.key, None, None, False, 10) == []
    status = await campaigns.status(*world.key, done.campaign_id, world.now)
    assert (status.campaign.kind, status.campaign.cause) == ("single", "mailing")


async def test_what_is_for_this_mailing_only_does_not_stay_with_the_lead(world) -> None:
    lead_id = await world.lead("kim@example.com", first_name="Kim")
    done = await send(world, LeadInput("kim@example.com", own_fields={"first_name": "K."}))
    assert (await leads.get(*world.key, lead_id)).fields == {"first_name": "Kim"}
    [own] = await world.fetch("select fields from enrollment where campaign_id = $1", done.campaign_id)
    assert own["fields"] == {"first_name": "K."}


async def test_a_mailing_with_a_time_waits_for_it(world) -> None:
    at = world.now.replace(hour=12)
    done = await send(world, "kim@example.com", starts_at=at.isoformat())
    row = (await campaigns.status(*world.key, done.campaign_id, world.now)).campaign
    assert (row.status, row.starts_at) == ("scheduled", at)
    assert await world.send(done.campaign_id) == 0
    with pytest.raises(Invalid) as error:
        await send(world, "kim@example.com", starts_at=world.now.isoformat())
    assert error.value.problems[0].code == "starts_at_past"


async def test_who_may_not_be_written_to_gets_nothing_and_is_told_in_place(world) -> None:
    group = await suppression_groups.create(*world.key, "offers", "", world.actor, world.now)
    await suppression_groups.refuse(*world.key, group.id, ["kim@example.com"], "manual", world.actor, world.now)
    await suppressions.suppress(*world.key, "ben@example.com", world.actor, world.now)
    three = ("kim@example.com", "ann@example.com", "ben@example.com")
    with_group = await send(world, *three, group_id=group.id)
    assert [one.fate for one in with_group.outcomes] == ["suppressed", "enrolled", "suppressed"]
    without = await send(world, *three)
    assert [one.fate for one in without.outcomes] == ["enrolled", "enrolled", "suppressed"]
    bound = await suppression_groups.bound(*world.key, with_group.campaign_id)
    assert bound is not None and bound.id == group.id


async def test_where_nobody_may_be_written_to_there_is_no_mailing(world) -> None:
    await suppressions.suppress(*world.key, "example.com", world.actor, world.now)
    done = await send(world, "kim@example.com", "nonsense")
    assert (done.campaign_id, [one.fate for one in done.outcomes]) == (None, ["suppressed", "rejected"])
    assert await count(world) == 0


async def test_recipients_that_are_all_wrong_are_refused_with_their_places(world) -> None:
    with pytest.raises(Invalid) as error:
        await send(world, "nonsense", "kim@")
    assert [one.pointer for one in error.value.problems] == ["/leads/0/address", "/leads/1/address"]
    assert await count(world) == 0


@pytest.mark.parametrize("change", [{"steps": []}, {"steps": [{"subject": "Hello", "text": "{{ oh"}]}, {"pool": None}])
async def test_what_cannot_be_started_is_refused_and_leaves_nothing(world, change: Any) -> None:
    with pytest.raises(Invalid):
        await send(world, "kim@example.com", **change)
    assert (await count(world), await world.value("select count(*) from lead")) == (0, 0)


async def test_a_group_that_is_not_there_leaves_nothing(world, stranger) -> None:
    theirs = await suppression_groups.create(*stranger.key, "offers", "", world.actor, world.now)
    with pytest.raises(NotFound):
        await send(world, "kim@example.com", group_id=theirs.id)
    assert await count(world) == 0


async def test_a_mailing_sends_nothing_past_a_hold(world) -> None:
    await holds.place(*world.key, "workspace", "", "manual", world.actor, None, world.now)
    done = await send(world, "kim@example.com")
    assert await world.send(done.campaign_id) == 0
