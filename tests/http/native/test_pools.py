from typing import Any

import pytest

POOLS = "/api/v1/pools"


async def test_a_pool_is_made_replaced_and_deleted(desk: Any) -> None:
    anna, ben = await desk.mailbox(name="anna"), await desk.mailbox(name="ben")
    made = await desk.api.client.post(POOLS, json={"name": "sales", "mailboxes": ["anna"]})
    body = made.json()
    assert (made.status_code, body["mailbox_ids"]) == (201, [anna["id"]])
    assert made.headers["Location"] == f"{POOLS}/{body['id']}"
    path = f"/pools/{body['id']}"
    replaced = await desk.ask("PUT", path, {"name": "all", "mailboxes": ["anna", "ben"]})
    assert (replaced["name"], sorted(replaced["mailbox_ids"])) == ("all", sorted([anna["id"], ben["id"]]))
    assert await desk.get(path) == replaced
    await desk.ask("DELETE", path, status=204)
    assert (await desk.get(path, 404))["code"] == "pool_not_found"
    await desk.get(f"/mailboxes/{anna['id']}")


async def test_pools_come_in_pages_newest_first(desk: Any) -> None:
    made = [await desk.pool() for _ in range(5)]
    assert await desk.every("/pools") == made[::-1]


async def test_a_pool_that_a_campaign_uses_is_not_deleted(desk: Any) -> None:
    await desk.campaign()
    [pool] = await desk.every("/pools")
    assert (await desk.ask("DELETE", f"/pools/{pool['id']}", status=409))["code"] == "pool_in_use"
    assert await desk.get(f"/pools/{pool['id']}") == pool


async def test_two_pools_cannot_have_one_name(desk: Any) -> None:
    first, second = await desk.pool(), await desk.pool()
    name = (await desk.mailbox())["name"]
    taken = {"name": first["name"], "mailboxes": [name]}
    assert (await desk.post("/pools", taken, 409))["code"] == "name_taken"
    assert (await desk.ask("PUT", f"/pools/{second['id']}", taken, 409))["code"] == "name_taken"
    assert await desk.get(f"/pools/{second['id']}") == second


async def test_mailboxes_that_are_unknown_archived_or_foreign_are_refused_by_place(desk: Any, stranger: Any) -> None:
    await desk.mailbox(name="anna")
    gone = await desk.mailbox(name="gone")
    await desk.post(f"/mailboxes/{gone['id']}/archive")
    await stranger.mailbox(name="foreign")
    for name in ("nobody", "gone", "foreign"):
        refused = await desk.post("/pools", {"name": "sales", "mailboxes": ["anna", name]}, 422)
        assert (refused["code"], refused["errors"][0]["pointer"]) == ("unknown_mailbox", "/mailboxes/1")
    assert await desk.every("/pools") == []


async def test_a_pool_of_another_workspace_is_not_found(desk: Any, stranger: Any) -> None:
    foreign = await stranger.pool()
    body = {"name": "mine", "mailboxes": [(await desk.mailbox())["name"]]}
    for method, json in (("GET", None), ("PUT", body), ("DELETE", None)):
        assert (await desk.ask(method, f"/pools/{foreign['id']}", json, 404))["code"] == "pool_not_found"
    assert await stranger.get(f"/pools/{foreign['id']}") == foreign


async def test_pools_need_the_scopes_of_mailboxes(desk: Any) -> None:
    body = {"name": "sales", "mailboxes": ["anna"]}
    reading, writing = await desk.api.bearing("mailboxes:read"), await desk.api.bearing("mailboxes:write")
    assert (await desk.post("/pools", body, 403, headers=reading))["code"] == "scope_missing"
    assert (await desk.get("/pools", 403, headers=writing))["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"name": "sales"}, "missing_field", "/mailboxes"),
        ({"name": "sales", "mailboxes": []}, "too_short", "/mailboxes"),
        ({"name": "sales", "mailboxes": ["a", "a"]}, "duplicate_name", "/mailboxes/1"),
        ({"name": "sales", "mailboxes": [1]}, "wrong_type", "/mailboxes/0"),
        ({"name": "", "mailboxes": ["a"]}, "too_short", "/name"),
        ({"name": "sales", "mailboxes": ["a"], "colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_wrong_pool_is_refused_with_its_place(served: Any, body: Any, code: str, pointer: str) -> None:
    answer = served.client.post(POOLS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_bytes_that_are_no_pool_are_refused(served: Any) -> None:
    kind = {"Content-Type": "application/json"}
    assert served.client.post(POOLS, content=b'{"name": "\xff"}', headers=kind).status_code == 400
    assert served.client.post(POOLS, content=b" " * 10_000_000, headers=kind).status_code == 413


async def test_a_pool_and_its_mailboxes_show_what_they_may_send_today(desk: Any) -> None:
    anna = await desk.mailbox(name="anna", limits={"daily_cap": 5})
    ben = await desk.mailbox(name="ben", limits={"daily_cap": 3})
    assert (ben["used_today"], ben["cap_today"], ben["left_today"]) == (0, 3, 3)
    pool = await desk.pool("anna", "ben")
    campaign_id = (await desk.campaign(pool=pool["name"]))["id"]
    await desk.enrol(campaign_id, "a@example.com")
    await desk.post(f"/campaigns/{campaign_id}/start")
    assert await desk.send(campaign_id) == 1
    shown = await desk.get(f"/pools/{pool['id']}")
    assert (shown["used_today"], shown["cap_today"], shown["left_today"]) == (1, 8, 7)
    assert await desk.every("/pools") == [shown]
    listed = await desk.every("/mailboxes")
    assert sorted(one["used_today"] for one in listed) == [0, 1]
    assert await desk.get(f"/mailboxes/{anna['id']}") in listed


async def test_where_nothing_limits_a_mailbox_nothing_is_counted(desk: Any) -> None:
    mailbox = await desk.mailbox()
    pool = await desk.pool(mailbox["name"])
    for one in (mailbox, pool):
        assert (one["used_today"], one["cap_today"], one["left_today"]) == (None, None, None)
