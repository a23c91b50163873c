"""What the clients of all doors share, each in the workspace of a desk."""

from typing import Any

import httpx
from desk import Desk


class DoorClient:
    """Asks under `prefix` with a key that has all permissions. `desk` sees the same workspace natively."""

    prefix: str

    def __init__(self, desk: Desk, key: str) -> None:
        self.desk = desk
        self.key = key

    def bearing(self, key: str) -> dict[str, str]:
        """The headers that carry a key."""
        return {"Authorization": f"Bearer {key}"}

    async def raw(self, method: str, path: str, json: object = None, **more: Any) -> httpx.Response:
        """The answer, whatever it is; with another `key` if one is given."""
        headers = {**self.bearing(more.pop("key", self.key)), **more.pop("headers", {})}
        body = {} if json is None else {"json": json}
        answer = await self.desk.api.client.request(method, f"{self.prefix}{path}", headers=headers, **body, **more)
        assert isinstance(answer, httpx.Response)
        return answer

    async def ask(self, method: str, path: str, json: object = None, status: int = 0, **more: Any) -> Any:
        """The answer's JSON; its status must be `status`, by default one of 2xx."""
        answer = await self.raw(method, path, json, **more)
        assert answer.status_code == status if status else answer.is_success, (answer.status_code, answer.text)
        return answer.json()

    async def get(self, path: str, status: int = 0, **more: Any) -> Any:
        return await self.ask("GET", path, None, status, **more)

    async def post(self, path: str, json: object = None, status: int = 0, **more: Any) -> Any:
        return await self.ask("POST", path, json, status, **more)

    async def code(self, method: str, path: str, json: object = None, **more: Any) -> tuple[int, str]:
        """Status and code of an error."""
        answer = await self.raw(method, path, json, **more)
        return answer.status_code, answer.json()["error"]["code"]
