"""The HTTP around the tools: keys, pace, sizes, hosts."""

from dataclasses import replace
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from caesura.domain.api_key import Allowance
from caesura.http.key_forms import KEY_FORMS, NATIVE

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


async def post(url: str, body: Any = LIST, **headers: str) -> Any:
    async with httpx2.AsyncClient() as client:
        return await client.post(url, json=body, headers={**ACCEPT, **headers})


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "key_missing"),
        ("Basic Zm9v", "key_malformed"),
        ("Bearer nothing", "key_malformed"),
        ("Bearer cae_" + "a" * 16 + "." + "b" * 52, "key_unknown"),
    ],
)
async def test_a_request_without_a_good_key_comes_nowhere(mcp_url: str, authorization: str, code: str) -> None:
    answer = await post(mcp_url, **({"Authorization": authorization} if authorization else {}))
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


async def test_a_key_of_another_door_opens_nothing_here(api: Any, mcp_url: str) -> None:
    key = (await api.mint("*", form=KEY_FORMS["leadterra"])).text
    assert (await post(mcp_url, Authorization=f"Bearer {key}")).status_code == 401


async def test_a_key_that_is_revoked_opens_nothing_any_more(desk: Any, mcp_url: str, connect: Any) -> None:
    issued = await desk.api.mint("*")
    headers = {"Authorization": f"Bearer {issued.text}"}
    agent = await connect(headers)
    assert (await agent.call("list_campaigns"))["items"] == []
    await desk.ask("DELETE", f"/keys/key_{issued.row.id}")
    answer = await post(mcp_url, **headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")
    with pytest.raises(Exception):  # noqa: B017, PT011 - the library's own, of no class that it promises
        await agent.call("list_campaigns")


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_is_nothing_but_posts(api: Any, mcp_url: str, method: str) -> None:
    headers = {**ACCEPT, "Authorization": f"Bearer {api.issued.text}"}
    async with httpx2.AsyncClient(headers=headers, timeout=10) as client:
        answer = await client.request(method, mcp_url)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["code"] == "method_not_allowed"


async def test_a_key_of_an_account_names_the_workspace_in_which_its_agent_works(
    api: Any, stranger: Any, mcp_url: str
) -> None:
    theirs = (await stranger.campaign())["id"]
    headers = {"Authorization": f"Bearer {(await api.mint('*', is_account=True)).text}"}
    unnamed = await post(mcp_url, **headers)
    assert (unnamed.status_code, unnamed.json()["errors"][0]["code"]) == (422, "workspace_missing")
    headers["Caesura-Workspace"] = f"wks_{stranger.workspace_id}"
    async with (
        httpx2.AsyncClient(headers=headers) as http_client,
        Client(streamable_http_client(mcp_url, http_client=http_client)) as client,
    ):
        listed = await client.call_tool("list_campaigns", {})
    assert [one["id"] for one in listed.structured_content["items"]] == [theirs]


async def test_a_large_body_is_refused(api: Any, mcp_url: str) -> None:
    body = {**LIST, "params": {"_meta": {"a": "x" * (api.context.body_limit + 1)}}}
    assert (await post(mcp_url, body, Authorization=f"Bearer {api.issued.text}")).status_code == 413


async def test_a_web_page_cannot_get_at_a_server_on_this_machine_by_a_name_of_its_own(api: Any, mcp_url: str) -> None:
    key = f"Bearer {api.issued.text}"
    for headers, code in (
        ({"Host": "evil.example"}, "host_refused"),
        ({"Origin": "https://evil.example"}, "origin_refused"),
    ):
        answer = await post(mcp_url, Authorization=key, **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, code)


async def test_a_key_that_asks_too_fast_is_told_to_wait(
    api: Any, mcp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replace(NATIVE, plans={"usual": (Allowance("minute", 60, 1),)})
    monkeypatch.setattr("caesura.http.native.route.NATIVE", slow)
    headers = {"Authorization": f"Bearer {api.issued.text}"}
    first, second = await post(mcp_url, **headers), await post(mcp_url, **headers)
    assert (first.status_code == 429, first.headers["RateLimit-Remaining"]) == (False, "0")
    assert (second.status_code, second.headers["Retry-After"], second.json()["code"]) == (429, "60", "rate_limited")


async def test_clients_of_the_older_protocol_are_served_as_well(api: Any, mcp_url: str) -> None:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {api.issued.text}"}) as http_client,
        Client(streamable_http_client(mcp_url, http_client=http_client), mode="legacy") as client,
    ):
        assert client.server_info.name == "caesura"
        made = await client.call_tool("create_campaign", {"definition": {"name": "Spring"}})
        assert made.structured_content["actor"] == f"key:{api.issued.row.prefix}"
        wrong = await client.call_tool("get_campaign", {"campaign_id": "cmp_999"})
        assert (wrong.is_error, wrong.structured_content["code"]) == (True, "campaign_not_found")
