"""The worker processes of a server: starts them, starts them again when they die, stops them with patience."""

import asyncio
import os
import sys
from collections.abc import Mapping

import structlog

from caesura.domain.errors import CaesuraError
from caesura.runtime.instance import is_alive, now
from caesura.runtime.local import Engine
from caesura.service import workers

log = structlog.get_logger()

# A worker that dies at once is started again after a second, then two, four ... up to half a minute.
_FIRST_SECONDS = 1.0
_LAST_SECONDS = 30.0
_STEADY_SECONDS = 60.0


class Crew:
    """`size` worker processes of this program. `run` keeps them until cancelled; then `stop`."""

    def __init__(self, engine: Engine, size: int, host: str, environment: Mapping[str, str]) -> None:
        self._engine = engine
        self._size = size
        self._host = host
        self._environment = dict(environment)
        self._processes: set[asyncio.subprocess.Process] = set()

    async def run(self) -> None:
        """Keeps the workers going, and takes from a dead one what it had, at once."""
        if self._size:
            await asyncio.gather(*(self._keep() for _ in range(self._size)))

    async def stop(self, seconds: float) -> None:
        """Lets the workers finish what is in transit, for so long; then ends them, and what they had is recovered."""
        living = [process for process in self._processes if process.returncode is None]
        for process in living:
            process.terminate()
        if living:
            waits = [asyncio.create_task(process.wait()) for process in living]
            _, late = await asyncio.wait(waits, timeout=seconds)
            for process in living:
                if process.returncode is None:
                    log.warning("worker_killed", process=process.pid)
                    process.kill()
            if late:
                await asyncio.wait(late)
        await self.bury()

    async def bury(self) -> None:
        """Recovers what the dead workers of this machine had."""
        engine = self._engine
        try:
            found = await workers.bury_dead(engine.database, engine.plans, self._host, is_alive, now())
        except CaesuraError as error:
            log.warning("cannot_recover_yet", error=error.detail)
            return
        except Exception:
            # Leases bring it back in a while; the workers themselves must be kept going.
            log.exception("cannot_recover")
            return
        if found.unknown or found.returned:
            log.warning("recovered", unknown=found.unknown, returned=found.returned)

    async def _keep(self) -> None:
        pause = _FIRST_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                process, leash = await self._start()
            except OSError as error:
                log.error("cannot_start_worker", error=str(error))
                await asyncio.sleep(_LAST_SECONDS)
                continue
            self._processes.add(process)
            try:
                code = await process.wait()
            finally:
                os.close(leash)
            self._processes.discard(process)
            log.warning("worker_ended", process=process.pid, code=code)
            await self.bury()
            steady = asyncio.get_running_loop().time() - began > _STEADY_SECONDS
            pause = _FIRST_SECONDS if steady else min(_LAST_SECONDS, pause * 2)
            await asyncio.sleep(pause)

    async def _start(self) -> tuple[asyncio.subprocess.Process, int]:
        """A worker, and our end of its leash: a pipe that closes with us, even if we are killed."""
        theirs, ours = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "caesura",
                "worker",
                "--leash",
                str(theirs),
                pass_fds=(theirs,),
                env=self._environment,
                # Its own group: a Ctrl-C in the terminal is for the server, which stops its workers in order.
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return process, ours
