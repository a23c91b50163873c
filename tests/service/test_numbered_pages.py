from datetime import timedelta
from typing import Any

import pytest

from caesura.domain.api_key import ENTROPY_BYTES
from caesura.domain.errors import Invalid, NotFound
from caesura.domain.numbered_page import Place
from caesura.http.key_forms import KEY_FORMS
from caesura.service import keys, numbered_pages
from caesura.service.keys import NewKey
from caesura.store.lead_order import LeadOrder
from caesura.store.numbered_pages import CampaignChoice, EnrollmentChoice, LeadChoice


async def leads(world: Any, choice: LeadChoice = LeadChoice(), number: int = 1, size: int = 10) -> Any:
    page = await numbered_pages.of_leads(*world.key, choice, Place(number, size))
    return [row.id for row in page.rows], page.total


async def campaigns(world: Any, choice: CampaignChoice = CampaignChoice(), number: int = 1, size: int = 10) -> Any:
    page = await numbered_pages.of_campaigns(*world.key, choice, Place(number, size))
    return [row.id for row in page.rows], page.total


async def enrolled(world: Any, campaign_id: int, choice: EnrollmentChoice = EnrollmentChoice()) -> Any:
    page = await numbered_pages.of_enrollments(*world.key, campaign_id, choice, Place(1, 10))
    return [row.id for row in page.rows], page.total


async def test_each_page_tells_how_many_there_are_in_all(world: Any, stranger: Any) -> None:
    ids = [await world.lead() for _ in range(5)][::-1]
    await stranger.lead()
    assert await leads(world, number=1, size=2) == (ids[:2], 5)
    assert await leads(world, number=2, size=2) == (ids[2:4], 5)
    assert await leads(world, number=3, size=2) == (ids[4:], 5)
    assert await leads(world, number=4, size=2) == ([], 5)


async def test_campaigns_are_chosen_by_status_name_flag_and_id(world: Any) -> None:
    draft, running = await world.campaign(name="Spring"), await world.running(name="Summer")
    assert await campaigns(world) == ([running, draft], 2)
    assert await campaigns(world, CampaignChoice(statuses=["running", "paused"])) == ([running], 1)
    assert await campaigns(world, CampaignChoice(part="SPR")) == ([draft], 1)
    assert await campaigns(world, CampaignChoice(ids=[draft])) == ([draft], 1)
    assert await campaigns(world, CampaignChoice(archived=True)) == ([], 0)


async def test_leads_are_chosen_by_name_list_and_time_and_sorted(world: Any) -> None:
    b, a = await world.lead(first_name="Bea"), await world.lead(first_name="Ada", last_name="Byron")
    listed = await world.list_of(b)
    assert await leads(world, LeadChoice(part="ada by")) == ([a], 1)
    assert await leads(world, LeadChoice(list_id=listed)) == ([b], 1)
    assert await leads(world, LeadChoice(since=world.now + timedelta(seconds=1))) == ([], 0)
    assert await leads(world, LeadChoice(order=LeadOrder.NAME)) == ([a, b], 2)
    assert await leads(world, LeadChoice(order=LeadOrder.NAME_BACKWARDS)) == ([b, a], 2)
    assert await leads(world, LeadChoice(order=LeadOrder.OLDEST)) == ([b, a], 2)


async def test_leads_of_a_list_that_is_not_there_are_not_found(world: Any) -> None:
    with pytest.raises(NotFound):
        await leads(world, LeadChoice(list_id=999))


async def test_lists_tell_how_many_leads_are_on_them(world: Any) -> None:
    first = await world.list_of(await world.lead(), await world.lead(), name="One")
    second = await world.list_of(await world.lead(), name="Two")
    page = await numbered_pages.of_lists(*world.key, None, Place(1, 10))
    assert ([(row.id, count) for row, count in page.rows], page.total) == ([(second, 1), (first, 2)], 2)
    named = await numbered_pages.of_lists(*world.key, "on", Place(1, 10))
    assert [row.name for row, _ in named.rows] == ["One"]


async def test_enrollments_are_chosen_by_state_cause_and_progress(world: Any) -> None:
    campaign_id = await world.running()
    one, two, three = await world.enrolled(campaign_id, count=3)
    await world.send(campaign_id, limit=1)
    await world.hold(two)
    assert await enrolled(world, campaign_id) == ([three, two, one], 3)
    assert await enrolled(world, campaign_id, EnrollmentChoice(states=["held"])) == ([two], 1)
    assert await enrolled(world, campaign_id, EnrollmentChoice(causes=["manual"])) == ([two], 1)
    assert await enrolled(world, campaign_id, EnrollmentChoice(other_causes=["manual"])) == ([three, one], 2)
    assert await enrolled(world, campaign_id, EnrollmentChoice(is_under_way=True)) == ([one], 1)
    with pytest.raises(NotFound):
        await enrolled(world, 999_999)


async def test_keys_of_other_doors_are_left_out_and_revoked_ones_unless_asked_for(world: Any) -> None:
    made = {}
    for label, dialect in (("one", "leadlex"), ("two", "leadlex"), ("other", "native")):
        new = NewKey(KEY_FORMS[dialect], ("*",), label)
        entropy = label.encode().ljust(ENTROPY_BYTES, b"x")
        made[label] = (await keys.create(*world.key, new, ("*",), None, b"p" * 32, entropy, "test", world.now)).row.id
    await keys.revoke(*world.key, made["one"], "test", world.now)

    async def shown(with_revoked: bool, part: str | None = None) -> list[str | None]:
        page = await numbered_pages.of_keys(*world.key, "leadlex", with_revoked, part, Place(1, 10))
        return [row.label for row in page.rows]

    assert await shown(False) == ["two"]
    assert await shown(True) == ["two", "one"]
    assert await shown(True, "ON") == ["one"]


async def test_nothing_has_a_part_that_no_text_can_have(world: Any) -> None:
    await world.campaign()
    await world.lead()
    await world.list_of()
    assert await campaigns(world, CampaignChoice(part="\0")) == ([], 0)
    assert await leads(world, LeadChoice(part="\0")) == ([], 0)
    assert (await numbered_pages.of_lists(*world.key, "\0", Place(1, 10))).total == 0
    assert (await numbered_pages.of_keys(*world.key, "native", True, "\0", Place(1, 10))).total == 0


@pytest.mark.parametrize(("number", "size"), [(0, 10), (1, 0), (1, 1_001), (10**9, 1_000), (-1, 1)])
async def test_pages_that_cannot_be_are_refused(world: Any, number: int, size: int) -> None:
    with pytest.raises(Invalid) as caught:
        await leads(world, number=number, size=size)
    assert caught.value.code in ("page_invalid", "page_size_invalid")
