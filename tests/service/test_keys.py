import os
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from caesura.domain.api_key import ENTROPY_BYTES, KeyForm
from caesura.domain.errors import Forbidden, Invalid, NotFound, Unauthenticated
from caesura.http.key_forms import ACCOUNT_FORMS, KEY_FORMS, NATIVE
from caesura.service import keys
from caesura.service.keys import IssuedKey, NewKey
from caesura.service.workspaces import named
from caesura.store.database import Database
from caesura.store.keys import KeyRow

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PEPPER = b"p" * 32


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, size=3)
    yield opened
    await opened.close()


async def make(
    database: Database,
    scopes: Collection[str] = ("*",),
    held: Collection[str] = ("*",),
    form: KeyForm = NATIVE,
    good_until: datetime | None = None,
    **fields: Any,
) -> IssuedKey:
    workspace_id = await named(database, "acme", NOW)
    new = NewKey(form, scopes, **fields)
    return await keys.create(
        database, workspace_id, new, held, good_until, PEPPER, os.urandom(ENTROPY_BYTES), "test", NOW
    )


async def check(database: Database, text: str, form: KeyForm = NATIVE, now: datetime = NOW) -> KeyRow:
    return await keys.authenticate(database, form, text, PEPPER, now)


async def refusal(database: Database, text: str, form: KeyForm = NATIVE, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await check(database, text, form, now)
    return caught.value.code


@pytest.mark.parametrize("form", KEY_FORMS.values(), ids=lambda form: form.dialect)
async def test_a_key_opens_the_door_of_its_dialect_and_no_other(database: Database, form: KeyForm) -> None:
    issued = await make(database, form=form)
    assert (await check(database, issued.text, form)).id == issued.row.id
    for other in KEY_FORMS.values():
        if other is not form:
            presented = other.lead_in + issued.text.removeprefix(form.lead_in)
            assert await refusal(database, presented, other) == "key_unknown"


async def test_the_secret_is_nowhere_in_the_database(database: Database, dsn: str) -> None:
    issued = await make(database)
    secret = issued.text.rpartition(".")[2]
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        for [table] in tables:
            for row in await connection.fetch(f"select t::text from {table} t"):  # noqa: S608
                assert secret not in row[0]
                assert secret.encode().hex() not in row[0]
    finally:
        await connection.close()


async def test_a_key_with_one_letter_of_its_secret_changed_is_unknown(database: Database) -> None:
    text = (await make(database)).text
    for place in (-1, -26, -52):
        letter = "a" if text[place] != "a" else "b"
        changed = text[:place] + letter + text[len(text) + place + 1 :]
        assert await refusal(database, changed) == "key_unknown"


async def test_a_key_checked_under_another_pepper_is_unknown(database: Database) -> None:
    issued = await make(database)
    with pytest.raises(Unauthenticated):
        await keys.authenticate(database, NATIVE, issued.text, b"q" * 32, NOW)


async def test_a_revoked_key_opens_nothing_from_that_moment_and_for_good(database: Database) -> None:
    issued = await make(database)
    await check(database, issued.text)
    row = await keys.revoke(database, issued.row.workspace_id, issued.row.id, "test", NOW)
    assert row.revoked_at == NOW
    assert await refusal(database, issued.text) == "key_revoked"
    later = await keys.revoke(database, row.workspace_id, row.id, "test", NOW + timedelta(hours=1))
    assert later == row


async def test_a_key_opens_until_the_moment_that_it_expires(database: Database) -> None:
    issued = await make(database, expires_at=NOW + timedelta(days=1))
    await check(database, issued.text, now=NOW + timedelta(days=1, microseconds=-1))
    assert await refusal(database, issued.text, now=NOW + timedelta(days=1)) == "key_expired"


async def test_who_lacks_the_secret_does_not_learn_that_a_key_was_revoked(database: Database) -> None:
    issued = await make(database)
    await keys.revoke(database, issued.row.workspace_id, issued.row.id, "test", NOW)
    guessed = issued.text[:-52] + "a" * 52
    assert await refusal(database, guessed) == "key_unknown"


async def test_the_last_use_is_noted_at_most_once_a_minute(database: Database) -> None:
    issued = await make(database)

    async def noted_after_use_at(seconds: int) -> datetime | None:
        await check(database, issued.text, now=NOW + timedelta(seconds=seconds))
        return (await keys.get(database, issued.row.workspace_id, issued.row.id)).last_used_at

    assert issued.row.last_used_at is None
    assert await noted_after_use_at(0) == NOW
    assert await noted_after_use_at(59) == NOW
    assert await noted_after_use_at(60) == NOW + timedelta(seconds=60)


async def test_nobody_gives_a_scope_that_he_has_not(database: Database) -> None:
    with pytest.raises(Forbidden) as caught:
        await make(database, scopes=("keys:write", "leads:read"), held=("keys:write",))
    assert caught.value.code == "scope_not_held"
    with pytest.raises(Forbidden):
        await make(database, scopes=("*",), held=("keys:write", "campaigns:read"))
    assert (await make(database, scopes=("leads:read",), held=("*",))).row.scopes == ["leads:read"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"scopes": ()}, "scopes_missing"),
        ({"scopes": ("leads:eat",)}, "unknown_scope"),
        ({"label": ""}, "label_length"),
        ({"label": "x" * 201}, "label_length"),
        ({"expires_at": NOW}, "expiry_past"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(database: Database, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        await make(database, **fields)
    assert caught.value.code == code


async def test_a_key_of_another_workspace_is_not_found(database: Database) -> None:
    issued = await make(database)
    other = await named(database, "other", NOW)
    with pytest.raises(NotFound):
        await keys.get(database, other, issued.row.id)
    with pytest.raises(NotFound):
        await keys.revoke(database, other, issued.row.id, "test", NOW)
    assert await keys.list_page(database, other, None, 10) == []
    await check(database, issued.text)


async def test_making_and_revoking_a_key_is_in_the_event_log_once(database: Database, dsn: str) -> None:
    issued = await make(database)
    for _ in range(2):
        await keys.revoke(database, issued.row.workspace_id, issued.row.id, "key:someone", NOW)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("select kind, actor from event order by id")
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [("key.created", "test"), ("key.revoked", "key:someone")]


async def test_a_dialect_is_in_use_while_the_workspace_has_a_good_key_of_it(database: Database) -> None:
    first = await make(database, form=KEY_FORMS["autosend"])
    workspace_id = first.row.workspace_id
    await make(database, form=KEY_FORMS["autosend"], expires_at=NOW + timedelta(hours=1))
    assert await keys.dialects_in_use(database, workspace_id, NOW) == {"autosend"}
    await keys.revoke(database, workspace_id, first.row.id, "test", NOW)
    assert await keys.dialects_in_use(database, workspace_id, NOW) == {"autosend"}
    assert await keys.dialects_in_use(database, workspace_id, NOW + timedelta(hours=1)) == set()
    other = await named(database, "other", NOW)
    assert await keys.dialects_in_use(database, other, NOW) == set()


async def test_a_good_account_key_has_its_dialect_in_use_in_every_workspace(database: Database) -> None:
    form = ACCOUNT_FORMS["autosend"]
    end = NOW + timedelta(hours=1)
    key = (await make(database, form=form, is_account=True)).row
    await make(database, form=form, is_account=True, expires_at=end)
    other = await named(database, "other", NOW)
    assert await keys.dialects_in_use(database, other, NOW) == {"autosend"}
    await keys.revoke(database, key.workspace_id, key.id, "test", NOW)
    assert await keys.dialects_in_use(database, other, NOW) == {"autosend"}
    assert await keys.dialects_in_use(database, other, end) == set()


async def test_keys_are_listed_newest_first_below_a_cursor(database: Database) -> None:
    made = [(await make(database)).row for _ in range(3)]
    workspace_id = made[0].workspace_id
    assert await keys.list_page(database, workspace_id, None, 2) == [made[2], made[1]]
    assert await keys.list_page(database, workspace_id, made[1].id, 2) == [made[0]]


def test_a_key_does_not_show_its_secret_by_accident() -> None:
    row = KeyRow(1, 1, "prefix", b"digest-of-it", "native", [], None, None, False, None, NOW, None, None, None)
    assert "text-of-it" not in repr(IssuedKey(row, "text-of-it"))
    assert "digest-of-it" not in repr(row)


async def test_a_key_has_the_permissions_of_its_own_door(database: Database) -> None:
    assert (await make(database, ["contacts:read", "lexi"], form=KEY_FORMS["leadlex"])).row.scopes == [
        "lexi",
        "contacts:read",
    ]
    for scopes, form in ((["leads:read"], KEY_FORMS["leadlex"]), (["contacts:read"], NATIVE)):
        with pytest.raises(Invalid) as refused:
            await make(database, scopes, form=form)
        assert refused.value.code == "unknown_scope"


async def test_a_plan_is_one_of_its_door(database: Database) -> None:
    assert (await make(database, plan="pro", form=KEY_FORMS["leadlex"])).row.plan == "pro"
    with pytest.raises(Invalid) as refused:
        await make(database, plan="pro")
    assert refused.value.code == "unknown_plan"


async def test_a_key_for_a_campaign_that_is_not_there_is_not_made(database: Database) -> None:
    for campaign_ids, code in (([10**9], "unknown_campaign"), ([], "campaigns_missing")):
        with pytest.raises(Invalid) as refused:
            await make(database, campaign_ids=campaign_ids)
        assert refused.value.code == code


async def test_no_key_makes_one_that_outlives_it(database: Database) -> None:
    end = NOW + timedelta(hours=1)
    for expires_at, becomes in [(None, end), (end, end), (end - timedelta(minutes=1), end - timedelta(minutes=1))]:
        assert (await make(database, good_until=end, expires_at=expires_at)).row.expires_at == becomes
    with pytest.raises(Forbidden) as caught:
        await make(database, good_until=end, expires_at=end + timedelta(seconds=1))
    assert caught.value.code == "expiry_not_held"
    assert (await make(database, good_until=None, expires_at=None)).row.expires_at is None
