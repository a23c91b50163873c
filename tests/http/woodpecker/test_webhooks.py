"""Webhooks: subscriptions as the vendor has them, and the arrays that are sent."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from webhook_desk import Hooks, receiving
from woodpecker_client import Bird

from caesura.domain.webhook_form import Facts, Notice, Occurrence
from caesura.http.webhook_forms import FORMS
from caesura.service import webhooks

FORM = FORMS["woodpecker"]
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SUBSCRIPTION = {"target_url": "https://hooks.example.com/a", "event": "prospect_replied"}
FACTS = Facts(
    campaigns={4: {"name": "Spring", "kind": "sequence"}},
    senders={4: ["me@sender.test", "you@sender.test"]},
    leads={
        5: {
            "address": "ann@example.com",
            "fields": {"first_name": "Ann", "job_title": "CTO"},
            "extra": {"woodpecker": {"tags": "#VC"}},
        }
    },
    mailboxes={7: {"id": 7, "address": "me@sender.test", "definition": {"from_name": "Me"}}},
    messages={
        (6, 1): {
            "message_id": "<1@sender.test>",
            "subject": "Hello",
            "recipient": "ann@example.com",
            "mailbox_id": 7,
            "settled_at": datetime(2026, 3, 2, 8, 59, tzinfo=UTC),
        }
    },
    inbound={
        8: {
            "kind": "reply",
            "from_address": "Ann Smith <ann@example.com>",
            "subject": "Re: Hello",
            "text": "Yes",
            "classification": "interested",
            "received_at": AT,
        }
    },
)


async def test_an_event_is_subscribed_to_and_listed_in_upper_case(bird: Bird) -> None:
    assert await bird.get("/v2/webhooks") == {"message": "You haven't subscribed to any webhooks."}
    made = await bird.post("/v1/webhooks/subscribe", SUBSCRIPTION, status=201)
    assert made == {**SUBSCRIPTION, "message": "Subscribed."}
    other = SUBSCRIPTION | {"event": "campaign_sent"}
    assert (await bird.post("/v2/webhooks/subscribe", other, status=201))["message"] == "Subscribed."
    assert (await bird.post("/v2/webhooks/unsubscribe", other, status=201))["message"] == "Unsubscribed."
    listed = {"target_url": SUBSCRIPTION["target_url"], "event": "PROSPECT_REPLIED"}
    assert await bird.get("/v2/webhooks") == {"webhooks": [listed]}


async def test_a_repetition_is_409_in_the_vendors_words(bird: Bird) -> None:
    await bird.post("/v1/webhooks/subscribe", SUBSCRIPTION, status=201)
    body = await bird.post("/v1/webhooks/subscribe", SUBSCRIPTION, status=409)
    assert body == {"status": {"status": "ERROR", "code": "E_WRONG_PARAM", "msg": "Event defined for this url."}}


async def test_an_event_has_at_most_three_addresses_and_others_are_not_counted(bird: Bird) -> None:
    for place in range(3):
        await bird.post(
            "/v1/webhooks/subscribe", SUBSCRIPTION | {"target_url": f"https://hooks.example.com/{place}"}, 201
        )
    body = await bird.post("/v1/webhooks/subscribe", SUBSCRIPTION, status=409)
    message = "You can only subscribe to the same webhook 3 times per one account."
    assert body["status"] == {"status": "ERROR", "code": "E_WRONG_PARAM", "msg": message}
    await bird.post("/v1/webhooks/subscribe", SUBSCRIPTION | {"event": "campaign_sent"}, status=201)


async def test_a_subscription_is_taken_away(bird: Bird) -> None:
    await bird.post("/v1/webhooks/subscribe", SUBSCRIPTION, status=201)
    gone = await bird.post("/v1/webhooks/unsubscribe", SUBSCRIPTION, status=201)
    assert gone == {**SUBSCRIPTION, "message": "Unsubscribed."}
    assert "message" in await bird.get("/v2/webhooks")
    body = await bird.post("/v1/webhooks/unsubscribe", SUBSCRIPTION, status=404)
    assert body["status"]["code"] == "E_RECORD_NOT_FOUND"


async def test_one_that_answered_410_can_be_subscribed_to_again(bird: Bird) -> None:
    await bird.post("/v1/webhooks/subscribe", SUBSCRIPTION, status=201)
    async with bird.desk.api.database.connection() as connection:
        await connection.execute(
            "update webhook set active = false, disabled_cause = 'gone' where workspace_id = $1", bird.desk.workspace_id
        )
    assert "message" in await bird.get("/v2/webhooks")
    await bird.post("/v1/webhooks/subscribe", SUBSCRIPTION, status=201)
    assert len((await bird.get("/v2/webhooks"))["webhooks"]) == 1


@pytest.mark.parametrize(
    "wrong", [{"event": "no_such"}, {"target_url": "http://hooks.example.com"}, {"target_url": None}, {"event": 1}]
)
async def test_a_wrong_subscription_is_refused_in_the_envelope_of_version_1(bird: Bird, wrong: Any) -> None:
    answer = await bird.raw("POST", "/v1/webhooks/subscribe", SUBSCRIPTION | wrong)
    assert answer.status_code in (400, 409)
    assert answer.json()["status"]["status"] == "ERROR"


def occurrence(event: str, /, **data: Any) -> Occurrence:
    return Occurrence(1, 9, AT, event, "engine", 4, 6, 1, 7, 5, data)


@pytest.mark.parametrize(
    ("kind", "data", "name"),
    [
        ("inbound.received", {"kind": "reply"}, "prospect_replied"),
        ("inbound.received", {"kind": "auto_reply"}, "prospect_autoreplied"),
        ("inbound.received", {"kind": "bounce"}, "prospect_bounced"),
        ("inbound.received", {"kind": "unsubscribe"}, "prospect_opt_out"),
        ("inbound.received", {"kind": "complaint"}, "prospect_blacklisted"),
        ("inbound.classified", {"classification": "interested"}, "prospect_interested"),
        ("inbound.classified", {"classification": "maybe_later"}, "prospect_maybe_later"),
        ("inbound.classified", {"classification": "not_interested"}, "prospect_not_interested"),
        ("lead.created", {}, "prospect_saved"),
        ("enrollment.finished", {}, "prospect_non_responsive"),
        ("message.sent", {}, "campaign_sent"),
        ("campaign.completed", {}, "campaign_completed"),
    ],
)
def test_our_events_in_the_vendors_words(kind: str, data: Any, name: str) -> None:
    [(told, item)] = FORM.translate(occurrence(kind, **data), FACTS)
    assert (told, item["method"], item["timestamp"], item["firm_id"]) == (name, name, "2026-03-02T09:00:00+0000", 1)
    assert told in FORM.names
    [(_, bare)] = FORM.translate(occurrence(kind, **data), Facts())
    assert bare["method"] == name


@pytest.mark.parametrize("kind", ["campaign.paused", "campaign.stopped", "message.deferred"])
def test_there_is_no_event_for_a_pause_or_a_stop_by_hand(kind: str) -> None:
    assert not FORM.translate(occurrence(kind), FACTS)


def test_a_pause_by_the_bounce_shield_is_told_with_its_threshold() -> None:
    event = occurrence("campaign.paused", cause="bounce_threshold", threshold=3)
    [(name, item)] = FORM.translate(event, FACTS)
    assert (name, item["method"], item["firm_id"]) == (name, "campaign_paused_by_bounce_shield", 1)
    assert item["campaign"] == {
        "campaign_id": 4, "campaign_name": "Spring", "sent_from": "me@sender.test",
        "sent_from_emails": ["me@sender.test", "you@sender.test"], "bounce_rate_threshold": 3,
    }  # fmt: skip
    [(_, bare)] = FORM.translate(event, Facts())
    assert (bare["campaign"]["sent_from"], bare["campaign"]["sent_from_emails"]) == (None, [])


@pytest.mark.parametrize("kind", ["campaign.completed", "enrollment.finished", "message.sent"])
def test_nothing_is_told_of_how_a_single_message_fares(kind: str) -> None:
    assert FORM.translate(occurrence(kind), FACTS)
    assert not FORM.translate(occurrence(kind), Facts(campaigns={4: {"name": "Answer", "kind": "single"}}))


def test_what_was_sent_is_told_as_documented() -> None:
    [(_, item)] = FORM.translate(occurrence("message.sent"), FACTS)
    prospect, email = item["prospect"], item["email"]
    assert (prospect["id"], prospect["email"], prospect["title"]) == (5, "ann@example.com", "CTO")
    assert (prospect["campaign_id"], prospect["campaign_name"], prospect["step"]) == (4, "Spring", 1)
    assert (prospect["tags"], prospect["status"], prospect["interested"]) == ("#VC", "ACTIVE", "")
    assert (prospect["campaign_email"], prospect["campaign_emails"]) == ("me@sender.test", ["me@sender.test"])
    assert (prospect["step_type"], prospect["last_contacted"]) == ("EMAIL", "2026-03-02T08:59:00+0000")
    assert email == {
        "id": 6, "campaign_id": 4, "message_id": "<1@sender.test>", "name_from": "Me", "email_from": "me@sender.test",
        "name_to": "Ann", "email_to": "ann@example.com", "email_cc": "", "email_bcc": "", "subject": "Hello",
        "sent": "2026-03-02T08:59:00+0000", "host": "", "number": 1, "step": 1, "message": "", "mail_id": 7,
        "sender": "Me", "email": "ann@example.com", "date": "2026-03-02T08:59:00+0000",
    }  # fmt: skip


def test_what_came_back_is_told_with_its_own_text() -> None:
    [(_, item)] = FORM.translate(occurrence("inbound.received", kind="reply", inbound=8), FACTS)
    assert item["email"] == {
        "id": 8, "mail_id": 7, "subject": "Re: Hello", "sender": "Ann Smith", "email": "ann@example.com",
        "date": "2026-03-02T09:00:00+0000", "message": "Yes",
    }  # fmt: skip
    assert (item["prospect"]["status"], item["prospect"]["interested"]) == ("REPLIED", "INTERESTED")


@pytest.mark.parametrize(("kind", "status"), [("lead.created", "ACTIVE"), ("lead.updated", "")])
def test_a_saved_prospect_has_nothing_of_a_campaign(kind: str, status: str) -> None:
    event = Occurrence(1, 9, AT, kind, "engine", None, None, None, None, 5, {})
    [(name, item)] = FORM.translate(event, FACTS)
    prospect = item["prospect"]
    assert (name, prospect["status"], "email" in item) == ("prospect_saved", status, False)
    assert (prospect["campaign_id"], prospect["campaign_emails"], prospect["step"]) == ("", [], None)


def test_a_delivery_is_an_array_of_up_to_100_and_has_no_signature() -> None:
    notices = [Notice(1, f"k{place}", "campaign_sent", {"method": "campaign_sent"}, AT) for place in range(100)]
    assert json.loads(FORM.body(notices)) == [{"method": "campaign_sent"}] * 100
    assert FORM.batch == 100
    assert set(FORM.unsubscribing) == {310, 410}


async def test_a_hundred_at_most_go_out_in_one_array_and_310_ends_the_subscription(engine: Any) -> None:
    hooks = Hooks(engine)
    async with receiving() as receiver:
        issued = await hooks.create(receiver.url, "prospect_saved", dialect="woodpecker")
        await hooks.happen(*["lead.created"] * 103)
        await hooks.deliver()
        assert [len(one.json) for one in receiver.got] == [100, 3]
        assert {item["method"] for one in receiver.got for item in one.json} == {"prospect_saved"}
        receiver.status = 310
        await hooks.happen("lead.created", "lead.updated")
        await hooks.deliver()
        await hooks.happen("lead.created")
        await hooks.deliver()
        assert len(receiver.got) == 3
    row = await webhooks.get(hooks.database, hooks.workspace, "woodpecker", issued.row.id)
    assert (row.active, row.disabled_cause) == (False, "unsubscribed")
