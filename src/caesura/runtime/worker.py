"""A worker process: opens the database, works until SIGTERM or until its parent is gone, and leaves nothing behind."""

import asyncio
import os
import resource
import signal
from functools import partial

import uvloop

from caesura.runtime.garbage import spare_what_is_there
from caesura.runtime.instance import letters, now, worker_identity
from caesura.runtime.local import open_engine
from caesura.runtime.settings import Settings
from caesura.service import installation, workers
from caesura.store.migrations import check_schema
from caesura.worker.carrier import Carrier
from caesura.worker.loop import Worker, WorkerSettings

# What a worker opens beside its connections to mail servers: those to the database, files of programs and time zones.
_OTHER_FILES = 64
# A stopping worker needs the rest to write down what came of the messages that it waits for no longer.
_PATIENT_PART = 0.8


def most_connections(slots: int, files: int) -> int:
    """How many connections to mail servers a worker keeps open, idle ones among them.

    Twice the slots, so that as many as can be at work stay open for the next message, and never more than `files`, the
    process's limit of open files (-1: none), leaves room for.
    """
    wanted = 2 * slots
    return wanted if files < 0 else max(1, min(wanted, files - _OTHER_FILES))


def work(dsn: str, settings: Settings, leash: int | None = None) -> None:
    """Runs one worker to its end. `leash` is a pipe that closes when the parent ends, however it ends."""
    spare_what_is_there()
    uvloop.run(_work(dsn, settings, leash))


async def _work(dsn: str, settings: Settings, leash: int | None) -> None:
    await check_schema(dsn)
    loop = asyncio.get_running_loop()
    async with open_engine(dsn, settings) as engine:
        await installation.join(engine.database, engine.keyring)
        me = worker_identity()
        worker = Worker(
            me,
            engine.database,
            engine.plans,
            letters(engine.keyring, settings),
            now,
            WorkerSettings(
                slots=settings.slots,
                lease=settings.lease_seconds,
                patience=_PATIENT_PART * settings.stop_seconds,
                history_after=settings.history_after * 86_400,
            ),
            partial(
                Carrier,
                helo_name=settings.helo_name,
                ca_file=settings.ca_file,
                connections=most_connections(settings.slots, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
            ),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        # Not before it can be stopped in order: whoever sees it may ask for that at once.
        await workers.see(engine.database, me.name, me.host, me.process_id, settings.slots, now())
        if leash is not None:
            loop.add_reader(leash, _let_go, loop, leash, worker)
        await worker.run()


def _let_go(loop: asyncio.AbstractEventLoop, leash: int, worker: Worker) -> None:
    """The parent is gone: nothing is written to the leash, so that it is readable means its end."""
    loop.remove_reader(leash)
    os.close(leash)
    worker.stop()
