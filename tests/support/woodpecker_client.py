"""A client of the Woodpecker door, in the workspace of a desk."""

from typing import Any

import httpx
import pytest
from desk import Desk

from caesura.http.key_forms import KEY_FORMS

FORM = KEY_FORMS["woodpecker"]


class Bird:
    """Asks under `/woodpecker/rest` with a key that has all permissions. `desk` sees the same workspace natively."""

    def __init__(self, desk: Desk, key: str) -> None:
        self.desk = desk
        self.key = key

    async def raw(self, method: str, path: str, json: object = None, **more: Any) -> httpx.Response:
        """The answer, whatever it is."""
        headers = {"Authorization": "", "x-api-key": self.key, **more.pop("headers", {})}
        body = {} if json is None else {"json": json}
        answer = await self.desk.api.client.request(method, f"/woodpecker/rest{path}", headers=headers, **body, **more)
        assert isinstance(answer, httpx.Response)
        return answer

    async def ask(self, method: str, path: str, json: object = None, status: int = 200, **more: Any) -> Any:
        """The answer's JSON, None without a body; its status must be `status`."""
        answer = await self.raw(method, path, json, **more)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def get(self, path: str, status: int = 200, **more: Any) -> Any:
        return await self.ask("GET", path, None, status, **more)

    async def post(self, path: str, json: object = None, status: int = 200, **more: Any) -> Any:
        return await self.ask("POST", path, json, status, **more)


def number(native_id: str) -> int:
    """The number in a native id: that is this door's id."""
    return int(native_id.rpartition("_")[2])


@pytest.fixture
async def bird(desk: Desk) -> Bird:
    issued = await desk.api.mint("*", form=FORM)
    return Bird(desk, issued.text)
