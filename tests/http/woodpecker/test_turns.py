"""The vendor's limit: one call under way, six wait, the rest is refused at once; over several API processes."""

import asyncio
import os
from typing import Any

import httpx
import pytest
from woodpecker_client import Bird, number

from caesura.http.application import create_application
from caesura.http.context import ApiContext
from caesura.http.turns import Turns
from caesura.http.woodpecker.door import TURNS
from caesura.service import halting
from caesura.store.database import Database


class Gate:
    """Holds every pause until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = asyncio.Event()
        self.inside = self.most = 0
        halt = halting.halt

        async def held(*given: Any, **named: Any) -> Any:
            self.inside += 1
            self.most = max(self.most, self.inside)
            await self.opened.wait()
            self.inside -= 1
            return await halt(*given, **named)

        monkeypatch.setattr(halting, "halt", held)


async def test_seven_of_nine_calls_over_two_servers_are_taken_one_after_the_other(
    bird: Bird, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = number((await bird.desk.running("a@example.com"))[0])
    ours = bird.desk.api.context
    database = await Database.open(ours.database.dsn, size=3)
    other = create_application(ApiContext(database, ours.clock, os.urandom, ours.secrets))
    gate = Gate(monkeypatch)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(other), base_url="http://other.test") as client:

        async def ask(place: int) -> httpx.Response:
            if place % 2:
                return await bird.raw("POST", f"/v2/campaigns/{campaign}/pause")
            url = f"/woodpecker/rest/v2/campaigns/{campaign}/pause"
            return await client.post(url, headers={"x-api-key": bird.key})

        calls = [asyncio.create_task(ask(place)) for place in range(9)]
        refused, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        while len(refused) < 2:
            more, _ = await asyncio.wait(set(calls) - refused, return_when=asyncio.FIRST_COMPLETED)
            refused |= more
        gate.opened.set()
        answers = await asyncio.gather(*calls)
    await database.close()
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 2
    assert gate.most == 1
    [body, _] = [answer.json() for answer in answers if answer.status_code == 429]
    assert (body["title"], body["status"]) == ("Too Many Requests", 429)
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)


def test_one_is_under_way_six_wait_and_each_for_15_seconds() -> None:
    assert Turns(active=1, queued=6, wait=15.0) == TURNS
