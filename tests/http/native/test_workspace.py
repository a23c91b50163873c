from desk import Desk


async def test_what_is_set_is_read_and_changed(desk: Desk) -> None:
    assert await desk.get("/workspace") == {"approval_above": 100}
    assert await desk.ask("PATCH", "/workspace", {"approval_above": None}) == {"approval_above": None}
    assert await desk.ask("PATCH", "/workspace", {}) == {"approval_above": None}
    assert await desk.get("/workspace") == {"approval_above": None}


async def test_what_cannot_be_set_is_refused(desk: Desk) -> None:
    for body in ({"approval_above": -1}, {"approval_above": "5"}, {"colour": 1}):
        await desk.ask("PATCH", "/workspace", body, 422)


async def test_a_key_that_may_not_start_campaigns_may_not_change_when_somebody_is_asked(desk: Desk) -> None:
    headers = await desk.api.bearing("campaigns:read", "campaigns:write")
    await desk.get("/workspace", headers=headers)
    await desk.ask("PATCH", "/workspace", {}, 403, headers=headers)
