"""A database belongs to one secret key."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from caesura.domain.errors import Invalid
from caesura.domain.secrets import Secrets
from caesura.service import installation
from caesura.service.keyring import Keyring
from caesura.store.database import Database


def keyring(letter: bytes) -> Keyring:
    return Keyring(Secrets(letter * 32, (b"s" * 32,)), os.urandom)


OURS, OTHER = keyring(b"a"), keyring(b"b")


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, size=5)
    yield opened
    await opened.close()


async def test_the_first_key_is_kept_and_every_other_is_refused(database: Database) -> None:
    await installation.check(database, OTHER)
    await installation.join(database, OURS)
    await installation.join(database, OURS)
    for ask in (installation.join, installation.check):
        with pytest.raises(Invalid) as caught:
            await ask(database, OTHER)
        assert caught.value.code == "secret_key_differs"
    await installation.check(database, OURS)


async def test_of_two_keys_at_once_one_is_refused(database: Database) -> None:
    answers = await asyncio.gather(*(installation.join(database, one) for one in (OURS, OTHER)), return_exceptions=True)
    assert sorted(map(type, answers), key=str) == [type(None), Invalid]


async def test_when_the_key_is_lost_another_is_adopted(database: Database) -> None:
    await installation.join(database, OURS)
    await installation.adopt(database, OTHER)
    await installation.join(database, OTHER)
    with pytest.raises(Invalid):
        await installation.check(database, OURS)
