"""What nothing happens to any more leaves the hot tables, so that they stay small; the ledger is read across both."""

from datetime import UTC, datetime, timedelta

from caesura.store import history as store
from caesura.store.database import Database

# Enrollments in one transaction: some 20 ms, since whoever counts the same campaign may wait for it.
BATCH = 500
# Parts of the history are made so long before their month begins.
_AHEAD = timedelta(days=7)


async def prepare(database: Database, now: datetime) -> None:
    """Makes this month's part of the history, and soon the next. Safe to call at any time, by any number at once."""
    days = now.astimezone(UTC).date(), (now + _AHEAD).astimezone(UTC).date()
    await database.run(lambda tx: store.prepare(tx, *days))


async def move(database: Database, age: timedelta, now: datetime) -> int:
    """Moves the messages of up to 500 enrollments that are finished or stopped for `age`; answers of how many.

    Call it again while it answers 500, after `prepare`. Nothing is moved that may still change: an enrollment with a
    message in transit, to be tried again or unknown waits. Safe to call by any number at once.
    """
    return await database.run(lambda tx: store.move(tx, now - age, now.astimezone(UTC).date(), BATCH))
