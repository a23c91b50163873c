"""A desk over the API: makes campaigns, leads and messages in one line each; sending goes through the services."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from caesura.domain.delivery import Delivery, Kind
from caesura.service import sending
from caesura.store.sending import Wanted

WORKER = "worker-1"
LEASE = 60.0
STEPS = ({"subject": "Hello", "text": "Hello"}, {"subject": "Again", "text": "Again", "delay": "1d"})


class Desk:
    """One workspace, through its API. `api.clock` stands still until a test moves it."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.workspace_id = api.issued.row.workspace_id
        self._numbers = itertools.count(1)

    async def ask(self, method: str, path: str, json: object = None, status: int = 0, **more: Any) -> Any:
        """The answer's JSON; its status must be `status`, by default one of 2xx."""
        answer = await self.api.client.request(method, f"/api/v1{path}", json=json, **more)
        assert answer.status_code == status if status else answer.is_success, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def get(self, path: str, status: int = 0, **more: Any) -> Any:
        return await self.ask("GET", path, None, status, **more)

    async def post(self, path: str, json: object = None, status: int = 0, **more: Any) -> Any:
        return await self.ask("POST", path, json, status, **more)

    async def every(self, path: str, **parameters: Any) -> list[Any]:
        """All items of a list, two at a time."""
        items: list[Any] = []
        while True:
            page = await self.get(path, params={"limit": 2, **parameters})
            assert len(page["items"]) <= 2
            assert page["items"] or "cursor" not in parameters, "a cursor led to nothing"
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            parameters["cursor"] = page["next_cursor"]

    async def mailbox(self, **more: Any) -> Any:
        number = next(self._numbers)
        transport = {"host": "localhost", "port": 2525, "tls": "none"}
        mailbox = {"name": f"mailbox {number}", "address": f"m{number}@sender.test", "transport": transport, **more}
        return await self.post("/mailboxes", mailbox)

    async def pool(self, *names: str) -> Any:
        chosen = list(names) or [(await self.mailbox())["name"]]
        return await self.post("/pools", {"name": f"pool {next(self._numbers)}", "mailboxes": chosen})

    async def campaign(self, **more: Any) -> Any:
        """A draft of two steps, a day apart, with a pool."""
        definition = {
            "name": f"campaign {next(self._numbers)}",
            "steps": list(STEPS),
            "unsubscribe": {"mailto": "stop@sender.test"},
            **more,
        }
        if "pool" not in definition:
            definition["pool"] = (await self.pool())["name"]
        return await self.post("/campaigns", definition)

    async def running(self, *addresses: str, **more: Any) -> tuple[str, list[str]]:
        """A started campaign with these leads: its id, and the enrollments' ids."""
        campaign_id = (await self.campaign(**more))["id"]
        enrolled = await self.enrol(campaign_id, *addresses) if addresses else []
        await self.post(f"/campaigns/{campaign_id}/start")
        return campaign_id, enrolled

    async def lead(self, address: str | None = None, **fields: Any) -> Any:
        address = address or f"lead{next(self._numbers)}@example.com"
        return await self.post("/leads", {"address": address, "fields": fields})

    async def enrol(self, campaign_id: str, *addresses: str) -> list[str]:
        body = {"leads": [{"address": address} for address in addresses]}
        done = await self.post(f"/campaigns/{campaign_id}/enrollments", body)
        return [one["enrollment_id"] for one in done["outcomes"]]

    async def mark(self, campaign_id: str) -> Any:
        """A worker claims what is due and passes the gate with it."""
        database, plans, now = self.api.database, self.api.context.plans, self.api.clock()
        plan = await self._plan(campaign_id)
        claim = await sending.claim(database, plans, plan, WORKER, 100, LEASE, now)
        wanted = [
            Wanted(
                work.claimed,
                work.mailbox.mailbox_id,
                work.mailbox.version,
                0,
                f"<{work.claimed.enrollment_id}.{work.claimed.step}@sender.test>",
                "Hello",
                work.closes_at,
            )
            for work in claim.work
        ]
        return await sending.mark(database, plans, plan, wanted, WORKER, LEASE, now)

    async def send(self, campaign_id: str, kind: Kind = Kind.ACCEPTED, **said: Any) -> int:
        """What is due is sent, with this outcome; answers how many messages that were. `said` is of `Delivery`."""
        return await self.record(campaign_id, await self.mark(campaign_id), kind, **said)

    async def record(self, campaign_id: str, answer: Any, kind: Kind = Kind.ACCEPTED, **said: Any) -> int:
        async with self.api.database.connection() as connection:
            rows = await connection.fetch(
                "select enrollment_id, mailbox_id from message where workspace_id = $1 and state = 'sending'",
                self.workspace_id,
            )
        mailboxes: Mapping[int, int] = {row["enrollment_id"]: row["mailbox_id"] for row in rows}
        deliveries = [
            Delivery(
                one.enrollment_id,
                one.step,
                one.attempt,
                one.refusals,
                mailboxes[one.enrollment_id],
                kind,
                stage="content",
                **said,
            )
            for one in answer.marked
        ]
        await sending.record(
            self.api.database,
            self.api.context.plans,
            await self._plan(campaign_id),
            deliveries,
            WORKER,
            self.api.clock(),
        )
        return len(answer.marked)

    async def _plan(self, campaign_id: str) -> Any:
        number = int(campaign_id.removeprefix("cmp_"))
        async with self.api.database.connection() as connection:
            return await self.api.context.plans.campaign(connection, self.workspace_id, number)


@pytest.fixture
def desk(api: Any) -> Desk:
    return Desk(api)


@pytest.fixture
async def stranger(make_api: Any) -> Desk:
    """Another workspace in the same database: nothing of `desk` is there for it."""
    return Desk(await make_api())


async def only_as_it_was_read(desk: Desk, method: str, path: str, first: object, second: object) -> None:
    """Makes two edits, each with the ETag of the version it was made from; with that of another one, none is made."""
    etag = (await desk.api.client.get(f"/api/v1{path}")).headers["ETag"]
    answer = await desk.api.client.request(method, f"/api/v1{path}", json=first, headers={"If-Match": etag})
    assert answer.is_success, answer.text
    assert answer.headers["ETag"] == f'"{answer.json()["version"]}"' != etag
    refused = await desk.ask(method, path, second, 412, headers={"If-Match": etag})
    assert refused["code"] == "version_mismatch"
    assert (await desk.get(path))["version"] == answer.json()["version"]
    await desk.ask(method, path, second, headers={"If-Match": answer.headers["ETag"]})
    await desk.ask(method, path, second)
