"""What was written to leads and what came back, through the native API."""

from typing import Any


async def told(desk: Any, **parameters: Any) -> dict[str, str]:
    found = await desk.every("/correspondence", **parameters)
    return {one["lead"]["address"]: one["standing"] for one in found}


async def test_leads_are_told_apart_by_what_there_has_been(desk: Any) -> None:
    campaign_id, _ = await desk.running("kim@example.com", "ben@example.com", "ann@example.com")
    assert await desk.send(campaign_id) == 3
    await desk.lead("new@example.com")
    await desk.post(
        "/inbound", {"kind": "reply", "from_address": "kim@example.com", "classification": "interested"}, 201
    )
    await desk.post("/inbound", {"kind": "bounce", "address": "ben@example.com", "bounce_type": "hard"}, 201)
    await desk.post("/suppressions", {"value": "ann@example.com"})
    assert await told(desk) == {
        "kim@example.com": "replied",
        "ben@example.com": "bounced",
        "ann@example.com": "suppressed",
        "new@example.com": "open",
    }
    assert set(await told(desk, standing="replied")) == {"kim@example.com"}
    assert set(await told(desk, is_written_to=False)) == {"new@example.com"}
    assert len(await told(desk, campaign_id=campaign_id)) == 3
    assert await told(desk, campaign_id="cmp_999") == {}
    [one] = (await desk.get("/correspondence", params={"standing": "replied", "with_campaigns": True}))["items"]
    assert (one["classification"], one["written_at"], one["replied_at"]) == (
        "interested",
        "2026-03-02T09:00:00Z",
        "2026-03-02T09:00:00Z",
    )
    [place] = one["campaigns"]
    assert (place["campaign_id"], place["state"], place["cause"]) == (campaign_id, "stopped", "replied")
    assert place["mailbox_address"].endswith("@sender.test")
    assert await desk.get(f"/leads/{one['lead']['id']}/correspondence") == one
    [short] = (await desk.get("/correspondence", params={"standing": "replied"}))["items"]
    assert short == {**one, "campaigns": None}


async def test_a_lead_without_any_is_open(desk: Any) -> None:
    lead = await desk.lead()
    one = await desk.get(f"/leads/{lead['id']}/correspondence")
    assert one == {
        "lead": {name: value for name, value in lead.items() if name != "outcome"},
        "standing": "open",
        "written_at": None,
        "replied_at": None,
        "classification": None,
        "campaigns": [],
    }


async def test_correspondence_of_another_workspace_is_not_there(desk: Any, stranger: Any) -> None:
    lead = await stranger.lead()
    assert await told(desk) == {}
    assert (await desk.get(f"/leads/{lead['id']}/correspondence", 404))["code"] == "lead_not_found"


async def test_correspondence_needs_both_scopes_since_it_tells_of_both(desk: Any) -> None:
    for scopes, status in (("leads:read",), 403), (("inbound:read",), 403), (("leads:read", "inbound:read"), 200):
        await desk.get("/correspondence", status, headers=await desk.api.bearing(*scopes))


async def test_wrong_filters_are_refused(desk: Any) -> None:
    assert (await desk.get("/correspondence", 422, params={"standing": "angry"}))["errors"][0][
        "parameter"
    ] == "standing"
    assert (await desk.get("/correspondence", 404, params={"campaign_id": "spring"}))["code"] == "campaign_not_found"
