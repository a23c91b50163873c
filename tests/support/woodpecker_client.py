"""A client of the Woodpecker door, in the workspace of a desk."""

from typing import Any

import pytest
from desk import Desk
from door_client import DoorClient

from caesura.http.key_forms import KEY_FORMS

FORM = KEY_FORMS["woodpecker"]


class Bird(DoorClient):
    """Asks under `/woodpecker/rest` with a key that has all permissions. `desk` sees the same workspace natively."""

    prefix = "/woodpecker/rest"

    def bearing(self, key: str) -> dict[str, str]:
        return {"Authorization": "", "x-api-key": key}

    async def ask(self, method: str, path: str, json: object = None, status: int = 0, **more: Any) -> Any:
        """The answer's JSON, None without a body; its status must be `status`, by default exactly 200."""
        answer = await self.raw(method, path, json, **more)
        assert answer.status_code == (status or 200), (answer.status_code, answer.text)
        return answer.json() if answer.content else None


def number(native_id: str) -> int:
    """The number in a native id: that is this door's id."""
    return int(native_id.rpartition("_")[2])


@pytest.fixture
async def bird(desk: Desk) -> Bird:
    issued = await desk.api.mint("*", form=FORM)
    return Bird(desk, issued.text)
