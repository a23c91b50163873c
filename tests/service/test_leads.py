import asyncio
from typing import Any

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.lead_entry import LeadInput
from caesura.service import leads, sending
from caesura.service.leads import LeadChange, LeadFate

NEEDS_CITY = [{"subject": "Hello {{ city }}", "text": "Hi"}]


async def save(world: Any, address: str, replace: bool = False, zone: str | None = None, **fields: Any) -> Any:
    return await leads.save(*world.key, LeadInput(address, fields, zone), replace, world.actor, world.now)


async def change(world: Any, lead_id: int, **what: Any) -> Any:
    return await leads.change(*world.key, lead_id, LeadChange(**what), world.actor, world.now)


async def held_for_missing_city(world: Any) -> tuple[int, int, int]:
    """(campaign, lead, enrollment) of a lead that a worker set aside since it has no city."""
    campaign_id = await world.running(steps=NEEDS_CITY)
    lead_id = await world.lead()
    [enrollment_id] = await world.enrolled(campaign_id, lead_id)
    [work] = (await world.claim(campaign_id)).work
    plan = await world.plan(campaign_id)
    await sending.set_aside(world.database, plan, [(work.claimed, "missing_variable")], world.worker, world.now)
    return campaign_id, lead_id, enrollment_id


async def test_a_new_lead_is_created_in_canonical_form(world: Any) -> None:
    row, fate = await save(world, "Anna@BÜCHER.example", city="Bonn", zone="Europe/Berlin")

    assert fate is LeadFate.CREATED
    assert (row.address, row.address_key) == ("Anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example")
    assert (row.domain, row.fields, row.zone) == ("xn--bcher-kva.example", {"city": "Bonn"}, "Europe/Berlin")
    assert [one["kind"] for one in await world.events()] == ["lead.created"]


async def test_the_same_address_in_other_case_is_the_same_lead_and_its_fields_are_merged(world: Any) -> None:
    first, _ = await save(world, "anna@example.com", city="Bonn", size=3, old="x")
    world.later(hours=1)
    second, fate = await save(world, "ANNA@Example.com", city="Ulm", old=None, is_new=True)

    assert (second.id, fate) == (first.id, LeadFate.UPDATED)
    assert second.fields == {"city": "Ulm", "size": 3, "is_new": True}
    assert (second.address, second.created_at, second.updated_at) == (first.address, first.created_at, world.now)


async def test_replace_drops_what_is_not_given(world: Any) -> None:
    await save(world, "anna@example.com", city="Bonn", size=3, zone="Europe/Berlin")
    row, _ = await save(world, "anna@example.com", replace=True, size=4)
    assert (row.fields, row.zone) == ({"size": 4}, None)


async def test_a_lead_in_which_nothing_changes_is_not_written(world: Any) -> None:
    first, _ = await save(world, "anna@example.com", city="Bonn")
    world.later(hours=1)
    again, fate = await save(world, "anna@example.com", city="Bonn")
    assert (again, fate) == (first, LeadFate.UNCHANGED)
    assert len(await world.events()) == 1


async def test_every_problem_of_a_lead_is_told_with_its_place(world: Any) -> None:
    with pytest.raises(Invalid) as caught:
        await save(world, "anna", zone="Mars/Base", **{"City": "x", "list": [1]})
    assert [(one.code, one.pointer) for one in caught.value.problems] == [
        ("address_syntax", "/address"),
        ("invalid_name", "/fields/City"),
        ("wrong_type", "/fields/list"),
        ("unknown_time_zone", "/zone"),
    ]
    assert await world.events() == []


async def test_one_wrong_lead_of_many_does_not_keep_the_others_back(world: Any) -> None:
    await save(world, "known@example.com", city="Bonn")
    await save(world, "same@example.com")
    given = [
        LeadInput("new@example.com"),
        LeadInput("known@example.com", {"city": "Ulm"}),
        LeadInput("not an address"),
        LeadInput("NEW@example.com", {"city": "Jena"}),
        LeadInput("same@example.com"),
    ]
    outcomes = await leads.save_many(*world.key, given, False, world.actor, world.now)

    assert [one.fate for one in outcomes] == ["created", "updated", "rejected", "rejected", "unchanged"]
    assert [(p.code, p.pointer) for one in outcomes for p in one.problems] == [
        ("address_syntax", "/leads/2/address"),
        ("duplicate_address", "/leads/3/address"),
    ]
    assert await world.value("select count(*) from lead") == 3


async def test_more_than_a_thousand_leads_at_once_are_refused(world: Any) -> None:
    with pytest.raises(Invalid, match="1000"):
        await leads.save_many(*world.key, [LeadInput("a@example.com")] * 1001, False, world.actor, world.now)


async def test_two_who_add_the_same_leads_in_opposite_order_both_succeed(world: Any) -> None:
    given = [LeadInput(f"lead{number}@example.com", {"n": number}) for number in range(200)]
    answers = await asyncio.gather(
        *(
            leads.save_many(*world.key, some, False, world.actor, world.now)
            for some in (given, given[::-1], given, given[::-1])
        )
    )
    assert sum(one.fate is LeadFate.CREATED for answer in answers for one in answer) == 200
    assert sum(one.fate is LeadFate.UNCHANGED for answer in answers for one in answer) == 600


async def test_a_lead_of_another_workspace_is_not_found(world: Any, stranger: Any) -> None:
    lead_id = await stranger.lead("anna@example.com")
    for ask in (
        leads.get(*world.key, lead_id),
        change(world, lead_id, fields={"city": "Ulm"}),
        leads.delete(*world.key, lead_id, world.actor, world.now),
    ):
        with pytest.raises(NotFound) as caught:
            await ask
        assert caught.value.code == "lead_not_found"
    assert await leads.find(*world.key, "anna@example.com") is None
    assert await leads.page(*world.key, None, None, 10) == []


async def test_a_change_touches_only_what_is_given(world: Any) -> None:
    lead_id = await world.lead("anna@example.com", zone="Europe/Berlin", city="Bonn", size=3)
    row = await change(world, lead_id, fields={"city": None, "street": "Hauptstr. 1"})
    assert (row.fields, row.zone) == ({"size": 3, "street": "Hauptstr. 1"}, "Europe/Berlin")
    row = await change(world, lead_id, fields={"city": "Ulm"}, replace_fields=True, clear_zone=True)
    assert (row.fields, row.zone, row.address) == ({"city": "Ulm"}, None, "anna@example.com")
    row = await change(world, lead_id, address="Anna@other.example")
    assert (row.address, row.address_key, row.domain) == ("Anna@other.example", "anna@other.example", "other.example")


async def test_a_change_to_the_address_of_another_lead_is_a_conflict(world: Any) -> None:
    await world.lead("ben@example.com")
    lead_id = await world.lead("anna@example.com")
    with pytest.raises(Conflict) as caught:
        await change(world, lead_id, address="Ben@example.com")
    assert caught.value.code == "address_taken"
    assert (await leads.get(*world.key, lead_id)).address == "anna@example.com"


async def test_a_wrong_change_tells_all_that_is_wrong(world: Any) -> None:
    lead_id = await world.lead()
    with pytest.raises(Invalid) as caught:
        await change(world, lead_id, address="x", fields={"a b": 1}, zone="nowhere")
    assert [one.pointer for one in caught.value.problems] == ["/address", "/fields/a b", "/zone"]


async def test_leads_are_listed_newest_first_and_found_by_address_or_a_part_of_it(world: Any) -> None:
    ids = [await world.lead(f"lead{number}@firm{number % 2}.example") for number in range(5)]

    async def found(search: str | None, below: int | None = None, limit: int = 10) -> list[int]:
        return [row.id for row in await leads.page(*world.key, below, search, limit)]

    assert await found(None, limit=3) == ids[:1:-1]
    assert await found(None, below=ids[2]) == [ids[1], ids[0]]
    assert await found("FIRM1.") == [ids[3], ids[1]]
    assert await found("Lead2@firm0.example") == [ids[2]]
    assert await found("lead@firm0.example") == []
    assert await found("%") == []
    assert await found("\0") == []


async def test_a_lead_that_is_in_no_campaign_can_be_deleted_and_leaves_its_lists(world: Any) -> None:
    lead_id = await world.lead()
    list_id = await world.list_of(lead_id)
    await leads.delete(*world.key, lead_id, world.actor, world.now)
    with pytest.raises(NotFound):
        await leads.get(*world.key, lead_id)
    assert await world.value("select count(*) from lead_list_member where list_id = $1", list_id) == 0
    assert (await world.events())[-1]["kind"] == "lead.deleted"


async def test_a_lead_that_is_in_a_campaign_cannot_be_deleted(world: Any) -> None:
    campaign_id = await world.campaign()
    lead_id = await world.lead()
    await world.enrolled(campaign_id, lead_id)
    with pytest.raises(Conflict) as caught:
        await leads.delete(*world.key, lead_id, world.actor, world.now)
    assert (caught.value.code, caught.value.allowed) == ("lead_enrolled", ("stop",))


@pytest.mark.parametrize("way", ["change", "save", "save_many"])
async def test_a_lead_held_for_a_missing_variable_is_tried_afresh_once_its_fields_change(world: Any, way: str) -> None:
    campaign_id, lead_id, enrollment_id = await held_for_missing_city(world)
    assert await world.states(enrollment_id) == [("held", "missing_variable")]
    address = (await leads.get(*world.key, lead_id)).address

    if way == "change":
        await change(world, lead_id, fields={"city": "Ulm"})
    elif way == "save":
        await save(world, address, city="Ulm")
    else:
        await leads.save_many(*world.key, [LeadInput(address, {"city": "Ulm"})], False, world.actor, world.now)

    assert await world.states(enrollment_id) == [("waiting", None)]
    [event] = await world.events("enrollment.released")
    assert (event["enrollment_id"], event["actor"]) == (enrollment_id, world.actor)
    assert await world.send(campaign_id) == 1


async def test_a_lead_held_by_a_person_stays_held_when_its_fields_change(world: Any) -> None:
    campaign_id = await world.running()
    lead_id = await world.lead()
    [enrollment_id] = await world.enrolled(campaign_id, lead_id)
    await world.hold(enrollment_id)
    await change(world, lead_id, fields={"city": "Ulm"})
    assert await world.states(enrollment_id) == [("held", "manual")]


async def test_what_a_worker_has_claimed_is_composed_anew_after_a_change(world: Any) -> None:
    campaign_id = await world.running(steps=NEEDS_CITY)
    lead_id = await world.lead()
    [enrollment_id] = await world.enrolled(campaign_id, lead_id)
    claim = await world.claim(campaign_id)

    await change(world, lead_id, fields={"city": "Ulm"})
    plan = await world.plan(campaign_id)
    late = [(claim.work[0].claimed, "missing_variable")]
    await sending.set_aside(world.database, plan, late, world.worker, world.now)

    assert await world.states(enrollment_id) == [("waiting", None)]
    assert (await world.mark_claimed(campaign_id, claim)).marked == ()
    assert (await world.claim(campaign_id)).work[0].claimed.fields == {"city": "Ulm"}


async def test_what_is_in_transit_is_not_taken_from_the_worker_by_a_change(world: Any) -> None:
    campaign_id = await world.running()
    lead_id = await world.lead()
    [enrollment_id] = await world.enrolled(campaign_id, lead_id)
    answer = await world.mark(campaign_id)
    await change(world, lead_id, fields={"city": "Ulm"})
    assert await world.states(enrollment_id) == [("claimed", None)]
    await world.record(campaign_id, answer)
    assert await world.value("select step from enrollment where id = $1", enrollment_id) == 2


async def test_a_lead_that_moves_to_another_zone_is_asked_again_at_once(world) -> None:
    window = {"days": ["mon", "tue"], "start": "09:00", "end": "10:00"}
    campaign_id = await world.running(windows=[window], window_zone="lead")
    lead_id = await world.lead(zone="America/New_York")
    await world.enrolled(campaign_id, lead_id)
    assert await world.send(campaign_id) == 0
    await leads.change(*world.key, lead_id, LeadChange(zone="UTC"), world.actor, world.now)
    assert await world.send(campaign_id) == 1


async def test_what_is_to_be_kept_with_a_lead_is_kept_beside_what_others_keep(world) -> None:
    async def save(**extra: object) -> dict[str, object]:
        lead = LeadInput("kim@example.com", {}, None, extra)
        row, _ = await leads.save(*world.key, lead, False, world.actor, world.now)
        return dict(row.extra)

    assert await save(crm={"owner": "Kim", "tags": ["a"]}) == {"crm": {"owner": "Kim", "tags": ["a"]}}
    assert await save() == {"crm": {"owner": "Kim", "tags": ["a"]}}
    assert await save(crm={"tags": []}, shop={"id": 7}) == {"crm": {"owner": "Kim", "tags": []}, "shop": {"id": 7}}
    [row] = await leads.page(*world.key, None, None, 10)
    changed = await leads.change(*world.key, row.id, LeadChange(extra={"shop": {"vip": True}}), world.actor, world.now)
    assert changed.extra["shop"] == {"id": 7, "vip": True}


async def test_what_cannot_be_kept_is_refused_with_its_place(world) -> None:
    lead = LeadInput("kim@example.com", {}, None, {"crm": {"note": "a\0b"}})
    with pytest.raises(Invalid) as refused:
        await leads.save(*world.key, lead, False, world.actor, world.now)
    assert refused.value.problems[0].pointer == "/extra/crm/note"
