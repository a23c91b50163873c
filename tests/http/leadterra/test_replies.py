"""Replies: listed and assigned."""

from typing import Any

import pytest
from leadterra_client import FORM, Terra, native

ASSIGN = {"sdrId": "sdr_7", "seniority": "Director", "employeeCount": "250"}


async def replied(terra: Terra, address: str = "a@example.com", **more: Any) -> str:
    """A reply to a campaign; the campaign's id."""
    campaign = await terra.running(address)
    await terra.desk.send(native(campaign))
    report = {"kind": "reply", "from_address": address, "subject": "Re: Hello", "text": "Yes,\n  please!", **more}
    await terra.desk.post("/inbound", report)
    return campaign


async def test_replies_are_a_bare_array_of_six_fields(terra: Terra) -> None:
    campaign = await replied(terra, classification="interested")
    [reply] = await terra.get("/replies")
    assert reply.pop("id").startswith("rpl_")
    assert reply == {
        "email": "a@example.com",
        "campaignId": campaign,
        "classification": "interested",
        "receivedAt": "2026-03-02T09:00:00Z",
        "threadSnippet": "Yes, please!",
    }


async def test_they_can_be_those_of_one_campaign(terra: Terra) -> None:
    first, second = await replied(terra), await replied(terra, "b@example.com")
    assert {one["campaignId"] for one in await terra.get("/replies")} == {first, second}
    [only] = await terra.get("/replies", params={"campaignId": second})
    assert only["email"] == "b@example.com"


async def test_pages_are_told_with_how_many_there_are(terra: Terra) -> None:
    campaigns = [await replied(terra, f"a{number}@example.com") for number in range(3)]
    every = await terra.get("/replies")
    first = await terra.get("/replies", params={"perPage": "2"})
    assert first == {"replies": every[:2], "pagination": {"total": 3, "page": 1, "perPage": 2}}
    second = await terra.get("/replies", params={"page": "2", "perPage": "2"})
    assert second == {"replies": every[2:], "pagination": {"total": 3, "page": 2, "perPage": 2}}
    usual = await terra.get("/replies", params={"page": "1", "campaignId": campaigns[1]})
    assert usual == {"replies": [every[1]], "pagination": {"total": 1, "page": 1, "perPage": 50}}
    assert (await terra.get("/replies", params={"page": "9"}))["replies"] == []


async def test_replies_beyond_the_newest_thousand_are_on_later_pages(terra: Terra) -> None:
    await replied(terra)
    async with terra.desk.api.database.connection() as connection:
        await connection.execute(
            "insert into inbound (workspace_id, kind, from_address, received_at, created_at) select workspace_id, kind,"
            " n || '@example.com', received_at - n * interval '1 minute', created_at from inbound,"
            " generate_series(1, 1200) n where workspace_id = $1",
            terra.desk.workspace_id,
        )
    assert len(await terra.get("/replies")) == 1000
    page = await terra.get("/replies", params={"page": "13", "perPage": "100"})
    assert page["pagination"]["total"] == 1201
    assert [page["replies"][0]["email"], page["replies"][-1]["email"]] == ["1200@example.com"] * 2


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"perPage": "1001"}, {"perPage": ""}, {"page": "-1"}])
async def test_replies_400_for_a_page_that_is_none(terra: Terra, query: dict[str, str]) -> None:
    refused = await terra.raw("GET", "/replies", params=query)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("report", "word"),
    [
        ({"kind": "reply"}, None),
        ({"kind": "reply", "classification": "interested"}, "interested"),
        ({"kind": "reply", "classification": "maybe_later"}, "interested"),
        ({"kind": "reply", "classification": "not_interested"}, "not_interested"),
        ({"kind": "reply", "classification": "out_of_office"}, "out_of_office"),
        ({"kind": "auto_reply"}, "out_of_office"),
        ({"kind": "bounce", "bounce_type": "soft", "address": "a@example.com"}, "bounce"),
        ({"kind": "unsubscribe"}, "unsubscribe"),
        ({"kind": "complaint", "address": "a@example.com"}, "unsubscribe"),
    ],
)
async def test_classification_is_one_of_five_words(terra: Terra, report: Any, word: str | None) -> None:
    await replied(terra, **report)
    [reply] = await terra.get("/replies")
    assert reply["classification"] == word


async def test_the_newest_comes_first(terra: Terra) -> None:
    await replied(terra, "a@example.com", received_at="2026-03-02T08:00:00Z")
    await replied(terra, "b@example.com", received_at="2026-03-02T07:00:00Z")
    assert [one["email"] for one in await terra.get("/replies")] == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize("text", ["camp_999999999", "nonsense", ""])
async def test_404_for_an_unknown_campaign(terra: Terra, text: str) -> None:
    assert await terra.code("GET", "/replies", params={"campaignId": text}) == (404, "campaign_not_found")


async def test_the_key_of_a_single_campaign_sees_its_replies_only(terra: Terra) -> None:
    first, second = await replied(terra), await replied(terra, "b@example.com")
    issued = await terra.desk.api.mint("*", form=FORM, campaign_ids=[int(first.removeprefix("camp_"))])
    [reply] = await terra.get("/replies", key=issued.text)
    assert reply["campaignId"] == first
    found = await terra.code("GET", "/replies", params={"campaignId": second}, key=issued.text)
    assert found == (404, "campaign_not_found")


async def test_assign_records_who_looks_after_it_and_all_that_was_given(terra: Terra) -> None:
    await replied(terra)
    [reply] = await terra.get("/replies")
    given = {**ASSIGN, "to": "x@y.co", "cc": ["z@y.co"], "subject": "Hot", "note": "call", "category": "A"}
    answer = await terra.post(f"/replies/{reply['id']}/assign", given, status=200)
    number = reply["id"].removeprefix("rpl_")
    expected = {"handoffId": f"hnd_{number}", "threadId": f"thr_{number}", "messageId": None, "gmailThreadId": None}
    assert answer == {"data": expected}
    [row] = (await terra.desk.get("/inbound"))["items"]
    assert (row["assigned_to"], row["note"], row["extra"]) == ("sdr_7", "call", {"leadterra": given})


async def test_assign_409_already_forwarded_unless_forced(terra: Terra) -> None:
    await replied(terra)
    [reply] = await terra.get("/replies")
    path = f"/replies/{reply['id']}/assign"
    await terra.post(path, ASSIGN)
    assert await terra.code("POST", path, {**ASSIGN, "sdrId": "sdr_8"}) == (409, "already_forwarded")
    await terra.post(path, {**ASSIGN, "sdrId": "sdr_8", "forceForward": True})
    [row] = (await terra.desk.get("/inbound"))["items"]
    assert row["assigned_to"] == "sdr_8"


async def test_assign_400_with_icp_failed_unless_the_check_is_skipped(terra: Terra) -> None:
    await replied(terra)
    [reply] = await terra.get("/replies")
    path = f"/replies/{reply['id']}/assign"
    answer = await terra.post(path, {"sdrId": "sdr_7"}, status=400)
    assert (answer["icpFailed"], answer["error"]["code"]) == (True, "invalid_request")
    assert (await terra.desk.get("/inbound"))["items"][0]["assigned_to"] is None
    await terra.post(path, {"sdrId": "sdr_7", "skipIcpCheck": True})


@pytest.mark.parametrize(
    "wrong",
    [
        {"sdrId": None},
        {"sdrId": " "},
        {"sdrId": 7},
        {"to": 1},
        {"cc": "x@y.co"},
        {"cc": [1]},
        {"category": "D"},
        {"forceForward": "yes"},
        {"employeeCount": 250},
        {"note": 1},
    ],
)
async def test_assign_400_for_a_wrong_field(terra: Terra, wrong: Any) -> None:
    await replied(terra)
    [reply] = await terra.get("/replies")
    found = await terra.code("POST", f"/replies/{reply['id']}/assign", {**ASSIGN, **wrong})
    assert found == (400, "invalid_request")
    assert (await terra.desk.get("/inbound"))["items"][0]["assigned_to"] is None


@pytest.mark.parametrize("text", ["rpl_999999999", "rpl_x", "inb_1", "1"])
async def test_assign_404_for_an_unknown_reply(terra: Terra, text: str) -> None:
    assert await terra.code("POST", f"/replies/{text}/assign", ASSIGN) == (404, "reply_not_found")
