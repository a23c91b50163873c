"""What every tool is given: who calls it, and what stands behind it."""

from typing import Any

from mcp.server.mcpserver import Context

from caesura.http.authentication import Caller
from caesura.http.context import ApiContext


class Call(Context[Any, Any]):
    """One call of a tool. The server puts it where a tool's first parameter asks for it; it is no argument."""

    _api: ApiContext
    _caller: Caller

    def __init__(self, api: ApiContext, caller: Caller) -> None:
        super().__init__()
        self._api = api
        self._caller = caller

    @property
    def api(self) -> ApiContext:
        """Database, clock, secrets."""
        return self._api

    @property
    def caller(self) -> Caller:
        """Whose key it carries."""
        return self._caller

    def sees(self, campaign_id: int) -> bool:
        """Whether the key may touch this campaign: some are for single ones."""
        return self._caller.campaign_ids is None or campaign_id in self._caller.campaign_ids

    @property
    def workspace(self) -> tuple[Any, int]:
        """What most services begin with: the database and the workspace."""
        return self._api.database, self._caller.workspace_id

    @property
    def by(self) -> tuple[str, Any]:
        """What most services end with: who does it, and when (UTC)."""
        return self._caller.actor, self._api.clock()
