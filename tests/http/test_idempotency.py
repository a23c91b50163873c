import asyncio
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse

from caesura.domain.errors import Conflict, LimitReached, Unavailable
from caesura.domain.scopes import Scope
from caesura.http import idempotency as http_idempotency
from caesura.http.authentication import Caller, require
from caesura.http.native.route import NativeRoute
from caesura.service import idempotency

KEYS = "/api/v1/keys"
BODY = {"scopes": ["*"]}
ONCE = {"Idempotency-Key": "once"}


async def count(api: Any) -> int:
    return len((await api.client.get(KEYS)).json()["items"])


async def test_a_post_that_is_sent_again_is_answered_again_and_not_done_again(api: Any) -> None:
    first, second = [await api.client.post(KEYS, json=BODY, headers=ONCE) for _ in range(2)]
    assert await count(api) == 2
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert first.headers["Location"] == second.headers["Location"]
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


async def test_without_the_header_every_post_is_done(api: Any) -> None:
    for _ in range(2):
        await api.client.post(KEYS, json=BODY)
    assert await count(api) == 3


async def test_the_key_of_another_request_is_refused(api: Any) -> None:
    await api.client.post(KEYS, json=BODY, headers=ONCE)
    answer = await api.client.post(KEYS, json={"scopes": ["leads:read"]}, headers=ONCE)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await count(api) == 2


async def test_an_answer_is_never_given_to_another_key(api: Any) -> None:
    await api.client.post(KEYS, json=BODY, headers=ONCE)
    for scopes in (["leads:read"], ["*"]):
        answer = await api.client.post(KEYS, json=BODY, headers={**ONCE, **await api.bearing(*scopes)})
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_workspaces_do_not_share_idempotency_keys(api: Any) -> None:
    await api.client.post(KEYS, json=BODY, headers=ONCE)
    other = await api.client.post(KEYS, json=BODY, headers={**ONCE, **await api.bearing("*", workspace="someone else")})
    assert other.status_code == 201


async def test_a_refusal_is_kept_too(api: Any) -> None:
    for replayed in (None, "true"):
        answer = await api.client.post(KEYS, json={"scopes": []}, headers=ONCE)
        assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (422, replayed)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_key_of_another_shape_is_refused(api: Any) -> None:
    for key in ("", "x" * 256, "two words", "tab\t", "é", "\x7f"):
        answer = await api.client.post(KEYS, json=BODY, headers={"Idempotency-Key": key.encode("latin-1")})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_value")
        assert answer.json()["errors"][0]["header"] == "Idempotency-Key"
    assert await count(api) == 1


@pytest.mark.parametrize("key", ["x", "x" * 255, "!~"])
def test_a_key_of_1_to_255_visible_characters_is_taken(served: Any, key: str) -> None:
    assert served.client.post(KEYS, json=BODY, headers={"Idempotency-Key": key}).status_code == 201


class Slow:
    """A route that waits to be let go, then answers what it is told to."""

    def __init__(self) -> None:
        self.entered, self.go = asyncio.Event(), asyncio.Event()
        self.outcome: Any = "done"
        self.calls = 0

    def register(self, application: FastAPI) -> None:
        router = APIRouter(prefix="/api/v1/slow", route_class=NativeRoute)

        @router.post("", response_model=None)
        async def slow(_caller: Annotated[Caller, require(Scope.LEADS_WRITE)]) -> Any:
            self.calls += 1
            self.entered.set()
            await self.go.wait()
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return self.outcome

        application.router.routes.extend(router.routes)


async def test_while_the_first_is_in_progress_the_second_is_refused_and_later_replayed(make_api: Any) -> None:
    slow = Slow()
    api = await make_api(register=slow.register)
    first = asyncio.create_task(api.client.post("/api/v1/slow", headers=ONCE))
    await slow.entered.wait()
    second = await api.client.post("/api/v1/slow", headers=ONCE)
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_progress")
    slow.go.set()
    assert (await first).json() == "done"
    assert (await api.client.post("/api/v1/slow", headers=ONCE)).headers["Idempotency-Replayed"] == "true"
    assert slow.calls == 1


async def test_what_died_without_an_answer_is_never_done_again_and_told_as_unknown(make_api: Any) -> None:
    slow = Slow()
    api = await make_api(register=slow.register)
    dying = asyncio.create_task(api.client.post("/api/v1/slow", headers=ONCE))
    await slow.entered.wait()
    dying.cancel()
    slow.go.set()
    codes = []
    for seconds in (59, 1, 86_339):
        api.clock.advance(seconds)
        answer = await api.client.post("/api/v1/slow", headers=ONCE)
        assert answer.status_code == 409
        codes.append(answer.json()["code"])
    assert codes == ["idempotency_in_progress", "idempotency_unknown", "idempotency_unknown"]
    assert slow.calls == 1
    api.clock.advance(1)
    assert (await api.client.post("/api/v1/slow", headers=ONCE)).json() == "done"


async def test_a_long_request_is_in_progress_as_long_as_its_process_lives(
    make_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_idempotency, "RENEW_SECONDS", 0.005)
    slow = Slow()
    api = await make_api(register=slow.register)
    first = asyncio.create_task(api.client.post("/api/v1/slow", headers=ONCE))
    await slow.entered.wait()
    api.clock.advance(3_600)
    async with api.database.connection() as connection:
        renewed = "select count(*) = 1 from idempotency_key where renewed_at = $1"
        async with asyncio.timeout(30):
            while not await connection.fetchval(renewed, api.clock.now):
                await asyncio.sleep(0.005)
    second = await api.client.post("/api/v1/slow", headers=ONCE)
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_progress")
    slow.go.set()
    assert (await first).json() == "done"
    assert (await api.client.post("/api/v1/slow", headers=ONCE)).headers["Idempotency-Replayed"] == "true"
    assert slow.calls == 1


async def test_a_database_that_is_away_for_a_renewal_does_not_end_the_request(
    make_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def fail(*_: Any) -> None:
        asked.set()
        raise Unavailable("database_unreachable", "gone")

    monkeypatch.setattr(http_idempotency, "RENEW_SECONDS", 0.005)
    monkeypatch.setattr(idempotency, "renew", fail)
    slow = Slow()
    api = await make_api(register=slow.register)
    first = asyncio.create_task(api.client.post("/api/v1/slow", headers=ONCE))
    await asyncio.wait_for(asked.wait(), 30)
    slow.go.set()
    assert (await first).json() == "done"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ValueError("a bug"), 500),
        (Unavailable("database_unreachable", "gone"), 503),
        (JSONResponse({}, 502), 502),
        (LimitReached("too_many", "later"), 429),
    ],
)
async def test_a_failure_of_ours_is_not_kept(make_api: Any, outcome: Any, status: int) -> None:
    slow = Slow()
    slow.go.set()
    slow.outcome = outcome
    api = await make_api(register=slow.register)
    assert (await api.client.post("/api/v1/slow", headers=ONCE)).status_code == status
    slow.outcome = "done"
    assert (await api.client.post("/api/v1/slow", headers=ONCE)).json() == "done"


async def test_a_conflict_is_kept_with_its_state(make_api: Any) -> None:
    slow = Slow()
    slow.go.set()
    slow.outcome = Conflict("not_possible", "it is completed", "completed", ["archive"])
    api = await make_api(register=slow.register)
    for _ in range(2):
        answer = await api.client.post("/api/v1/slow", headers=ONCE)
        assert (answer.status_code, answer.json()["allowed"]) == (409, ["archive"])
    assert slow.calls == 1


async def test_what_was_done_is_told_even_if_the_answer_cannot_be_kept(
    make_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise Unavailable("database_unreachable", "gone")

    api = await make_api()
    monkeypatch.setattr(idempotency, "finish", fail)
    assert (await api.client.post(KEYS, json=BODY, headers=ONCE)).status_code == 201
