"""A request that carries a client's own key is done once: sent again, it gets the first answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from caesura.domain.errors import Conflict, Invalid
from caesura.domain.secrets import Secrets, open_sealed, seal
from caesura.store import idempotency
from caesura.store.database import Connection, Database

KEPT = timedelta(hours=24)
# Who has not renewed its claim for so long has died. What it has done by then is not known, so nobody does it again.
LEASE = timedelta(seconds=60)

UNKNOWN = (
    "the server ended while it answered the first request with this Idempotency-Key, so it may have been done or not: "
    "look, and if it was not, send it with a new key"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it went out: status, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


async def claim(
    database: Database, secrets: Secrets, workspace_id: int, key: str, request_digest: bytes, now: datetime
) -> Answer | None:
    """The kept answer to this request; None when there is none yet: then do it, and call `finish` or `release`.

    Raises Invalid `idempotency_key_reused` when the key came with another request in the last 24 hours, Conflict
    `idempotency_in_progress` while the same request is being answered, and `idempotency_unknown` when whoever
    answered it has not renewed its claim for 60 seconds.
    """

    async def work(tx: Connection) -> idempotency.AnswerRow | None:
        if await idempotency.claim(tx, workspace_id, key, request_digest, now, now - KEPT):
            return None
        # None here: it was given back this moment. Whoever asks again will get it.
        return await idempotency.get(tx, workspace_id, key) or idempotency.AnswerRow(
            request_digest, now, None, None, None
        )

    row = await database.run(work)
    if row is None:
        return None
    if row.request_digest != request_digest:
        raise Invalid("idempotency_key_reused", "this Idempotency-Key was used with another request")
    if row.status is None or row.headers is None or row.body is None:
        if row.renewed_at <= now - LEASE:
            raise Conflict("idempotency_unknown", UNKNOWN)
        raise Conflict("idempotency_in_progress", "the first request with this Idempotency-Key is still being answered")
    place, keys = _place(workspace_id, key), secrets.sealing_for(_place(workspace_id, key))
    return Answer(row.status, row.headers, open_sealed(keys, row.body, place.encode()))


async def finish(
    database: Database,
    secrets: Secrets,
    workspace_id: int,
    key: str,
    claimed_at: datetime,
    answer: Answer,
    nonce: bytes,
) -> None:
    """Keeps the answer of the claim made at `claimed_at` for 24 hours, sealed: it may hold a new key."""
    place = _place(workspace_id, key)
    body = seal(secrets.sealing_for(place)[0], nonce, answer.body, place.encode())

    async def work(tx: Connection) -> None:
        await idempotency.finish(tx, workspace_id, key, claimed_at, answer.status, answer.headers, body)

    await database.run(work)


async def renew(database: Database, workspace_id: int, key: str, claimed_at: datetime, now: datetime) -> None:
    """Says that whoever made the claim at `claimed_at` still answers. Call it well within each 60 seconds."""

    async def work(tx: Connection) -> None:
        await idempotency.renew(tx, workspace_id, key, claimed_at, now)

    await database.run(work)


async def release(database: Database, workspace_id: int, key: str, claimed_at: datetime) -> None:
    """Gives the claim made at `claimed_at` back: the request may be tried again with the same key."""

    async def work(tx: Connection) -> None:
        await idempotency.release(tx, workspace_id, key, claimed_at)

    await database.run(work)


async def prune(database: Database, now: datetime) -> int:
    """Forgets answers older than 24 hours; answers how many. For the periodic work of a server."""

    async def work(tx: Connection) -> int:
        return await idempotency.prune(tx, now - KEPT)

    return await database.run(work)


def _place(workspace_id: int, key: str) -> str:
    """Where an answer is kept. It makes a sealing key of its own, so that no key seals very often."""
    return f"idempotency_key/{workspace_id}/{key}"
