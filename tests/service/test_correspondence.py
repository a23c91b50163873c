"""Leads by what there has been between them and us."""

from datetime import timedelta

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.inbound import BounceType, Classification, InboundKind, InboundReport
from caesura.domain.lead_entry import LeadInput
from caesura.domain.numbered_page import Place
from caesura.service import correspondence, inbound, leads, mailboxes, suppressions
from caesura.store.correspondence import Choice, LeadOrder, LeadStanding, SortKey

ALL = Place(1, 100)


async def saved(world, *addresses: str, **fields: str) -> None:
    given = [LeadInput(address, fields) for address in addresses]
    await leads.save_many(*world.key, given, False, world.actor, world.now)


async def report(world, kind: InboundKind, address: str, **more) -> None:
    given = InboundReport(kind, from_address=address, address=address, **more)
    await inbound.report(world.database, world.plans, world.workspace_id, given, world.actor, world.now)


async def standings(world, choice: Choice = Choice()) -> dict[str, LeadStanding]:
    page = await correspondence.page(*world.key, choice, ALL)
    return {one.lead.address: one.standing for one in page.rows}


async def test_the_first_of_bounced_suppressed_and_replied_is_where_a_lead_stands(world) -> None:
    names = ("open", "replied", "away", "bounced", "soft", "suppressed", "both")
    await saved(world, *(f"{name}@example.com" for name in names), "x@bad.example")
    await report(world, InboundKind.REPLY, "replied@example.com")
    await report(world, InboundKind.AUTO_REPLY, "away@example.com")
    await report(world, InboundKind.BOUNCE, "bounced@example.com", bounce_type=BounceType.HARD)
    await report(world, InboundKind.BOUNCE, "soft@example.com", bounce_type=BounceType.SOFT)
    await report(world, InboundKind.REPLY, "both@example.com")
    for value in ("suppressed@example.com", "both@example.com", "bad.example"):
        await suppressions.suppress(*world.key, value, world.actor, world.now)
    assert await standings(world) == {
        "open@example.com": LeadStanding.OPEN,
        "replied@example.com": LeadStanding.REPLIED,
        "away@example.com": LeadStanding.OPEN,
        "bounced@example.com": LeadStanding.BOUNCED,
        "soft@example.com": LeadStanding.OPEN,
        "suppressed@example.com": LeadStanding.SUPPRESSED,
        "both@example.com": LeadStanding.SUPPRESSED,
        "x@bad.example": LeadStanding.SUPPRESSED,
    }
    assert set(await standings(world, Choice(standings=[LeadStanding.REPLIED]))) == {"replied@example.com"}


async def test_when_a_lead_was_written_to_and_what_it_wants(world) -> None:
    campaign_id = await world.running()
    await world.enrolled(campaign_id, count=1)
    assert await world.send(campaign_id) == 1
    written_at = world.now
    await saved(world, "z@example.com")
    [never, one] = sorted(
        (await correspondence.page(*world.key, Choice(), ALL, True)).rows, key=lambda row: row.written_at is not None
    )
    assert (never.written_at, never.places) == (None, ())
    assert (one.written_at, [place.campaign_id for place in one.places]) == (written_at, [campaign_id])
    await report(world, InboundKind.REPLY, one.lead.address, classification=Classification.INTERESTED)
    chosen = await correspondence.page(*world.key, Choice(is_written_to=True), ALL)
    assert [(row.lead.id, row.classification) for row in chosen.rows] == [(one.lead.id, Classification.INTERESTED)]


async def test_fields_are_searched_whatever_their_case(world) -> None:
    await saved(world, "a@example.com", company="Pied Piper", city="Ulm")
    await saved(world, "b@example.com", company="Hooli", city="Ulm")
    for fields, expected in (
        ({"company": ["pied piper", "hooli"]}, 2),
        ({"company": ["hooli"], "city": ["ulm"]}, 1),
        ({"company": ["pied"]}, 1),
        ({"company": ["%"]}, 0),
        ({"country": ["usa"]}, 0),
    ):
        assert len(await standings(world, Choice(fields=fields))) == expected


async def test_pages_tell_how_many_there_are_in_all(world) -> None:
    await saved(world, *(f"{place}@example.com" for place in range(5)))
    pages = [await correspondence.page(*world.key, Choice(), Place(number, 2)) for number in (1, 2, 3, 4)]
    assert [(len(page.rows), page.total) for page in pages] == [(2, 5), (2, 5), (1, 5), (0, 5)]
    with pytest.raises(Invalid):
        await correspondence.page(*world.key, Choice(), Place(0, 2))


async def test_nothing_of_a_stranger_is_told(world, stranger) -> None:
    await saved(world, "a@example.com")
    assert await standings(stranger) == {}


async def test_known_leads_stay_as_they_are_when_asked_for(world) -> None:
    await saved(world, "a@example.com", city="Ulm")
    given = [LeadInput("A@example.com", {"city": "Bonn"}), LeadInput("b@example.com", {"city": "Bonn"})]
    outcomes = await leads.save_many(*world.key, given, False, world.actor, world.now, keep_known=True)
    assert [one.fate for one in outcomes] == ["unchanged", "created"]
    page = await correspondence.page(*world.key, Choice(), ALL)
    assert [row.lead.fields["city"] for row in page.rows] == ["Ulm", "Bonn"]


async def test_the_pool_of_some_mailboxes_is_made_once(world) -> None:
    one, two = await world.mailbox(), await world.mailbox()
    made = await mailboxes.pool_of(*world.key, [two, one, one], world.actor, world.now)
    assert list(made.mailbox_ids) == [one, two]
    assert await mailboxes.pool_of(*world.key, [one, two], world.actor, world.now) == made
    assert (await mailboxes.pool_of(*world.key, [one], world.actor, world.now)).id != made.id


async def test_leads_of_a_choice_come_past_a_cursor(world) -> None:
    await saved(world, *(f"{place}@example.com" for place in range(3)), city="Ulm")
    await saved(world, "other@example.com")
    choice = Choice(fields={"city": ["ulm"]})
    first = await correspondence.past(*world.key, choice, None, 2)
    rest = await correspondence.past(*world.key, choice, first[-1].lead.id, 2)
    assert [one.lead.address for one in (*first, *rest)] == ["0@example.com", "1@example.com", "2@example.com"]


async def test_one_lead_is_told_of_with_its_campaigns(world, stranger) -> None:
    campaign_id = await world.running()
    lead_id = await world.lead()
    await world.enrolled(campaign_id, lead_id)
    one = await correspondence.of_lead(*world.key, lead_id)
    assert (one.lead.id, [place.campaign_id for place in one.places]) == (lead_id, [campaign_id])
    with pytest.raises(NotFound):
        await correspondence.of_lead(*stranger.key, lead_id)


async def test_leads_are_sorted_up_to_a_number_that_a_page_can_look_at(world, monkeypatch: pytest.MonkeyPatch) -> None:
    await saved(world, "a@example.com", company="b")
    await saved(world, "b@example.com", company="A")
    order = [SortKey(LeadOrder.FIELD, field="company")]
    page = await correspondence.page(*world.key, Choice(), ALL, order=order)
    assert ([one.lead.address for one in page.rows], page.total) == (["b@example.com", "a@example.com"], 2)
    second = await correspondence.page(*world.key, Choice(), Place(2, 1), order=order)
    assert ([one.lead.address for one in second.rows], second.total) == (["a@example.com"], 2)
    monkeypatch.setattr(correspondence, "MAXIMUM_ORDERED", 1)
    with pytest.raises(Conflict, match="at most 1 leads"):
        await correspondence.page(*world.key, Choice(), ALL, order=order)


async def test_leads_are_chosen_by_what_they_want_and_by_when_they_were_changed(world) -> None:
    await saved(world, "a@example.com", "b@example.com")
    await report(world, InboundKind.REPLY, "b@example.com", classification=Classification.INTERESTED)
    assert set(await standings(world, Choice(wants=[Classification.INTERESTED]))) == {"b@example.com"}
    assert set(await standings(world, Choice(wants=[None]))) == {"a@example.com"}
    assert len(await standings(world, Choice(updated=(None, world.now)))) == 0
    assert len(await standings(world, Choice(updated=(world.now - timedelta(seconds=1), None)))) == 2
