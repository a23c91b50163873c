"""Groups of messages that a recipient can refuse without refusing the others."""

import asyncio

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.lead_entry import LeadInput
from caesura.domain.lead_file import RejectedRow
from caesura.domain.numbered_page import Place
from caesura.domain.reasons import Reason
from caesura.service import audiences, enrollments, explain, imports, suppression_groups, suppressions
from caesura.store import sending as gate
from caesura.store.segments import Audience
from caesura.store.suppression_groups import EntryChoice

ALL = Place(1, 100)


async def group(world, name: str = "offers") -> int:
    row = await suppression_groups.create(*world.key, name, "", world.actor, world.now)
    return row.id


async def refuse(world, group_id: int, *addresses: str, cause: str = "manual") -> int:
    return await suppression_groups.refuse(*world.key, group_id, addresses, cause, world.actor, world.now)


async def bind(world, campaign_id: int, group_id: int | None) -> None:
    await suppression_groups.bind(*world.key, campaign_id, group_id, world.actor, world.now)


async def refusing(world, group_id: int) -> list[str]:
    found = await suppression_groups.entries(*world.key, group_id, EntryChoice(), ALL)
    return [one.value for one in found.rows]


async def test_a_group_has_a_name_of_its_own(world) -> None:
    made = await suppression_groups.create(*world.key, " offers ", "what is cheap", world.actor, world.now)
    assert (made.name, made.description, made.members) == ("offers", "what is cheap", 0)
    with pytest.raises(Conflict, match="named 'offers'"):
        await group(world)
    for name in ("", "  ", "x" * 201, "a\nb"):
        with pytest.raises(Invalid):
            await group(world, name)
    other = await group(world, "news")
    assert [row.id for row in await suppression_groups.all_of(*world.key)] == [made.id, other]
    assert await suppression_groups.get(*world.key, made.id) == made


async def test_a_workspace_has_a_limit_of_groups(world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression_groups, "MAXIMUM", 2)
    for name in ("a", "b"):
        await group(world, name)
    with pytest.raises(Conflict, match="at most 2"):
        await group(world, "c")


async def test_an_address_refuses_a_group_once_and_is_stopped_in_its_campaigns_only(world) -> None:
    group_id, other = await group(world), await group(world, "news")
    bound, elsewhere, free = [await world.running() for _ in range(3)]
    await bind(world, bound, group_id)
    await bind(world, elsewhere, other)
    kim = await world.lead("kim@example.com")
    places = [(await world.enrolled(one, kim))[0] for one in (bound, elsewhere, free)]
    assert await refuse(world, group_id, " Kim@Example.com ", "nobody@example.com") == 2
    assert await world.states(*places) == [("stopped", "suppressed"), ("waiting", None), ("waiting", None)]
    assert await refuse(world, group_id, "kim@example.com", "new@example.com") == 1
    assert (await suppression_groups.get(*world.key, group_id)).members == 3
    told = [one["data"]["value"] for one in await world.events("suppression_group.refused")]
    assert sorted(told) == ["kim@example.com", "new@example.com", "nobody@example.com"]


async def test_one_wrong_address_keeps_all_back_and_has_its_place(world) -> None:
    group_id = await group(world)
    with pytest.raises(Invalid) as error:
        await refuse(world, group_id, "kim@example.com", "no address", "x@")
    assert [one.pointer for one in error.value.problems] == ["/addresses/1", "/addresses/2"]
    with pytest.raises(Invalid) as error:
        await refuse(world, group_id, *(f"a{number}@example.com" for number in range(1_001)))
    assert error.value.problems[0].code == "too_many_values"
    assert await refusing(world, group_id) == []


async def test_who_refuses_a_group_is_not_enrolled_in_its_campaigns(world) -> None:
    group_id = await group(world)
    campaign_id, free = await world.running(), await world.running()
    await bind(world, campaign_id, group_id)
    await refuse(world, group_id, "kim@example.com")
    kim, ben = await world.lead("kim@example.com"), await world.lead("ben@example.com")
    by_id = await enrollments.enrol(*world.key, campaign_id, [kim, ben], world.actor, world.now)
    assert [one.fate for one in by_id.rows] == ["suppressed", "enrolled"]
    given = [LeadInput("KIM@example.com"), LeadInput("ann@example.com")]
    by_address = await enrollments.enrol_new(*world.key, campaign_id, given, False, world.actor, world.now)
    assert [one.fate for one in by_address.rows] == ["suppressed", "enrolled"]
    listed = await audiences.enrol_list(*world.key, campaign_id, await world.list_of(kim, ben), world.actor, world.now)
    assert (listed.suppressed, listed.already_enrolled) == (1, 1)
    everyone = await audiences.enrol(*world.key, campaign_id, Audience(everyone=True), world.actor, world.now)
    assert (everyone.suppressed, everyone.already_enrolled) == (1, 2)
    assert (await enrollments.enrol(*world.key, free, [kim], world.actor, world.now)).enrolled == 1


@pytest.mark.parametrize("known", [False, True], ids=["new leads", "known leads"])
async def test_an_imported_file_enrols_nobody_who_refuses_the_campaigns_group_and_says_so(world, known: bool) -> None:
    group_id, other = await group(world), await group(world, "news")
    campaign_id = await world.running()
    await bind(world, campaign_id, group_id)
    await refuse(world, group_id, "kim@example.com", "all@example.com")
    await refuse(world, other, "ben@example.com")
    await suppressions.suppress(*world.key, "all@example.com", world.actor, world.now)
    if known:
        await world.lead("KIM@example.com")
    rows = [b"email\nben@example.com\nKim@Example.com\nall@example.com\nkim@example.com\n"]
    report = await imports.import_leads(*world.key, campaign_id, None, rows, "leads.csv", world.actor, world.now)
    assert (report.enrolled, report.suppressed, report.duplicates, report.already_enrolled) == (1, 2, 1, 0)
    refused, suppressed, _ = report.problems
    assert refused == RejectedRow(3, "suppressed", refused.detail, "Kim@example.com")
    assert "refuses the campaign's group of messages" in refused.detail
    assert (suppressed.line, suppressed.code) == (4, "suppressed")
    assert "The address or its domain is suppressed" in suppressed.detail


async def test_why_says_that_a_lead_refuses_the_group_with_the_word_of_the_gate(world) -> None:
    group_id = await group(world)
    campaign_id = await world.running()
    [kim] = await world.enrolled(campaign_id, await world.lead("kim@example.com"))
    await refuse(world, group_id, "kim@example.com", cause="unsubscribed")

    async def why():
        return await explain.why_lead(world.database, world.plans, world.workspace_id, kim, world.now)

    assert (await why()).reason is not Reason.SUPPRESSED
    await bind(world, campaign_id, group_id)
    claim = await world.claim(campaign_id)
    answer = await why()
    assert [answer.reason, *(one.reason for one in answer.also)] == [Reason.SUPPRESSED, Reason.CLAIMED]
    assert (answer.facts["kind"], answer.facts["group_id"], answer.facts["cause"]) == (
        "group",
        group_id,
        "unsubscribed",
    )
    assert (
        answer.sentence
        == "The address or its domain is suppressed in the group offers (unsubscribed) and is not written to."
    )
    assert set((await world.mark_claimed(campaign_id, claim)).refused.values()) == {answer.reason}
    ended = await why()
    assert ended.reason is Reason.STOPPED_SUPPRESSED
    assert ended.facts["group_id"] == group_id
    assert (
        ended.sentence
        == "The address or its domain was suppressed in the group offers by user:test, so the sequence ended."
    )


async def test_who_refused_before_the_campaign_heeded_the_group_gets_nothing_from_then_on(world) -> None:
    group_id = await group(world)
    campaign_id = await world.running()
    [kim, ben] = await world.enrolled(
        campaign_id, await world.lead("kim@example.com"), await world.lead("ben@example.com")
    )
    await refuse(world, group_id, "kim@example.com")
    await bind(world, campaign_id, group_id)
    assert await world.send(campaign_id) == 1
    assert await world.states(kim, ben) == [("stopped", "suppressed"), ("waiting", None)]


async def test_what_a_worker_has_claimed_does_not_pass_the_gate_after_the_campaign_heeds_the_group(world) -> None:
    group_id = await group(world)
    campaign_id = await world.running()
    [kim] = await world.enrolled(campaign_id, await world.lead("kim@example.com"))
    await refuse(world, group_id, "kim@example.com")
    claim = await world.claim(campaign_id)
    assert len(claim.work) == 1
    await bind(world, campaign_id, group_id)
    assert len((await world.mark_claimed(campaign_id, claim)).marked) == 0
    assert await world.states(kim) == [("stopped", "suppressed")]


@pytest.mark.parametrize("taken_away_by", ["refuse", "bind"])
async def test_whoever_takes_the_right_away_waits_for_marks_that_are_under_way(world, taken_away_by: str) -> None:
    group_id = await group(world)
    campaign_id = await world.running()
    async with world.database.transaction() as mark:
        await mark.execute(gate.entering_gate(world.workspace_id))
        work = (
            refuse(world, group_id, "kim@example.com")
            if taken_away_by == "refuse"
            else bind(world, campaign_id, group_id)
        )
        late = asyncio.ensure_future(work)
        await world.until_waiting(late)
        assert await refusing(world, group_id) == []
        assert await suppression_groups.bound(*world.key, campaign_id) is None
    await late


async def test_a_campaign_heeds_one_group_or_none_and_says_which(world) -> None:
    group_id, other = await group(world), await group(world, "news")
    campaign_id = await world.running()
    assert await suppression_groups.bound(*world.key, campaign_id) is None
    for one in (group_id, other, other, None):
        await bind(world, campaign_id, one)
        found = await suppression_groups.bound(*world.key, campaign_id)
        assert (found.id if found else None) == one
    told = await world.events("suppression_group.bound")
    assert [one["data"]["group"] for one in told] == [group_id, other, None]
    assert {one["campaign_id"] for one in told} == {campaign_id}


async def test_a_refusal_can_be_taken_back(world) -> None:
    group_id = await group(world)
    campaign_id = await world.running()
    await bind(world, campaign_id, group_id)
    await refuse(world, group_id, "kim@example.com")
    await suppression_groups.readmit(*world.key, group_id, "KIM@example.com", world.actor, world.now)
    assert await refusing(world, group_id) == []
    await world.enrolled(campaign_id, await world.lead("kim@example.com"))
    assert await world.send(campaign_id) == 1
    with pytest.raises(NotFound, match="does not refuse"):
        await suppression_groups.readmit(*world.key, group_id, "kim@example.com", world.actor, world.now)
    with pytest.raises(Invalid):
        await suppression_groups.readmit(*world.key, group_id, "kim", world.actor, world.now)


async def test_with_a_group_go_its_refusals(world) -> None:
    group_id = await group(world)
    campaign_id = await world.running()
    await bind(world, campaign_id, group_id)
    await refuse(world, group_id, "kim@example.com")
    await suppression_groups.delete(*world.key, group_id, world.actor, world.now)
    assert await suppression_groups.bound(*world.key, campaign_id) is None
    await world.enrolled(campaign_id, await world.lead("kim@example.com"))
    assert await world.send(campaign_id) == 1
    for work in (suppression_groups.get(*world.key, group_id), refuse(world, group_id, "a@example.com")):
        with pytest.raises(NotFound):
            await work


async def test_who_refuses_comes_newest_first_by_cause_and_time(world) -> None:
    group_id = await group(world)
    await refuse(world, group_id, "b@example.com", cause="unsubscribed")
    began = world.later(hours=1)
    await refuse(world, group_id, "a@example.com", "c@example.com")
    assert await refusing(world, group_id) == ["a@example.com", "c@example.com", "b@example.com"]

    async def chosen(choice: EntryChoice, place: Place = ALL) -> tuple[list[str], int]:
        found = await suppression_groups.entries(*world.key, group_id, choice, place)
        return [one.value for one in found.rows], found.total

    assert await chosen(EntryChoice(causes=["unsubscribed"])) == (["b@example.com"], 1)
    assert await chosen(EntryChoice(since=began)) == (["a@example.com", "c@example.com"], 2)
    assert await chosen(EntryChoice(until=began.replace(hour=9))) == (["b@example.com"], 1)
    assert await chosen(EntryChoice(), Place(2, 2)) == (["b@example.com"], 3)
    with pytest.raises(Invalid):
        await chosen(EntryChoice(), Place(0, 2))
    await suppressions.suppress(*world.key, "all@example.com", world.actor, world.now)
    everything = await suppression_groups.entries(*world.key, None, EntryChoice(), ALL)
    assert [one.value for one in everything.rows] == ["all@example.com"]


async def test_members_come_by_address_past_a_cursor(world) -> None:
    group_id = await group(world)
    await refuse(world, group_id, "c@example.com", "a@example.com", "b@example.com")

    async def page(after: str | None) -> list[str]:
        return [one.value for one in await suppression_groups.members(*world.key, group_id, EntryChoice(), after, 2)]

    assert await page(None) == ["a@example.com", "b@example.com"]
    assert await page("b@example.com") == ["c@example.com"]


async def test_a_stranger_sees_and_changes_nothing(world, stranger) -> None:
    group_id = await group(world)
    campaign_id, theirs = await world.running(), await stranger.running()
    await refuse(world, group_id, "kim@example.com")
    for work in (
        suppression_groups.get(*stranger.key, group_id),
        suppression_groups.delete(*stranger.key, group_id, stranger.actor, stranger.now),
        refuse(stranger, group_id, "a@example.com"),
        refusing(stranger, group_id),
        suppression_groups.members(*stranger.key, group_id, EntryChoice(), None, 9),
        suppression_groups.readmit(*stranger.key, group_id, "kim@example.com", stranger.actor, stranger.now),
        bind(stranger, theirs, group_id),
        bind(stranger, campaign_id, None),
        suppression_groups.bound(*stranger.key, campaign_id),
    ):
        with pytest.raises(NotFound):
            await work
    assert await suppression_groups.all_of(*stranger.key) == []
