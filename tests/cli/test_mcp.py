"""`caesura mcp` as a real process, with the library's own client."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

READY = "ready http://127.0.0.1:"


async def command(caesura: Callable[..., Any], *arguments: str) -> Any:
    """Runs another command; it has a loop of its own, so it needs a thread."""
    return await asyncio.to_thread(caesura, *arguments)


@asynccontextmanager
async def agent(dsn: str, folder: Path, *options: str, **settings: str) -> AsyncIterator[Client]:
    """A client that starts the command and speaks with it over its standard input and output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAESURA_")}
    place = {"CAESURA_DATABASE_URL": dsn, "CAESURA_DATA_DIR": str(folder / "data")}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "caesura", "mcp", *options], env=environment | place | settings, cwd=folder
    )
    async with Client(command) as client:
        yield client


async def test_a_client_that_starts_it_may_do_everything_in_the_workspace(
    dsn: str, tmp_path: Path, caesura: Callable[..., Any]
) -> None:
    async with agent(dsn, tmp_path) as client:
        assert client.server_info.name == "caesura"
        made = await client.call_tool("create_campaign", {"definition": {"name": "Spring"}})
        assert made.structured_content["actor"].startswith("mcp:")
        preview = await client.call_tool("preview_start", {"campaign_id": made.structured_content["id"]})
        assert preview.structured_content["can_go"] is False
        wrong = await client.call_tool("get_campaign", {"campaign_id": "cmp_99"})
        assert (wrong.is_error, wrong.structured_content["code"]) == (True, "campaign_not_found")
    assert [one["name"] for one in json.loads((await command(caesura, "campaigns", "--json")).out)] == ["Spring"]


async def test_it_works_in_the_workspace_that_is_named(dsn: str, tmp_path: Path, caesura: Callable[..., Any]) -> None:
    await command(caesura, "key", "create", "--workspace", "other")
    async with agent(dsn, tmp_path, "--workspace", "other") as client:
        await client.call_tool("create_campaign", {"definition": {"name": "Elsewhere"}})
    assert (
        json.loads((await command(caesura, "campaigns", "--json", "--workspace", "other")).out)[0]["name"]
        == "Elsewhere"
    )
    assert json.loads((await command(caesura, "campaigns", "--json")).out) == []
    missing = await command(caesura, "mcp", "--workspace", "nowhere")
    assert (missing.status, "workspace_not_found" in missing.err) == (1, True)


async def test_with_a_key_it_may_do_what_the_key_may_where_the_key_belongs_until_it_is_revoked(
    dsn: str, tmp_path: Path, caesura: Callable[..., Any]
) -> None:
    key = (await command(caesura, "key", "create", "--workspace", "other", "--scope", "campaigns:read")).out.strip()
    await command(caesura, "key", "create", "--workspace", "default")
    async with agent(dsn, tmp_path, CAESURA_API_KEY=key) as client:
        assert (await client.call_tool("list_campaigns", {})).structured_content["items"] == []
        refused = await client.call_tool("create_campaign", {"definition": {"name": "Spring"}})
        assert (refused.is_error, refused.structured_content["code"]) == (True, "scope_missing")
        assert (await command(caesura, "key", "revoke", key, "--workspace", "other")).status == 0
        revoked = await client.call_tool("list_campaigns", {})
        assert (revoked.is_error, revoked.structured_content["code"]) == (True, "key_revoked")


def test_a_key_that_is_wrong_is_told_before_anything_else(
    caesura: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAESURA_API_KEY", "cae_" + "a" * 16 + "." + "b" * 52)
    told = caesura("mcp")
    assert (told.status, told.out, "[key_unknown]" in told.err) == (1, "", True)


async def test_over_http_each_request_carries_a_key(
    dsn: str, tmp_path: Path, caesura: Callable[..., Any], running: Callable[..., Any]
) -> None:
    place = {"CAESURA_DATABASE_URL": dsn, "CAESURA_DATA_DIR": str(tmp_path / "data")}
    key = (await command(caesura, "key", "create", "--workspace", "other")).out.strip()
    server = running("mcp", "--http", "--port", "0", **place)
    ready = server.line()
    assert ready.startswith(READY) and ready.endswith("/mcp")
    url = ready.removeprefix("ready ")
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http_client,
        Client(streamable_http_client(url, http_client=http_client)) as client,
    ):
        made = await client.call_tool("create_campaign", {"definition": {"name": "Spring"}})
        assert made.structured_content["actor"] == f"key:{key[4:20]}"
    async with httpx2.AsyncClient() as stranger:
        answer = await stranger.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
    assert (
        json.loads((await command(caesura, "campaigns", "--json", "--workspace", "other")).out)[0]["name"] == "Spring"
    )
    ended = server.stop()
    assert (ended.status, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to_though_its_input_stays_open(
    dsn: str, tmp_path: Path, number: signal.Signals
) -> None:
    environment = os.environ | {"CAESURA_DATABASE_URL": dsn, "CAESURA_DATA_DIR": str(tmp_path / "data")}
    process = subprocess.Popen(
        [sys.executable, "-m", "caesura", "mcp"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=tmp_path, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize"} | {
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        }
    }
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "caesura"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


def test_an_address_without_http_is_refused(caesura: Callable[..., Any]) -> None:
    assert caesura("mcp", "--port", "8090").status == 2


def test_without_the_extra_it_names_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['mcp'] = None; from caesura.cli import main; sys.argv = ['caesura', 'mcp']; main()"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        "caesura: this needs the extra mcp, which is not installed: pip install 'caesura[mcp]' [extra_missing]\n"
    )


def test_no_other_command_pays_for_it() -> None:
    program = (
        "import sys; from caesura.cli.commands import application; sys.argv = ['caesura', '--help']\n"
        "try: application()()\nexcept SystemExit: pass\n"
        "sys.exit('mcp' in sys.modules or 'mcp_types' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60).returncode == 0
