import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from caesura.domain.errors import Conflict, Invalid
from caesura.domain.secrets import Secrets
from caesura.service import idempotency
from caesura.service.idempotency import Answer
from caesura.service.workspaces import named
from caesura.store.database import Database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRETS = Secrets(b"p" * 32, (b"s" * 32,))
ANSWER = Answer(201, {"location": "/x"}, b'{"key": "cae_topsecret"}')
ONE, OTHER = b"1" * 32, b"2" * 32


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, size=10)
    await named(opened, "acme", NOW)
    await named(opened, "other", NOW)
    yield opened
    await opened.close()


async def claim(
    database: Database, request: bytes = ONE, seconds: float = 0, workspace_id: int = 1, secrets: Secrets = SECRETS
) -> Answer | None:
    now = NOW + timedelta(seconds=seconds)
    return await idempotency.claim(database, secrets, workspace_id, "key", request, now)


async def finish(database: Database, seconds: float = 0, answer: Answer = ANSWER) -> None:
    claimed_at = NOW + timedelta(seconds=seconds)
    await idempotency.finish(database, SECRETS, 1, "key", claimed_at, answer, os.urandom(12))


async def test_the_first_request_goes_on_and_its_answer_is_given_again(database: Database) -> None:
    assert await claim(database) is None
    await finish(database)
    assert await claim(database, seconds=5) == ANSWER


async def test_the_same_key_with_another_request_is_refused(database: Database) -> None:
    await claim(database)
    for _ in range(2):
        with pytest.raises(Invalid) as caught:
            await claim(database, OTHER, seconds=100)
        assert caught.value.code == "idempotency_key_reused"
        await finish(database)


async def refused(database: Database, seconds: float) -> str:
    with pytest.raises(Conflict) as caught:
        await claim(database, seconds=seconds)
    return caught.value.code


async def test_a_request_that_is_not_renewed_is_unknown_and_never_taken_over(database: Database) -> None:
    await claim(database)
    assert await refused(database, 59.9) == "idempotency_in_progress"
    await idempotency.renew(database, 1, "key", NOW, NOW + timedelta(seconds=20))
    assert await refused(database, 79.9) == "idempotency_in_progress"
    assert await refused(database, 80) == "idempotency_unknown"
    assert await refused(database, 86_399) == "idempotency_unknown"
    assert await claim(database, seconds=86_400) is None


async def test_an_answer_that_comes_after_all_is_given(database: Database) -> None:
    await claim(database)
    assert await refused(database, 60) == "idempotency_unknown"
    await finish(database)
    assert await claim(database, seconds=61) == ANSWER


async def test_who_comes_after_a_day_keeps_renews_and_gives_back_nothing_of_the_next(database: Database) -> None:
    await claim(database)
    await claim(database, seconds=86_400)
    await finish(database, seconds=0, answer=Answer(500, {}, b"too late"))
    await idempotency.release(database, 1, "key", NOW)
    await idempotency.renew(database, 1, "key", NOW, NOW + timedelta(days=2))
    assert await refused(database, 86_460) == "idempotency_unknown"
    await finish(database, seconds=86_400)
    assert await claim(database, seconds=86_401) == ANSWER


async def test_a_key_given_back_is_free_for_any_request(database: Database) -> None:
    await claim(database)
    await idempotency.release(database, 1, "key", NOW)
    assert await claim(database, OTHER) is None


async def test_an_answer_is_forgotten_after_a_day(database: Database) -> None:
    await claim(database)
    await finish(database)
    assert await claim(database, seconds=86_399) == ANSWER
    assert await claim(database, OTHER, seconds=86_400) is None


async def test_workspaces_do_not_share_keys(database: Database) -> None:
    await claim(database)
    assert await claim(database, OTHER, workspace_id=2) is None


async def test_of_many_at_once_one_goes_on(database: Database) -> None:
    found = await asyncio.gather(*(claim(database) for _ in range(10)), return_exceptions=True)
    assert found.count(None) == 1
    assert sum(isinstance(one, Conflict) for one in found) == 9


async def test_a_kept_answer_cannot_be_read_in_the_database(database: Database, dsn: str) -> None:
    await claim(database)
    await finish(database)
    connection = await asyncpg.connect(dsn)
    try:
        body = await connection.fetchval("select body from idempotency_key")
    finally:
        await connection.close()
    assert b"topsecret" not in body


async def test_answers_kept_before_a_rotation_are_given_after_it(database: Database) -> None:
    await claim(database)
    await finish(database)
    assert await claim(database, secrets=Secrets(b"p" * 32, (b"t" * 32, b"s" * 32))) == ANSWER


async def test_pruning_deletes_what_is_a_day_old(database: Database) -> None:
    await claim(database)
    await finish(database)
    assert await idempotency.prune(database, NOW + timedelta(hours=23)) == 0
    assert await idempotency.prune(database, NOW + timedelta(hours=24)) == 1
