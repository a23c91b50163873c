"""A client of the AutoSend door, in the workspace of a desk."""

from typing import Any

import pytest
from desk import Desk
from door_client import DoorClient

from caesura.http.key_forms import KEY_FORMS
from caesura.http.opaque_ids import hex_of

FORM = KEY_FORMS["autosend"]

# The request of the vendor's page, as far as it is visible.
SPRING_SALE = {
    "name": "Spring Sale Newsletter",
    "subject": "Don't miss our Spring Sale!",
    "previewText": "Up to 50% off this weekend only",
    "htmlTemplate": "<html><body><p>Hello {{firstName}}, it is spring.</p></body></html>",
    "sendMode": "gradual",
    "gradualGrowthStrategy": "2x",
    "gradualDailyBatchSize": 100,
    "trackingClick": True,
    "trackingOpen": True,
}


class Sender(DoorClient):
    """Asks under `/autosend/v1` with a key that has all permissions. `desk` sees the same workspace natively."""

    prefix = "/autosend/v1"

    async def refused(self, method: str, path: str, json: object = None, status: int = 400, **more: Any) -> Any:
        """The `error` of a refusal."""
        answer = await self.ask(method, path, json, status, **more)
        assert answer["success"] is False
        return answer["error"]

    async def running(self, *addresses: str, **more: Any) -> tuple[str, str]:
        """A running campaign that was made natively, with these leads: its id here, and its own."""
        campaign_id, _ = await self.desk.running(*addresses, **more)
        return shown(campaign_id), campaign_id


def shown(native_id: str) -> str:
    """What this door calls a campaign."""
    return hex_of("campaign", int(native_id.rpartition("_")[2]))


@pytest.fixture
async def sender(desk: Desk) -> Sender:
    issued = await desk.api.mint("*", form=FORM)
    return Sender(desk, issued.text)
