"""Two servers on one database, as real processes behind a balancer would be: together they give what one would."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

Starter = Callable[..., Any]

PATHS = {
    "leadlex": "/leadlex/functions/v1/api-gateway/v1/campaigns",
    "autosend": "/autosend/v1/campaigns",
    "woodpecker": "/woodpecker/rest/v1/prospects",
}


@pytest.fixture
def settings(dsn: str) -> dict[str, str]:
    return {"CAESURA_DATABASE_URL": dsn, "CAESURA_SECRET_KEY": "ab" * 32}


@pytest.fixture
def addresses(running: Starter, settings: dict[str, str], tmp_path: Path) -> list[str]:
    """Where two servers answer."""
    servers = [
        running("serve", "--port", "0", "--workers", "0", "--data-dir", tmp_path / name, **settings) for name in "ab"
    ]
    return [server.line().removeprefix("ready ") for server in servers]


@pytest.fixture
def new_key(running: Starter, settings: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    """Makes a key of a door."""

    def make(dialect: str, *more: str) -> str:
        maker = running("key", "create", "--dialect", dialect, *more, "--data-dir", tmp_path / "a", **settings)
        key = str(maker.line())
        assert maker.process.wait(60) == 0
        return key

    return make


@asynccontextmanager
async def clients(addresses: list[str], headers: dict[str, str]) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each server, that waits long: what is measured is not the time."""
    made = [httpx.AsyncClient(base_url=address, headers=headers, timeout=120) for address in addresses]
    try:
        yield made
    finally:
        for client in made:
            await client.aclose()


@pytest.mark.parametrize(("dialect", "plan", "limit"), [("leadlex", "pro", 50), ("autosend", "usual", 120)])
async def test_two_servers_let_through_what_a_key_may_ask_and_no_more(
    addresses: list[str], new_key: Callable[..., str], dialect: str, plan: str, limit: int
) -> None:
    headers = {"Authorization": f"Bearer {new_key(dialect, '--plan', plan)}"}
    answers: list[tuple[int, int, str]] = []

    async def ask(number: int, client: httpx.AsyncClient) -> None:
        # Until there are refusals of one window: it begins with the minute, which may change on the way.
        while sum(status == 429 for status, _, _ in answers) < 20:
            answer = await client.get(PATHS[dialect])
            answers.append((answer.status_code, number, answer.headers["X-RateLimit-Reset"]))

    async with clients(addresses, headers) as both:
        await asyncio.gather(*(ask(number, client) for number, client in enumerate(both) for _ in range(4)))
    through = Counter(window for status, _, window in answers if status == 200)
    full = {window for status, _, window in answers if status == 429}
    assert {status for status, _, _ in answers} == {200, 429}
    assert {window: through[window] for window in full} == dict.fromkeys(full, limit)
    assert max(through.values()) == limit
    assert {number for status, number, _ in answers if status == 200} == {0, 1}, "each server let some through"


async def test_one_call_is_under_way_and_six_wait_over_both_servers(
    addresses: list[str], new_key: Callable[..., str], dsn: str
) -> None:
    async with clients(addresses, {"x-api-key": new_key("woodpecker")}) as both:
        for client in both:
            assert (await client.get(PATHS["woodpecker"])).status_code in (200, 204)
        database = await asyncpg.connect(dsn)
        try:
            block = database.transaction()
            await block.start()
            await database.execute("lock table lead in access exclusive mode")
            calls = [asyncio.create_task(both[number % 2].get(PATHS["woodpecker"])) for number in range(12)]
            while sum(call.done() for call in calls) < 5:
                await asyncio.wait([call for call in calls if not call.done()], return_when=asyncio.FIRST_COMPLETED)
            assert {call.result().status_code for call in calls if call.done()} == {429}
            [under_way] = await database.fetch(
                "select count(*) from pg_locks where relation = 'lead'::regclass and not granted"
            )
            await block.rollback()
        finally:
            await database.close()
        statuses = Counter(answer.status_code for answer in await asyncio.gather(*calls))
    assert under_way["count"] <= 1
    assert statuses[429] == 5 and sum(statuses.values()) - statuses[429] == 7
    assert set(statuses) <= {200, 204, 429}
