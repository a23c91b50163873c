"""The workspaces of an installation, and account keys, through the native API."""

from typing import Any

import pytest
from desk import Desk

from caesura.http.native.identifiers import WORKSPACE


@pytest.fixture
async def account(desk: Desk) -> dict[str, str]:
    """Headers with a key that opens every workspace."""
    return {"Authorization": f"Bearer {(await desk.api.mint('*', is_account=True)).text}"}


def within(account: dict[str, str], workspace_id: object) -> dict[str, str]:
    return {**account, "Caesura-Workspace": str(workspace_id)}


async def test_a_workspace_is_made_listed_renamed_and_deleted_while_it_is_empty(desk: Desk, account: Any) -> None:
    name = f"made by {desk.workspace_id}"
    made = await desk.post("/workspaces", {"name": name}, 201, headers=account)
    path = f"/workspaces/{made['id']}"
    assert await desk.get(path, headers=account) == made
    listed = (await desk.get("/workspaces", headers=account))["items"]
    assert listed[0] == made
    assert (await desk.post("/workspaces", {"name": name}, 409, headers=account))["code"] == "name_taken"
    renamed = await desk.ask("PATCH", path, {"name": f"{name} anew"}, headers=account)
    assert renamed == {**made, "name": f"{name} anew"}
    own = f"/workspaces/{WORKSPACE.show(desk.workspace_id)}"
    assert (await desk.ask("PATCH", own, {"name": renamed["name"]}, 409, headers=account))["code"] == "name_taken"
    [told] = (await desk.get("/events", headers=within(account, made["id"])))["items"]
    assert (told["kind"], told["data"]) == ("workspace.edited", {"name": renamed["name"]})
    assert (await desk.ask("DELETE", own, status=409, headers=account))["code"] == "workspace_not_empty"
    await desk.ask("DELETE", path, status=204, headers=account)
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        for gone in (made["id"], "wks_99999999999"):
            answer = await desk.ask(method, f"/workspaces/{gone}", body, 404, headers=account)
            assert answer["code"] == "workspace_not_found"


async def test_an_account_key_works_in_the_workspace_that_the_request_names_and_in_no_other(
    desk: Desk, stranger: Desk, account: Any
) -> None:
    own, theirs = await desk.campaign(), await stranger.campaign()
    for here, there, workspace_id in ((own, theirs, desk.workspace_id), (theirs, own, stranger.workspace_id)):
        headers = within(account, WORKSPACE.show(workspace_id))
        assert (await desk.get(f"/campaigns/{here['id']}", headers=headers))["id"] == here["id"]
        await desk.get(f"/campaigns/{there['id']}", 404, headers=headers)
    unnamed = await desk.get("/campaigns", 422, headers=account)
    assert unnamed["errors"][0]["code"] == "workspace_missing"
    for nowhere in ("wks_99999999999", "wks_0", str(desk.workspace_id), "acme", ""):
        assert (await desk.get("/campaigns", 403, headers=within(account, nowhere)))["code"] == "workspace_shut"


async def test_a_key_of_one_workspace_names_its_own_or_none(desk: Desk, stranger: Desk) -> None:
    await desk.get("/campaigns", headers={"Caesura-Workspace": WORKSPACE.show(desk.workspace_id)})
    for other in (WORKSPACE.show(stranger.workspace_id), "wks_99999999999"):
        refused = await desk.get("/campaigns", 403, headers={"Caesura-Workspace": other})
        assert refused["code"] == "workspace_shut"


async def test_an_account_key_has_one_pace_whatever_workspaces_it_asks_for(desk: Desk, stranger: Desk) -> None:
    key = (await desk.api.mint("*", is_account=True, plan="slow")).text
    left = []
    for workspace_id in (desk.workspace_id, stranger.workspace_id):
        headers = within({"Authorization": f"Bearer {key}"}, WORKSPACE.show(workspace_id))
        answer = await desk.api.client.get("/api/v1/campaigns", headers=headers)
        left.append(int(answer.headers["RateLimit-Remaining"]))
    assert left == [59, 58]
