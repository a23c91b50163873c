"""Who may do what: every operation of every door, the native one too, with every kind of key."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from caesura.domain.api_key import KeyForm
from caesura.domain.scopes import Scope
from caesura.http.door import Door, Support
from caesura.http.doors import doors
from caesura.http.key_forms import ACCOUNT_FORMS, KEY_FORMS
from caesura.http.native.identifiers import CAMPAIGN
from caesura.http.opaque_ids import hex_of, uuid_of
from caesura.service import definitions, keys
from caesura.service.workspaces import named

CAMPAIGN_IDS = {
    "native": CAMPAIGN.show,
    "leadterra": lambda number: f"camp_{number}",
    "leadlex": lambda number: uuid_of("campaign", number),
    "autosend": lambda number: hex_of("campaign", number),
    "woodpecker": str,
}


@dataclass(frozen=True)
class Asked:
    """An operation to be asked for, with the permission that it needs."""

    method: str
    path: str
    permission: str
    is_supported: bool = True

    def url(self, campaign_id: str) -> str:
        """With this campaign; every other parameter names nothing."""
        return re.sub(r"\{[a-z_]+\}", "1", self.path.replace("{campaign_id}", campaign_id))


def asked_of(door: Door) -> Iterator[Asked]:
    for one in door.operations:
        yield Asked(one.method, f"{door.prefix}{one.path}", one.permission, one.support is not Support.NONE)


def asked_natively(application: Any) -> Iterator[Asked]:
    for path, operations in application.openapi()["paths"].items():
        for method, operation in operations.items():
            for scopes in (scopes for one in operation.get("security", ()) for scopes in one.values()):
                yield Asked(method.upper(), path, scopes[0])


def is_for_accounts(one: Asked) -> bool:
    return "/account/" in one.path or one.path.startswith("/api/v1/workspaces")


class Desk:
    """One door over an API in this process."""

    def __init__(self, api: Any, name: str) -> None:
        self.api = api
        self.form: KeyForm = KEY_FORMS[name]
        self.door = next((door for door in doors() if door.name == name), None)
        transport = api.client._transport
        self.client = httpx.AsyncClient(transport=transport, base_url="http://api.test")

    @property
    def asked(self) -> list[Asked]:
        if self.door is not None:
            return list(asked_of(self.door))
        return list(asked_natively(self.api.client._transport.app))

    async def key(self, *scopes: str, form: KeyForm | None = None, workspace: str = "") -> Any:
        return await self.api.mint(*(scopes or ("*",)), form=form or self.form, plan="unmetered", workspace=workspace)

    async def campaign(self, name: str = "one") -> int:
        workspace_id = await named(self.api.database, self.api.workspace, self.api.clock())
        definition = definitions.CampaignDefinition(name=name)
        return await definitions.create(self.api.database, workspace_id, definition, "test", self.api.clock())

    async def ask(self, one: Asked, key: str | None, campaign: int) -> httpx.Response:
        headers = {"x-request-id": "same"}
        if key is not None:
            headers |= {"x-api-key": key} if self.form.dialect == "woodpecker" else {"Authorization": f"Bearer {key}"}
        body = {} if one.method == "GET" else {"json": {}}
        url = one.url(CAMPAIGN_IDS[self.form.dialect](campaign))
        return await self.client.request(one.method, url, headers=headers, **body)

    def without(self, permission: str) -> list[str]:
        """All permissions of this door that do not permit it."""
        words = [word for word in self.form.permissions if word != "*"]
        if self.door is None:
            return [word for word in words if word != permission]
        return [word for word in words if not self.door.allows([word], permission)]


@pytest.fixture(params=KEY_FORMS)
async def desk(api: Any, request: pytest.FixtureRequest) -> Any:
    made = Desk(api, request.param)
    assert (made.door is None) == (made.form.dialect == "native"), "a dialect without its door"
    yield made
    await made.client.aclose()


async def statuses(desk: Desk, key: str | None, campaign: int) -> dict[str, int]:
    answers = {f"{one.method} {one.path}": await desk.ask(one, key, campaign) for one in desk.asked}
    for name, answer in answers.items():
        assert "json" in answer.headers["content-type"], name
        assert isinstance(answer.json(), dict), name
    return {name: answer.status_code for name, answer in answers.items()}


@pytest.mark.parametrize("presented", ["none", "malformed", "made up", "revoked", "of another dialect"])
async def test_without_a_good_key_nothing_opens(desk: Desk, presented: str) -> None:
    campaign = await desk.campaign()
    key: str | None = None
    if presented == "malformed":
        key = "nonsense"
    elif presented == "made up":
        key = (await desk.key()).text[:-4] + "aaaa"
    elif presented == "revoked":
        issued = await desk.key()
        await keys.revoke(desk.api.database, issued.row.workspace_id, issued.row.id, "test", desk.api.clock())
        key = issued.text
    elif presented == "of another dialect":
        other = KEY_FORMS["native" if desk.form.dialect == "leadterra" else "leadterra"]
        key = desk.form.lead_in + (await desk.key(form=other)).text.removeprefix(other.lead_in)
    opened = {name: status for name, status in (await statuses(desk, key, campaign)).items() if status != 401}
    assert opened == {}


async def test_a_key_without_the_permission_opens_nothing(desk: Desk) -> None:
    campaign = await desk.campaign()
    made: dict[str, str] = {}
    opened = {}
    for one in desk.asked:
        if one.permission not in made:
            made[one.permission] = (await desk.key(*desk.without(one.permission))).text
        answer = await desk.ask(one, made[one.permission], campaign)
        if answer.status_code != 403:
            opened[f"{one.method} {one.path}"] = answer.status_code
    assert opened == {}


async def test_a_campaign_of_another_workspace_looks_like_one_that_does_not_exist(desk: Desk) -> None:
    theirs = await desk.campaign()
    stranger = (await desk.key(workspace="strangers")).text
    told = {}
    for one in desk.asked:
        if "{campaign_id}" not in one.path or not one.is_supported:
            continue
        there, nowhere = [await desk.ask(one, stranger, number) for number in (theirs, 10**12)]
        same = [
            re.sub(rf"(?<!\d){number}(?!\d)", "", json.dumps(answer.json()))
            for answer, number in ((there, theirs), (nowhere, 10**12))
        ]
        if there.is_success or there.status_code >= 500 or there.status_code != nowhere.status_code:
            told[f"{one.method} {one.path}"] = (there.status_code, nowhere.status_code)
        elif same[0] != same[1] and desk.form.dialect != "native":
            told[f"{one.method} {one.path}"] = same
    assert told == {}


NAMED_ELSEWHERE = (
    ("native", "GET", "/api/v1/events?campaign_id={}", None),
    ("native", "GET", "/api/v1/events/stream?campaign_id={}", None),
    ("native", "GET", "/api/v1/correspondence?campaign_id={}", None),
    ("native", "GET", "/api/v1/inbound?campaign_id={}", None),
    ("native", "POST", "/api/v1/inbound", '{"kind": "reply", "address": "a@example.com", "campaign_id": "{}"}'),
    ("native", "POST", "/api/v1/keys", '{"scopes": ["leads:read"], "campaign_ids": ["{}"]}'),
    ("leadterra", "GET", "/leadterra/v1/replies?campaignId={}", None),
    (
        "woodpecker",
        "POST",
        "/woodpecker/rest/v1/add_prospects_campaign",
        '{"campaign": {"campaign_id": {}}, "prospects": [{"email": "a@example.com"}]}',
    ),
    ("woodpecker", "GET", "/woodpecker/rest/v1/campaign_list?id={}", None),
    ("woodpecker", "GET", "/woodpecker/rest/v2/inbox/messages?campaign_ids={}", None),
)


@pytest.mark.parametrize(("name", "method", "url", "body"), NAMED_ELSEWHERE)
async def test_a_campaign_of_another_workspace_that_no_path_names_looks_like_none_either(
    api: Any, name: str, method: str, url: str, body: str | None
) -> None:
    desk = Desk(api, name)
    theirs = await desk.campaign()
    key = (await desk.key(workspace="strangers")).text
    headers = {"x-request-id": "same", "x-api-key": key, "Content-Type": "application/json"}
    if name != "woodpecker":
        headers["Authorization"] = f"Bearer {key}"
    told = []
    for number in (theirs, 10**12):
        shown = CAMPAIGN_IDS[name](number)
        content = None if body is None else body.replace("{}", shown)
        answer = await desk.client.request(method, url.replace("{}", shown), content=content, headers=headers)
        told.append((answer.status_code, re.sub(rf"(?<!\d){number}(?!\d)", "", answer.text)))
    await desk.client.aclose()
    assert told[0] == told[1]
    assert told[0][0] in (200, 404, 422), told
    assert told[0][0] != 200 or told[0][1] in ('{"items":[],"next_cursor":null}', "[]") or '"content":[]' in told[0][1]


SHARED = {
    "GET /api/v1/campaigns",
    "GET /leadterra/v1/replies",
    "GET /autosend/v1/campaigns",
    "GET /leadlex/functions/v1/api-gateway/v1/campaigns",
    "GET /woodpecker/rest/v1/campaign_list",
    "POST /woodpecker/rest/v1/add_prospects_campaign",
    "POST /woodpecker/rest/v1/update_prospects_campaign",
}
"""What a key for single campaigns may ask though the path names none: it is told of its own ones."""


async def test_a_key_for_single_campaigns_opens_what_names_one_of_them_and_nothing_else(desk: Desk) -> None:
    mine, other = await desk.campaign(), await desk.campaign("other")
    issued = await desk.api.mint("*", form=desk.form, plan="unmetered", campaign_ids=[mine])
    opened = {}
    for one in desk.asked:
        name, names_one = f"{one.method} {one.path}", "{campaign_id}" in one.path
        if one.is_supported and name not in SHARED:
            status = (await desk.ask(one, issued.text, other)).status_code
            if status != (404 if names_one else 403):
                opened[name] = status
    assert opened == {}
    for one in desk.asked:
        if one.method == "GET" and one.path.endswith("/{campaign_id}"):
            assert (await desk.ask(one, issued.text, mine)).is_success


async def test_a_key_with_the_permission_opens_it(desk: Desk) -> None:
    """Else the tests above would pass on a door that is shut."""
    campaign = await desk.campaign()
    key = (await desk.key("*")).text
    shut = {
        f"{one.method} {one.path}": status
        for one in desk.asked
        # What is for keys of an account is for no other, and what streams for ever would never be answered whole.
        if not one.path.endswith("/stream")
        and not is_for_accounts(one)
        and (status := (await desk.ask(one, key, campaign)).status_code) in (401, 403)
        or status >= 500
    }
    assert shut == {}


@pytest.mark.parametrize("name", ACCOUNT_FORMS)
async def test_what_is_for_accounts_opens_to_a_key_of_one_that_has_the_permission_and_to_no_other(
    api: Any, name: str
) -> None:
    desk = Desk(api, name)
    campaign, form = await desk.campaign(), ACCOUNT_FORMS[name]
    asked = [one for one in desk.asked if is_for_accounts(one)]
    assert len({one.method for one in asked}) > 1
    for one in asked:
        for holds, is_account in ((True, True), (False, True), (True, False)):
            words = [one.permission] if holds else desk.without(one.permission)
            used = form if is_account else desk.form
            key = (await api.mint(*words, form=used, plan="unmetered", is_account=is_account)).text
            status = (await desk.ask(one, key, campaign)).status_code
            assert (status == 403) is not (holds and is_account), (one, holds, is_account, status)
    await desk.client.aclose()


def test_every_permission_that_a_door_asks_for_is_one_that_a_key_can_have() -> None:
    asked = {(door.name, one.permission) for door in doors() for one in door.operations}
    unknown = [(name, word) for name, word in asked if word not in KEY_FORMS[name].permissions and word != "*"]
    assert unknown == []
    assert set(KEY_FORMS["native"].permissions) == set(Scope)
