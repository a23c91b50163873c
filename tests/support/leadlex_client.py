"""A client of the LeadLex door, in the workspace of a desk."""

from typing import Any

import pytest
from desk import Desk
from door_client import DoorClient

from caesura.http.key_forms import KEY_FORMS
from caesura.http.opaque_ids import number_of_uuid, uuid_of

FORM = KEY_FORMS["leadlex"]
PREFIX = "/leadlex/functions/v1/api-gateway/v1"


class Lexi(DoorClient):
    """Asks under the door with a key that has all permissions. `desk` sees the same workspace natively."""

    prefix = PREFIX

    async def ask(self, method: str, path: str, json: object = None, status: int = 0, **more: Any) -> Any:
        """What is in the envelope: `data`, or with a `status` of 400 or more the `error`."""
        answer = await self.raw(method, path, json, **more)
        expected = answer.status_code == status if status else answer.is_success
        assert expected, (answer.status_code, answer.text)
        if not answer.content:
            return None
        return answer.json()["error" if status >= 400 else "data"]

    async def patch(self, path: str, json: object = None, status: int = 0, **more: Any) -> Any:
        return await self.ask("PATCH", path, json, status, **more)

    async def delete(self, path: str, status: int = 0, **more: Any) -> Any:
        return await self.ask("DELETE", path, None, status, **more)

    async def key_with(self, *permissions: str, **more: Any) -> str:
        return str((await self.desk.api.mint(*permissions, form=FORM, **more)).text)

    async def running(self, *addresses: str) -> str:
        """A started campaign with these leads; its id."""
        campaign_id, _ = await self.desk.running(*(addresses or ("a@example.com", "b@example.com")))
        return outer(campaign_id)


def outer(native_id: str, kind: str = "campaign") -> str:
    """The id of this door for a native one."""
    return uuid_of(kind, int(native_id.rpartition("_")[2]))


def native(uuid: str, kind: str = "campaign") -> str:
    """The native id for one of this door's."""
    number = number_of_uuid(kind, uuid)
    assert number is not None
    return f"{ {'campaign': 'cmp', 'contact': 'led', 'list': 'lst'}[kind] }_{number}"


@pytest.fixture
async def lexi(desk: Desk) -> Lexi:
    issued = await desk.api.mint("*", form=FORM, plan="unmetered")
    return Lexi(desk, issued.text)
