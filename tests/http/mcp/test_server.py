"""Who may call which tool, and what a client is told of the tools."""

from typing import Any

import pytest

from caesura.domain.scopes import Scope
from caesura.http.mcp.tools import TOOLS
from caesura.service import definitions

# Tools and the native routes that do the same, where those have another name.
ROUTES = {
    "edit_campaign": "change_campaign",
    "get_report": "get_status",
    "explain": "why_campaign",
    "enrol_leads": "enrol",
    "preview_start": "start_campaign",
    "preview_resume": "resume_campaign",
}
# What each tool needs, of things that are in another workspace.
SUBJECTS = {
    "campaign": ("get_campaign", "edit_campaign", "check_campaign", "get_report", "explain", "list_enrollments",
                 "enrol_leads", "preview_start", "start_campaign", "pause_campaign", "preview_resume",
                 "resume_campaign"),
    "lead": ("get_lead",),
}  # fmt: skip
MORE = {
    "edit_campaign": {"changes": {"name": "Mine"}, "version": 1},
    "enrol_leads": {"leads": [{"address": "a@example.com"}]},
    "start_campaign": {"confirmation": "a" * 52},
    "resume_campaign": {"confirmation": "a" * 52},
    "create_campaign": {"definition": {"name": "New"}},
    "save_leads": {"leads": [{"address": "new@example.com"}]},
}


async def arguments_for(tool: str, desk: Any) -> dict[str, Any]:
    if tool in SUBJECTS["campaign"]:
        return {"campaign_id": (await desk.campaign())["id"], **MORE.get(tool, {})}
    if tool in SUBJECTS["lead"]:
        return {"lead_id": (await desk.lead())["id"]}
    return dict(MORE.get(tool, {}))


async def test_every_tool_tells_its_schemas_and_what_it_does_to_the_world(agent: Any) -> None:
    listed = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
    assert listed.keys() == TOOLS.keys()
    for name, tool in listed.items():
        assert tool.description and tool.output_schema is not None, name
        assert tool.annotations is not None
        for place, described in tool.input_schema["properties"].items():
            assert described.get("description") or "$ref" in described, (name, place)
    reading = {name for name, tool in listed.items() if tool.annotations.read_only_hint}
    assert reading == {name for name in TOOLS if name.startswith(("list_", "get_", "check_", "explain", "preview_"))}
    destructive = {name for name, tool in listed.items() if tool.annotations.destructive_hint}
    assert destructive == {"edit_campaign", "save_leads", "enrol_leads", "start_campaign", "resume_campaign"}


async def test_each_tool_needs_the_scope_of_the_route_that_does_the_same(desk: Any) -> None:
    document = (await desk.api.client.get("/openapi.json")).json()
    scopes = {
        operation["operationId"]: operation["security"][0]["key"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if "security" in operation
    }
    assert {name: [tool.scope.value] for name, tool in TOOLS.items()} == {
        name: scopes[ROUTES.get(name, name)] for name in TOOLS
    }


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_key_without_the_scope_is_refused_and_one_with_it_alone_is_let_in(
    desk: Any, connect: Any, tool: str
) -> None:
    arguments = await arguments_for(tool, desk)
    scope = TOOLS[tool].scope
    others = [one for one in Scope if one not in (scope, Scope.ALL)]
    refused = await (await connect(await desk.api.bearing(*others))).failure(tool, **arguments)
    assert (refused["code"], refused["detail"]) == ("scope_missing", f"this key lacks the scope {scope}")
    permitted = await connect(await desk.api.bearing(scope))
    result = await permitted.client.call_tool(tool, arguments)
    assert not result.is_error or result.structured_content["code"] not in ("scope_missing", "internal_error")


@pytest.mark.parametrize("tool", [name for names in SUBJECTS.values() for name in names])
async def test_what_is_in_another_workspace_is_not_found(stranger: Any, agent: Any, tool: str) -> None:
    missing = await agent.failure(tool, **await arguments_for(tool, stranger))
    assert missing["code"] in ("campaign_not_found", "lead_not_found")


async def test_a_key_for_single_campaigns_opens_no_other(desk: Any, connect: Any) -> None:
    mine, other = (await desk.campaign())["id"], (await desk.campaign())["id"]
    issued = await desk.api.mint("*", campaign_ids=[int(mine.removeprefix("cmp_"))])
    agent = await connect({"Authorization": f"Bearer {issued.text}"})
    assert [one["id"] for one in (await agent.call("list_campaigns"))["items"]] == [mine]
    assert (await agent.call("get_report", campaign_id=mine))["status"] == "draft"
    for tool in TOOLS:
        if tool in SUBJECTS["campaign"]:
            refused = await agent.failure(tool, **{"campaign_id": other, **MORE.get(tool, {})})
            assert refused["code"] == "campaign_not_found", tool
        elif tool != "list_campaigns":
            assert (await agent.failure(tool, **MORE.get(tool, {})))["code"] == "key_restricted", tool
    assert (await agent.failure("explain", enrollment_id="enr_1"))["code"] == "key_restricted"


async def test_lists_show_nothing_of_another_workspace(stranger: Any, agent: Any) -> None:
    await stranger.campaign()
    await stranger.lead()
    assert (await agent.call("list_campaigns"))["items"] == []
    assert (await agent.call("list_leads"))["items"] == []


async def test_enrollments_and_mailboxes_of_another_workspace_are_not_found(stranger: Any, agent: Any) -> None:
    mailbox = await stranger.mailbox()
    _, [enrollment_id] = await stranger.running("a@example.com")
    missing = await agent.failure("explain", enrollment_id=enrollment_id)
    assert missing["code"] == "enrollment_not_found"
    assert (await agent.failure("explain", mailbox_id=mailbox["id"]))["code"] == "mailbox_not_found"


async def test_a_defect_of_ours_tells_nothing_of_itself(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(definitions, "page", broken)
    failure = await agent.failure("list_campaigns")
    assert failure["code"] == "internal_error"
    assert "secret" not in str(failure)
