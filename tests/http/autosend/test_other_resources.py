"""Senders, templates, webhooks and projects."""

import asyncio
import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from autosend_client import Sender

from caesura.domain.destinations import Destinations
from caesura.domain.webhook_form import Facts, Notice, Occurrence, Parcel
from caesura.http.autosend.webhook_form import AUTOSEND_WEBHOOKS, EVENTS
from caesura.http.key_forms import ACCOUNT_FORMS
from caesura.http.opaque_ids import hex_of
from caesura.service import lead_properties, segments, suppression_groups

HOOK = {"url": "https://hooks.test/a", "events": ["email.sent", "contact.created"], "metadata": {"team": "a"}}

SEGMENT = {
    "name": "a",
    "type": "segment",
    "filterCriteria": {"groups": [{"field": "city", "fieldType": "string", "operator": "is_empty"}]},
}


async def test_a_sender_joins_the_mailbox_of_its_domain(sender: Any) -> None:
    transport = {"host": "smtp.sender.test", "username": "u", "password": "secret", "tls": "starttls"}
    await sender.desk.mailbox(address="team@sender.test", name="team", transport=transport)
    body = {"email": "news@sender.test", "name": "News", "replyTo": "r@sender.test"}
    made = await sender.post("/senders", body, 201)
    assert made["message"] == "Authenticated sender added successfully"
    one = made["data"]["sender"]
    assert {name: one[name] for name in body} == body
    async with sender.desk.api.database.connection() as connection:
        row = await connection.fetchrow(
            "select * from mailbox where workspace_id = $1 and address = 'news@sender.test'", sender.desk.workspace_id
        )
    assert row["definition"]["transport"]["host"] == "smtp.sender.test"
    opened = sender.desk.api.context.keyring.open(sender.desk.workspace_id, row["name"], row["secret"])
    assert opened == "secret"
    assert one in (await sender.get("/senders"))["data"]["senders"]
    assert (await sender.get(f"/senders/{one['id']}"))["data"]["sender"] == one


async def test_errors_of_senders_are_texts(sender: Any) -> None:
    await sender.desk.mailbox(address="team@sender.test", name="team")
    cases = (
        ({"email": "a@elsewhere.test"}, "Domain not verified"),
        ({"email": "team@sender.test"}, "Authenticated sender already exists"),
        ({}, "email: email is required"),
    )
    for body, told in cases:
        assert await sender.refused("POST", "/senders", body) == told
    missing = await sender.refused("DELETE", f"/senders/{hex_of('sender', 10**9)}", status=404)
    assert missing == "Authenticated sender not found"


async def test_a_sender_in_use_cannot_be_deleted(sender: Any) -> None:
    campaign_id, native = await sender.running("kim@example.com")
    [one] = (await sender.get("/senders"))["data"]["senders"]
    assert "active campaigns" in await sender.refused("DELETE", f"/senders/{one['id']}")
    await sender.desk.post(f"/campaigns/{native}/stop")
    answer = await sender.ask("DELETE", f"/senders/{one['id']}")
    assert answer == {"success": True, "message": "Authenticated sender deleted successfully"}
    await sender.refused("DELETE", f"/senders/{one['id']}", status=404)
    assert (await sender.get("/senders"))["data"]["senders"] == []


async def test_a_template_is_made_changed_and_deleted(sender: Any) -> None:
    body = {"templateName": "t", "subject": "Hi {{firstName}}", "emailTemplate": "<p>{{firstName}}</p>", "x": {"y": 1}}
    made = (await sender.post("/templates", body, 201))["data"]
    assert {name: made[name] for name in body} == body
    assert (made["templateType"], made["builderType"]) == ("transactional", "code")
    assert len(made["templateId"]) == 22
    assert made["templateId"].startswith("A-")
    path = f"/templates/{made['templateId']}"
    changed = (await sender.ask("PUT", path, {"previewText": "p"}))["data"]
    assert {**made, "previewText": "p", "updatedAt": changed["updatedAt"]} == changed
    assert (await sender.get(path))["data"] == changed
    assert (await sender.get("/templates?limit=1"))["data"]["pagination"]["total"] == 1
    assert (await sender.ask("DELETE", path))["message"] == "Template successfully deleted."
    error = await sender.refused("DELETE", path)
    assert (error["code"], error["message"]) == ("DELETE_TEMPLATE_FAILED", "Template delete failed")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"templateName": "x" * 91}, "templateName"),
        ({"subject": "x" * 989}, "subject"),
        ({"description": "x" * 141}, "description"),
        ({"templateType": "other"}, "templateType"),
        ({"builderType": "other"}, "builderType"),
        ({"emailTemplate": "{{> part}}"}, "emailTemplate"),
    ],
)
async def test_a_wrong_template_is_refused(sender: Any, change: Any, field: str) -> None:
    body = {"templateName": "t", "subject": "s", "emailTemplate": "e", **change}
    assert (await sender.refused("POST", "/templates", body))["details"][0]["field"] == field


@pytest.fixture
async def hooked(make_api: Any) -> Sender:
    from autosend_client import FORM
    from desk import Desk

    desk = Desk(await make_api(destinations=Destinations.of("hooks.test")))
    return Sender(desk, (await desk.api.mint("*", form=FORM)).text)


async def test_a_webhooks_secret_is_shown_once_and_when_it_is_revealed(hooked: Any) -> None:
    made = (await hooked.post("/webhooks", HOOK, 201))["data"]["webhook"]
    assert made["secret"].startswith("whsec_")
    assert {name: made[name] for name in HOOK} == HOOK
    assert (made["isActive"], len(made["organizationId"]), len(made["projectId"])) == (True, 24, 24)
    path = f"/webhooks/{made['id']}"
    assert (await hooked.get(path))["data"]["webhook"] == {**made, "secret": "***hidden***"}
    listed = (await hooked.get("/webhooks?isActive=true"))["data"]
    assert listed == {
        "webhooks": [{**made, "secret": "***hidden***"}],
        "total": 1,
        "page": 1,
        "limit": 50,
        "totalPages": 1,
    }
    assert (await hooked.get(f"{path}/reveal"))["data"] == {"secret": made["secret"]}
    assert (await hooked.get("/webhooks?isActive=false"))["data"]["webhooks"] == []


async def test_a_webhook_is_changed_but_for_its_secret(hooked: Any) -> None:
    path = f"/webhooks/{(await hooked.post('/webhooks', HOOK))['data']['webhook']['id']}"
    assert (await hooked.refused("PUT", path, {"secret": "whsec_x"}))["details"][0]["field"] == "secret"
    changed = (await hooked.ask("PUT", path, {"isActive": False, "events": ["email.sent"]}))["data"]["webhook"]
    assert (changed["isActive"], changed["events"], changed["url"]) == (False, ["email.sent"], HOOK["url"])
    for body in ({"events": ["campaign.paused"]}, {"events": []}, {"url": "nonsense"}):
        await hooked.refused("PUT", path, body)
    await hooked.ask("DELETE", path)
    assert (await hooked.refused("GET", path, status=404))["code"] == "WEBHOOK_NOT_FOUND"


async def test_a_resend_goes_to_subscribed_events_only(hooked: Any) -> None:
    path = f"/webhooks/{(await hooked.post('/webhooks', HOOK))['data']['webhook']['id']}/resend"
    answer = await hooked.post(path, {"event": "email.sent", "data": {"emailId": "x"}})
    assert (answer["message"], len(answer["jobId"])) == ("Webhook queued for delivery", 24)
    error = await hooked.refused("POST", path, {"event": "email.opened", "data": {}})
    assert error["message"] == "Webhook is not subscribed to this event: email.opened"
    assert (await hooked.get("/webhooks/events"))["data"]["events"] == list(EVENTS)


async def test_a_delivery_is_signed_over_its_body_and_tried_four_times(hooked: Any) -> None:
    now = hooked.desk.api.clock()
    body = AUTOSEND_WEBHOOKS.body([Notice(1, "k", "email.sent", {"emailId": "x"}, now)])
    told = json.loads(body)
    assert {name: told[name] for name in ("type", "createdAt", "data")} == {
        "type": "email.sent",
        "createdAt": "2026-03-02T09:00:00.000Z",
        "data": {"emailId": "x"},
    }
    headers = AUTOSEND_WEBHOOKS.headers(Parcel(1, 1, 7, "k", "email.sent", body, 1), ["whsec_a"], now)
    assert headers["X-Webhook-Signature"] == hmac.new(b"whsec_a", body, sha256).hexdigest()
    assert (headers["X-Webhook-Event"], headers["User-Agent"]) == ("email.sent", "AutoSend-Webhooks/1.0")
    assert headers["X-Webhook-Timestamp"] == "1772442000000"
    assert len(headers["X-Webhook-Delivery-Id"]) == 24
    assert (AUTOSEND_WEBHOOKS.retries, AUTOSEND_WEBHOOKS.timeout) == ((5.0, 10.0, 20.0), 10.0)
    assert len(AUTOSEND_WEBHOOKS.names) == 13


@pytest.mark.parametrize(
    ("kind", "data", "names"),
    [
        ("message.sent", {}, ["email.sent", "email.delivered"]),
        ("message.deferred", {}, ["email.deferred"]),
        ("message.rejected", {}, ["email.bounced"]),
        ("inbound.received", {"kind": "bounce", "bounce_type": "soft"}, ["email.bounced"]),
        ("inbound.received", {"kind": "complaint"}, ["email.spam_reported"]),
        ("inbound.received", {"kind": "unsubscribe"}, ["email.unsubscribed"]),
        ("inbound.received", {"kind": "reply"}, []),
        ("suppression_group.refused", {"group": 1, "value": "a@example.com"}, ["email.group_unsubscribed"]),
        ("lead.created", {}, ["contact.created"]),
        ("lead.updated", {}, ["contact.updated"]),
        ("lead.deleted", {}, ["contact.deleted"]),
        ("campaign.paused", {}, []),
    ],
)
async def test_what_is_told_of_an_event(api: Any, kind: str, data: Any, names: list[str]) -> None:
    event = Occurrence(1, 5, api.clock(), kind, "engine", 3, 4, 1, None, 2, data)
    facts = Facts(messages={(4, 1): {"recipient": "kim@example.com", "subject": "s"}})
    told = AUTOSEND_WEBHOOKS.translate(event, facts)
    assert [name for name, _ in told] == names
    assert set(names) <= set(EVENTS)
    if names == ["email.bounced"]:
        assert told[0][1]["bounceType"] == ("Transient" if data else "Permanent")
    if names[:1] == ["email.sent"]:
        assert told[0][1]["to"]["email"] == "kim@example.com"
        assert told[0][1]["campaignId"] == hex_of("campaign", 3)
    assert AUTOSEND_WEBHOOKS.translate(event, Facts()) is not None


async def test_projects_are_workspaces_and_for_account_keys(sender: Any) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/x")):
        error = await sender.refused(
            method, f"/account/projects{path}", {"name": "n"} if method == "POST" else None, 403
        )
        assert "organization admin key (ASA_ prefix)" in error["message"]
    issued = await sender.desk.api.mint("*", form=ACCOUNT_FORMS["autosend"], is_account=True)
    account = Sender(sender.desk, issued.text)
    name = f"project of {sender.desk.workspace_id}"
    made = (await account.post("/account/projects", {"name": name, "domain": "a.test"}, 201))["data"]
    assert made["name"] == name
    assert made in (await account.get("/account/projects"))["data"]["projects"]
    headers = {"x-project-id": made["id"]}
    assert (await account.get("/campaigns", headers=headers))["data"]["campaigns"] == []
    assert (await account.ask("DELETE", f"/account/projects/{made['id']}"))["message"] == "Project deleted successfully"
    error = await account.refused("DELETE", f"/account/projects/{made['id']}")
    assert error == [{"message": "Invalid project ID"}]
    own = hex_of("project", sender.desk.workspace_id)
    [error] = await account.refused("DELETE", f"/account/projects/{own}")
    assert "nothing" in error["message"]


async def test_what_is_not_there_says_so(sender: Any) -> None:
    for method, path in (("GET", "/domains"), ("POST", "/domains/x/verify"), ("GET", "/inbound/messages")):
        assert (await sender.refused(method, path))["code"] == "NOT_SUPPORTED"


async def test_edits_of_a_template_at_the_same_moment_do_not_undo_each_other(sender: Any) -> None:
    made = (await sender.post("/templates", {"templateName": "t", "subject": "s", "emailTemplate": "e"}, 201))["data"]
    path = f"/templates/{made['templateId']}"
    edits = {"templateName": "T", "subject": "S", "description": "D", "previewText": "P"}
    await asyncio.gather(*(sender.ask("PUT", path, {name: value}) for name, value in edits.items()))
    found = (await sender.get(path))["data"]
    assert {name: found[name] for name in edits} == edits


@pytest.mark.parametrize(
    ("limit", "path", "body", "code"),
    [
        (suppression_groups, "/suppression-groups", {"name": "a"}, "TOO_MANY_GROUPS"),
        (lead_properties, "/contact-properties", {"name": "a", "type": "string"}, "TOO_MANY_PROPERTIES"),
        (segments, "/contact-lists", SEGMENT, "TOO_MANY_SEGMENTS"),
    ],
)
async def test_one_too_many_is_not_told_to_be_there_already(
    sender: Any, monkeypatch: pytest.MonkeyPatch, limit: Any, path: str, body: Any, code: str
) -> None:
    monkeypatch.setattr(limit, "MAXIMUM_FIELDS" if limit is lead_properties else "MAXIMUM", 1)
    await sender.post(path, body, 201)
    assert (await sender.refused("POST", path, body))["code"] == code
