"""API keys: made, shown once, listed, revoked, and checked at the door."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from caesura.domain import api_key, scopes
from caesura.domain.api_key import KeyForm
from caesura.domain.errors import Forbidden, Invalid, NotFound, Problem, Unauthenticated
from caesura.domain.extra import check_extra
from caesura.domain.secrets import digest, same
from caesura.store import campaigns, events, keys
from caesura.store.database import Connection, Database
from caesura.store.keys import KeyRow

LABEL_LENGTH = 200
# The last use is for people: to the minute is enough, and saves a write per request.
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made. `expires_at` is UTC, None for never; `label` has at most 200 characters.

    `campaign_ids` are the only campaigns that it may touch, None for all; `plan` is one of its form's, None for the
    usual one; an `is_account` key opens every workspace; `extra` is kept with it.
    """

    form: KeyForm
    scopes: Collection[str]
    label: str | None = None
    expires_at: datetime | None = None
    campaign_ids: Collection[int] | None = None
    plan: str | None = None
    is_account: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key just made. `text` is the whole key: it can be had here and never again."""

    row: KeyRow
    text: str = field(repr=False)


async def create(
    database: Database,
    workspace_id: int,
    new: NewKey,
    held: Collection[str],
    good_until: datetime | None,
    pepper: bytes,
    entropy: bytes,
    actor: str,
    now: datetime,
) -> IssuedKey:
    """Makes a key out of 42 fresh random bytes. Nobody gives what they have not: `held` are the scopes of who asks, and
    `good_until` (UTC, None for ever) is when their own key expires. A key that is given no end gets that one.

    Raises Invalid `unknown_scope`, `scopes_missing`, `label_length`, `expiry_past`, `unknown_plan`,
    `unknown_campaign`; Forbidden `scope_not_held`, `expiry_not_held`.
    """
    granted = scopes.checked(new.scopes, new.form.permissions)
    _check(new, now)
    for scope in granted:
        if not scopes.allows(held, scope):
            raise Forbidden("scope_not_held", f"a key without the scope {scope} cannot give it to another")
    expires_at = new.expires_at or good_until
    if expires_at is not None and good_until is not None and expires_at > good_until:
        raise Forbidden("expiry_not_held", "a key cannot make one that outlives it: give an earlier expires_at")
    prefix, text = api_key.mint(new.form, entropy)

    async def work(tx: Connection) -> KeyRow:
        row = await keys.insert(
            tx,
            workspace_id,
            prefix,
            _digest(pepper, *api_key.split(new.form, text)),
            new.form.dialect,
            granted,
            new.label,
            expires_at,
            now,
            await _campaigns(tx, workspace_id, new.campaign_ids),
            new.plan,
            new.is_account,
            check_extra(new.extra, "/extra"),
        )
        data = {"key_id": row.id, "prefix": row.prefix, "dialect": row.dialect, "scopes": granted}
        await events.append(tx, workspace_id, now, actor, [events.Entry("key.created", data=data)])
        return row

    return IssuedKey(await database.run(work), text)


async def list_page(
    database: Database, workspace_id: int, below: int | None, limit: int, part: str | None = None
) -> list[KeyRow]:
    """At most `limit` keys with ids under `below`, newest first, revoked ones too.

    `part`: of the label, in any case, None for all.
    """
    async with database.connection() as tx:
        return await keys.page(tx, workspace_id, below, part, limit)


async def get(database: Database, workspace_id: int, key_id: int) -> KeyRow:
    """One key. Raises NotFound `key_not_found`."""
    async with database.connection() as tx:
        return _found(await keys.get(tx, workspace_id, key_id))


async def good(database: Database, asked: Collection[tuple[int, int]], now: datetime) -> set[tuple[int, int]]:
    """Those of these keys, each given as workspace and id, that still open anything: for what outlasts a request."""
    async with database.connection() as tx:
        return await keys.good(tx, asked, now)


async def revoke(database: Database, workspace_id: int, key_id: int, actor: str, now: datetime) -> KeyRow:
    """Revokes a key: once this returns, it opens nothing. Revoking it again changes nothing.

    Raises NotFound `key_not_found`.
    """

    async def work(tx: Connection) -> KeyRow:
        row = await keys.revoke(tx, workspace_id, key_id, now)
        if row is None:
            return _found(await keys.get(tx, workspace_id, key_id))
        data = {"key_id": row.id, "prefix": row.prefix}
        await events.append(tx, workspace_id, now, actor, [events.Entry("key.revoked", data=data)])
        return row

    return await database.run(work)


async def authenticate(database: Database, form: KeyForm, presented: str, pepper: bytes, now: datetime) -> KeyRow:
    """The key that a caller presents at the door of `form`'s dialect. Asks the database each time: nothing is cached.

    Raises Unauthenticated `key_malformed`, `key_unknown`, `key_revoked`, `key_expired`; the last two only to who has
    the secret.
    """
    prefix, secret = api_key.split(form, presented)
    async with database.connection() as tx:
        row = await keys.by_prefix(tx, prefix, form.dialect)
        if row is None or not same(row.digest, _digest(pepper, prefix, secret)):
            raise Unauthenticated("key_unknown", "there is no such key here")
        if row.revoked_at is not None:
            raise Unauthenticated("key_revoked", "this key was revoked")
        if row.expires_at is not None and row.expires_at <= now:
            raise Unauthenticated("key_expired", "this key has expired")
        noted = now - USE_NOTED_EVERY
        if row.last_used_at is None or row.last_used_at <= noted:
            await keys.touch(tx, row.workspace_id, row.id, now, noted)
    return row


async def _campaigns(tx: Connection, workspace_id: int, given: Collection[int] | None) -> list[int] | None:
    """The campaigns that a key is for. Raises Invalid `unknown_campaign`, and `campaigns_missing` for none."""
    if given is None:
        return None
    wanted = sorted(set(given))
    if not wanted:
        raise Invalid.of(
            Problem("campaigns_missing", "a key that may touch no campaign opens nothing", "/campaign_ids")
        )
    problems = [
        Problem("unknown_campaign", "there is no such campaign in this workspace", f"/campaign_ids/{place}")
        for place, campaign_id in enumerate(given)
        if await campaigns.get(tx, workspace_id, campaign_id) is None
    ]
    if problems:
        raise Invalid.of(*problems)
    return wanted


async def dialects_in_use(database: Database, workspace_id: int, now: datetime) -> frozenset[str]:
    """The dialects of which a key opens the workspace that is good: neither revoked nor expired.

    It is the workspace's own, or one for an account, which opens every workspace.
    """
    async with database.connection() as tx:
        return frozenset(await keys.dialects_in_use(tx, workspace_id, now))


def _check(new: NewKey, now: datetime) -> None:
    if new.plan is not None:
        new.form.check_plan(new.plan)
    if new.label is not None and not 0 < len(new.label) <= LABEL_LENGTH:
        raise Invalid.of(Problem("label_length", f"a label has 1 to {LABEL_LENGTH} characters", pointer="/label"))
    if new.expires_at is not None and new.expires_at <= now:
        raise Invalid.of(Problem("expiry_past", "a key cannot expire in the past", pointer="/expires_at"))


def _found(row: KeyRow | None) -> KeyRow:
    if row is None:
        raise NotFound("key_not_found", "there is no such key in this workspace")
    return row


def _digest(pepper: bytes, prefix: str, secret: str) -> bytes:
    return digest(pepper, f"{prefix}.{secret}".encode())
