"""Files of mailings, as parts of a message: read when there is something to send, and kept within a bound."""

from caesura.domain.enclosures import mime_part
from caesura.domain.mime import FilePart
from caesura.domain.plan import CampaignPlan
from caesura.store import enclosures
from caesura.store.database import Database

# The least recently used go first. Those of one mailing have 14 MB at most.
KEPT_BYTES = 64_000_000


class Files:
    """A cache, one in each worker. Not for use by several threads."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._most = kept_bytes
        self._parts: dict[tuple[int, int], tuple[FilePart, ...]] = {}

    async def of(self, database: Database, plan: CampaignPlan) -> tuple[FilePart, ...]:
        """The files that go with each message of a campaign; nothing is asked without any. Raises Unavailable."""
        if not plan.file_bytes:
            return ()
        key = (plan.workspace_id, plan.campaign_id)
        parts = self._parts.pop(key, None)
        if parts is None:
            async with database.connection() as connection:
                parts = tuple(mime_part(one) for one in await enclosures.files(connection, *key))
        self._parts[key] = parts
        while sum(len(part.data) for several in self._parts.values() for part in several) > self._most:
            del self._parts[next(iter(self._parts))]
        return parts
