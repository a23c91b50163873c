"""What gets files for the API: made when the first is asked for."""

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING

from caesura.domain.destinations import Destinations
from caesura.domain.errors import Problem

if TYPE_CHECKING:
    from caesura.worker.fetching import Fetcher


class Fetching:
    """A Fetcher that is made when it is needed. Use it as `async with`."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._stack = AsyncExitStack()
        self._made: Fetcher | None = None
        self._making = asyncio.Lock()

    async def __aenter__(self) -> "Fetching":
        """Makes nothing yet."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Closes all connections."""
        await self._stack.aclose()

    async def fetch(self, urls: Collection[str], most: int) -> dict[str, bytes | Problem]:
        """As `Fetcher.fetch`."""
        async with self._making:
            if self._made is None:
                # It takes long to import: whoever waits for a server to start does not wait for that.
                await asyncio.to_thread(import_module, "caesura.worker.fetching")
                from caesura.worker.fetching import Fetcher

                self._made = await self._stack.enter_async_context(Fetcher(self._destinations))
        return await self._made.fetch(urls, most)
