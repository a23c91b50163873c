from typing import Any

import pytest

from caesura.domain.delivery import Kind


def reasons(answer: Any) -> list[str]:
    return [answer["reason"], *(one["reason"] for one in answer["also"])]


async def test_a_paused_campaign_says_who_paused_it_and_when_it_goes_on(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    assert reasons(await desk.get(f"/campaigns/{campaign_id}/why")) == ["no_worker"]
    await desk.post(f"/campaigns/{campaign_id}/pause", {"resume_at": "2026-03-03T09:00:00Z", "reason": "wrong price"})
    for path in (f"/campaigns/{campaign_id}/why", f"/enrollments/{enrollment_id}/why"):
        why = await desk.get(path)
        assert (why["reason"], why["next_at"]) == ("campaign_paused", "2026-03-03T09:00:00Z")
        assert why["facts"]["actor"] == f"key:{desk.api.issued.row.prefix}"
        assert why["facts"]["reason"] == "wrong price"
        assert "2026-03-03T09:00:00Z" in why["sentence"]
    assert (await desk.get(f"/campaigns/{campaign_id}/why"))["counts"]["waiting"] == 1


async def test_holds_are_named_with_their_ids_the_most_general_first(desk: Any) -> None:
    _, [enrollment_id] = await desk.running("kim@example.com")
    [mailbox] = await desk.every("/mailboxes")
    lead_id = (await desk.get(f"/enrollments/{enrollment_id}"))["lead_id"]
    everything = await desk.post("/holds", {"level": "workspace"})
    lead = await desk.post("/holds", {"level": "lead", "subject": lead_id})
    why = await desk.get(f"/enrollments/{enrollment_id}/why")
    assert reasons(why)[:2] == ["workspace_hold", "lead_hold"]
    assert [why["facts"]["hold_id"], why["also"][0]["facts"]["hold_id"]] == [everything["id"], lead["id"]]
    assert why["next_at"] is None
    assert (await desk.get(f"/mailboxes/{mailbox['id']}/why"))["reason"] == "workspace_hold"


async def test_a_mailbox_at_its_cap_says_when_it_goes_on(desk: Any) -> None:
    mailbox = await desk.mailbox(limits={"daily_cap": 1})
    pool = (await desk.pool(mailbox["name"]))["name"]
    campaign_id, ids = await desk.running("a@example.com", "b@example.com", pool=pool)
    assert await desk.send(campaign_id) == 1
    for path in (f"/mailboxes/{mailbox['id']}", f"/campaigns/{campaign_id}", f"/enrollments/{ids[1]}"):
        why = await desk.get(f"{path}/why")
        assert (why["reason"], why["next_at"]) == ("daily_cap", "2026-03-03T00:00:00Z"), path
        assert (why["facts"]["limit"], why["facts"]["mailbox_id"]) == (1, mailbox["id"])
        assert why["facts"]["at"] == "2026-03-03T00:00:00Z"
    assert (await desk.get(f"/mailboxes/{mailbox['id']}/why"))["counts"] == {"campaigns": 1, "running_campaigns": 1}


@pytest.mark.parametrize(
    ("kind", "verb", "reason"),
    [
        (None, "hold", "held_other"),
        (None, "stop", "stopped_manual"),
        (Kind.ACCEPTED, None, "not_due"),
        (Kind.UNKNOWN, None, "unknown_outcome"),
    ],
)
async def test_a_lead_says_what_it_waits_for(desk: Any, kind: Kind | None, verb: str | None, reason: str) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com", on_unknown="hold")
    if kind is not None:
        await desk.send(campaign_id, kind)
    if verb is not None:
        await desk.post(f"/enrollments/{enrollment_id}/{verb}")
    assert (await desk.get(f"/enrollments/{enrollment_id}/why"))["reason"] == reason


async def test_nothing_is_told_of_another_workspace(desk: Any, stranger: Any) -> None:
    campaign_id, [enrollment_id] = await stranger.running("a@example.com")
    [mailbox] = await stranger.every("/mailboxes")
    for path, noun in ((f"/campaigns/{campaign_id}", "campaign"), (f"/mailboxes/{mailbox['id']}", "mailbox")):
        assert (await desk.get(f"{path}/why", 404))["code"] == f"{noun}_not_found"
    assert (await desk.get(f"/enrollments/{enrollment_id}/why", 404))["code"] == "enrollment_not_found"


async def test_asking_why_needs_campaigns_read(desk: Any) -> None:
    headers = await desk.api.bearing("leads:read", "campaigns:write")
    for path in ("/campaigns/cmp_1/why", "/mailboxes/mbx_1/why", "/enrollments/enr_1/why"):
        assert (await desk.get(path, 403, headers=headers))["code"] == "scope_missing"


def test_what_cannot_be_an_id_has_no_answer(served: Any) -> None:
    for path in ("campaigns/cmp_0", "mailboxes/cmp_1", "enrollments/%FF"):
        assert served.client.get(f"/api/v1/{path}/why").status_code == 404
