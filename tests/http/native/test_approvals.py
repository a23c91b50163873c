from desk import Desk


async def submitted(desk: Desk) -> str:
    campaign_id = str((await desk.campaign())["id"])
    await desk.post(f"/campaigns/{campaign_id}/submit")
    return campaign_id


async def test_approvals_are_listed_with_what_became_of_them(desk: Desk) -> None:
    first, second = await submitted(desk), await submitted(desk)
    await desk.post(f"/campaigns/{first}/dismiss")
    shown = await desk.every("/approvals")
    assert [(one["campaign_id"], one["state"]) for one in shown] == [(second, "pending"), (first, "dismissed")]
    assert shown[0]["settled_at"] is None and shown[1]["settled_at"] is not None
    assert [one["campaign_id"] for one in await desk.every("/approvals", state="pending")] == [second]


async def test_approvals_of_another_workspace_are_not_listed(desk: Desk, stranger: Desk) -> None:
    await submitted(stranger)
    assert await desk.every("/approvals") == []


async def test_the_reason_of_a_dismissal_is_shown_with_the_approval(desk: Desk) -> None:
    campaign_id = await submitted(desk)
    await desk.post(f"/campaigns/{campaign_id}/dismiss", {"reason": "not now"})
    [one] = await desk.every("/approvals")
    assert (one["state"], one["reason"]) == ("dismissed", "not now")
