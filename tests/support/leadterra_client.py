"""A client of the Leadterra door, in the workspace of a desk."""

from typing import Any

import pytest
from desk import Desk
from door_client import DoorClient

from caesura.http.key_forms import KEY_FORMS
from caesura.service import campaigns

FORM = KEY_FORMS["leadterra"]


class Terra(DoorClient):
    """Asks under `/leadterra/v1` with a key that has all permissions. `desk` sees the same workspace natively."""

    prefix = "/leadterra/v1"

    async def key_with(self, *permissions: str, **more: Any) -> str:
        return str((await self.desk.api.mint(*permissions, form=FORM, **more)).text)

    async def running(self, *addresses: str, **more: Any) -> str:
        """A started campaign with these leads; its id."""
        campaign_id, _ = await self.desk.running(*(addresses or ("a@example.com", "b@example.com")), **more)
        return outer(campaign_id)

    async def draft(self, *addresses: str, **more: Any) -> str:
        """A draft with these leads; its id."""
        made = await self.desk.campaign(**more)
        if addresses:
            await self.desk.enrol(made["id"], *addresses)
        return outer(made["id"])

    async def complete(self, campaign: str) -> Any:
        """Lets the engine see that nothing is left to send; the native status."""
        api = self.desk.api
        await campaigns.complete(api.database, self.desk.workspace_id, int(campaign[5:]), api.clock())
        return await self.status(campaign)

    async def messages(self, campaign: str) -> list[Any]:
        """The campaign's part of the ledger."""
        return list(await self.desk.every(f"/campaigns/{native(campaign)}/messages"))

    async def status(self, campaign: str) -> Any:
        """Where it stands natively."""
        return await self.desk.get(f"/campaigns/{native(campaign)}/status")


def outer(native_id: str, prefix: str = "camp") -> str:
    """The id of this door for a native one."""
    return f"{prefix}_{native_id.rpartition('_')[2]}"


def native(campaign: str) -> str:
    """The native id of a campaign for one of this door's."""
    return f"cmp_{campaign.removeprefix('camp_')}"


@pytest.fixture
async def terra(desk: Desk) -> Terra:
    issued = await desk.api.mint("*", form=FORM, plan="unmetered")
    return Terra(desk, issued.text)
