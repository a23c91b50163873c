from typing import Any

from caesura.service import workers


async def test_who_is_at_work_is_told_with_its_last_sign_of_life(desk: Any) -> None:
    await workers.see(desk.api.database, "mail1-4711-1", "mail1", 4711, 200, desk.api.clock())
    desk.api.clock.advance(60)
    await workers.see(desk.api.database, "mail1-4711-1", "mail1", 4711, 200, desk.api.clock())
    [worker] = await desk.get("/workers", headers=await desk.api.bearing("campaigns:read"))
    assert worker == {
        "id": "mail1-4711-1",
        "host": "mail1",
        "slots": 200,
        "started_at": "2026-03-02T09:00:00Z",
        "seen_at": "2026-03-02T09:01:00Z",
    }
    await workers.forget(desk.api.database, "mail1-4711-1")
    assert await desk.get("/workers") == []


async def test_who_is_at_work_is_not_told_to_everybody(desk: Any) -> None:
    assert (await desk.get("/workers", 403, headers=await desk.api.bearing("leads:read")))["code"] == "scope_missing"
