"""`/mcp` of the server itself: loaded when it is first called, for those who come by its name."""

import sys
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.requests import Request

from caesura.domain.errors import Forbidden
from caesura.http.agents import Names

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


async def test_an_agent_works_with_the_server_itself(served: Any) -> None:
    url, issued = f"{served.url}/mcp", served.mint("*")
    key = {"Authorization": f"Bearer {issued.text}"}
    async with (
        httpx2.AsyncClient(headers=key) as http_client,
        Client(streamable_http_client(url, http_client=http_client)) as client,
    ):
        made = await client.call_tool("create_campaign", {"definition": {"name": "Spring"}})
        assert made.structured_content["actor"] == f"key:{issued.row.prefix}"


async def test_keys_scopes_and_names_are_looked_at_as_everywhere(served: Any) -> None:
    url, key = f"{served.url}/mcp", served.bearing("*")
    async with httpx2.AsyncClient(headers=ACCEPT) as client:
        without = await client.post(url, json=LIST)
        assert (without.status_code, without.json()["code"]) == (401, "key_missing")
        assert without.json()["request_id"] == without.headers["X-Request-Id"]
        call = {**LIST, "method": "tools/call", "params": {"name": "list_campaigns", "arguments": {}}}
        answer = await client.post(url, json=call, headers=served.bearing("leads:read"))
        assert answer.json()["result"]["structuredContent"]["code"] == "scope_missing"
        for headers, code in (
            ({"Host": "evil.example"}, "host_refused"),
            ({"Origin": "https://evil.example"}, "origin_refused"),
        ):
            refused = await client.post(url, json=LIST, headers={**key, **headers})
            assert (refused.status_code, refused.json()["code"]) == (403, code)
        assert (await client.get(url, headers=key)).status_code == 405


async def test_without_the_extra_it_says_what_to_install(make_api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = await make_api()
    monkeypatch.delitem(sys.modules, "caesura.http.mcp.application", raising=False)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    answer = await api.client.post("/mcp", json=LIST, headers={"Host": "localhost"})
    assert (answer.status_code, answer.json()["code"]) == (404, "extra_missing")
    assert "pip install 'caesura[mcp]'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("names", "host", "origin", "code"),
    [
        (Names("127.0.0.1"), "127.0.0.1:8080", None, None),
        (Names("127.0.0.1"), "localhost:8080", "http://localhost:3000", None),
        (Names("::1"), "[::1]:8080", "http://[::1]:8080", None),
        (Names("127.0.0.1"), "mail.example.com", None, "host_refused"),
        (Names("127.0.0.1"), "", None, "host_refused"),
        (Names("127.0.0.1"), "127.0.0.1.evil.example", None, "host_refused"),
        (Names("127.0.0.1"), "[::1", None, "host_refused"),
        (Names("127.0.0.1"), "evil.example", "http://evil.example", "host_refused"),
        (Names("127.0.0.1", "https://mail.example.com/c"), "mail.example.com", "https://mail.example.com", None),
        (Names("127.0.0.1", "https://mail.example.com"), "mail.example.com", "https://evil.example", "origin_refused"),
        (Names("127.0.0.1"), "127.0.0.1:8080", "null", "origin_refused"),
        (Names("127.0.0.1"), "127.0.0.1:8080", "http://[evil", "origin_refused"),
        (Names("0.0.0.0"), "10.1.2.3:8080", None, None),  # noqa: S104 - names of a server that listens everywhere
        (Names("0.0.0.0"), "10.1.2.3:8080", "http://10.1.2.3:8080", None),  # noqa: S104
        (Names("0.0.0.0"), "10.1.2.3:8080", "https://evil.example", "origin_refused"),  # noqa: S104
    ],
)
def test_who_comes_by_the_right_name_is_let_in(names: Names, host: str, origin: str | None, code: str | None) -> None:
    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin is not None else [])
    request = Request({"type": "http", "method": "POST", "path": "/mcp", "headers": headers})
    if code is None:
        names.check(request)
    else:
        with pytest.raises(Forbidden) as caught:
            names.check(request)
        assert caught.value.code == code
