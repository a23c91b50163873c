"""Sender pools and sender accounts."""

from typing import Any

from leadterra_client import Terra, outer


async def test_pools_are_a_bare_array_with_capacity_and_accounts(terra: Terra) -> None:
    boxes = [await terra.desk.mailbox(limits={"daily_cap": cap}) for cap in (30, 12)]
    pool = await terra.desk.pool(*(box["name"] for box in boxes))
    assert await terra.get("/sender-pools") == [
        {
            "id": outer(pool["id"], "pool"),
            "name": pool["name"],
            "dailyCapacity": 42,
            "remainingVolume": 42,
            "senderAccountIds": [outer(box["id"], "sa") for box in boxes],
        }
    ]


async def test_a_pool_that_nothing_limits_has_a_number_all_the_same(terra: Terra) -> None:
    await terra.desk.pool()
    [pool] = await terra.get("/sender-pools")
    assert pool["dailyCapacity"] == pool["remainingVolume"] == 2**31 - 1


async def test_pools_come_oldest_first(terra: Terra) -> None:
    made = [await terra.desk.pool() for _ in range(3)]
    assert [one["name"] for one in await terra.get("/sender-pools")] == [one["name"] for one in made]


async def test_a_workspace_without_senders_has_empty_arrays(terra: Terra) -> None:
    assert await terra.get("/sender-pools") == await terra.get("/sender-accounts") == []


async def test_accounts_are_a_bare_array(terra: Terra) -> None:
    box = await terra.desk.mailbox(from_name="Alex Rivera")
    assert await terra.get("/sender-accounts") == [
        {"id": outer(box["id"], "sa"), "email": box["address"], "name": "Alex Rivera", "status": "active"}
    ]


async def test_accounts_that_are_held_or_archived_are_paused(terra: Terra) -> None:
    held, gone, well = [await terra.desk.mailbox() for _ in range(3)]
    await terra.desk.post("/holds", {"level": "mailbox", "subject": held["id"]})
    await terra.desk.post(f"/mailboxes/{gone['id']}/archive")
    accounts = {one["email"]: one["status"] for one in await terra.get("/sender-accounts")}
    assert accounts == {held["address"]: "paused", gone["address"]: "paused", well["address"]: "active"}


async def test_another_workspaces_senders_are_not_shown(terra: Terra, stranger: Any) -> None:
    await stranger.pool()
    assert await terra.get("/sender-pools") == []


async def test_401_authentication_failed(terra: Terra) -> None:
    for path in ("/sender-pools", "/sender-accounts"):
        assert await terra.code("GET", path, key="sk_live_no") == (401, "authentication_failed")
