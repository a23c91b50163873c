"""Single and bulk mails: mailings of their own behind the same gate."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from autosend_client import FORM, Sender
from desk import Desk
from webhook_desk import HERE, Receiver, receiving

from caesura.worker.fetching import Fetcher

MAIL = {
    "from": {"email": "team@sender.test", "name": "Team"},
    "to": {"email": "kim@example.com", "name": "Kim"},
    "subject": "Your order {{orderId}}",
    "html": "<p>Hi {{name}}, it is on its way. {a|b}</p>",
    "dynamicData": {"orderId": 7, "name": "Kim", "nested": {"not": "used"}},
}


@pytest.fixture(autouse=True)
async def mailbox(sender: Any) -> Any:
    return await sender.desk.mailbox(address="team@sender.test", name="team")


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    """Has a file for who asks."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def fetching_sender(make_api: Any) -> AsyncIterator[Sender]:
    """A sender whose server fetches files."""
    async with Fetcher(HERE) as fetcher:
        desk = Desk(await make_api(fetch=fetcher.fetch))
        await desk.mailbox(address="team@sender.test", name="team")
        yield Sender(desk, (await desk.api.mint("*", form=FORM)).text)


async def mailings(sender: Any) -> list[Any]:
    async with sender.desk.api.database.connection() as connection:
        return list(
            await connection.fetch(
                "select id, status, kind from campaign where workspace_id = $1 order by id", sender.desk.workspace_id
            )
        )


async def test_a_mail_is_queued_and_sent_behind_the_gate(sender: Any) -> None:
    answer = await sender.post("/mails/send", MAIL, 200)
    assert answer["data"]["message"] == "Email queued successfully."
    assert (answer["data"]["totalRecipients"], len(answer["data"]["emailId"])) == (1, 24)
    [mailing] = await mailings(sender)
    assert (mailing["status"], mailing["kind"]) == ("running", "single")
    assert await sender.desk.send(f"cmp_{mailing['id']}") == 1
    assert await sender.desk.send(f"cmp_{mailing['id']}") == 0


async def test_it_is_in_no_list_of_campaigns(sender: Any) -> None:
    await sender.post("/mails/send", MAIL)
    assert (await sender.get("/campaigns"))["data"]["campaigns"] == []
    assert (await sender.desk.get("/campaigns"))["items"] == []


async def test_values_are_of_this_mail_only(sender: Any) -> None:
    await sender.post("/contacts", {"email": "kim@example.com", "firstName": "Kim", "customFields": {"orderId": 1}})
    await sender.post("/mails/send", MAIL)
    [contact] = (await sender.post("/contacts/search/emails", {"emails": ["kim@example.com"]}))["data"]["contacts"]
    assert contact["customFields"] == {"orderId": 1}
    async with sender.desk.api.database.connection() as connection:
        fields = await connection.fetchval(
            "select fields from enrollment where workspace_id = $1", sender.desk.workspace_id
        )
    assert fields == {"order_id": 7, "name": "Kim"}


async def test_who_is_suppressed_gets_nothing(sender: Any) -> None:
    await sender.post("/suppression-groups/emails/suppress", {"emails": ["kim@example.com"]})
    assert (await sender.refused("POST", "/mails/send", MAIL))["code"] == "RECIPIENT_SUPPRESSED"
    assert await mailings(sender) == []


@pytest.mark.parametrize("path", ["/mails/send", "/mails/bulk", "/campaigns"])
@pytest.mark.parametrize("is_of_one", [False, True])
async def test_suppressions_cannot_be_bypassed_and_who_asks_for_it_is_told(
    sender: Any, path: str, is_of_one: bool
) -> None:
    if path == "/campaigns":
        body = {"name": "n", "subject": "s", "htmlTemplate": "h", "bypassSuppressions": True}
    else:
        one = {**MAIL["to"], "bypassSuppressions": is_of_one}
        body = {**MAIL, "to": one, "recipients": [one], "bypassSuppressions": not is_of_one}
    assert (await sender.refused("POST", path, body))["code"] == "NOT_SUPPORTED"
    assert await mailings(sender) == []


async def test_who_refuses_the_group_gets_nothing_of_it(sender: Any) -> None:
    group = (await sender.post("/suppression-groups", {"name": "offers"}))["data"]["groupId"]
    await sender.post("/suppression-groups/emails/suppress", {"emails": ["kim@example.com"], "groupId": group})
    body = {
        **{name: MAIL[name] for name in ("from", "subject", "html")},
        "recipients": [{"email": "kim@example.com"}, {"email": "lee@example.com"}],
    }
    data = (await sender.post("/mails/bulk", {**body, "unsubscribeGroupId": group}))["data"]
    assert (data["successCount"], data["failedCount"]) == (1, 1)
    assert (await sender.post("/mails/bulk", body))["data"]["successCount"] == 2


async def test_a_bulk_mail_has_values_for_each_recipient(sender: Any) -> None:
    recipients = [{"email": f"r{one}@example.com", "dynamicData": {"name": f"R{one}"}} for one in range(3)]
    body = {**MAIL, "recipients": [*recipients, {"email": "nonsense"}]}
    data = (await sender.post("/mails/bulk", body))["data"]
    counts = {name: data[name] for name in ("totalRecipients", "successCount", "failedCount")}
    assert counts == {"totalRecipients": 4, "successCount": 3, "failedCount": 1}
    assert len(data["batchId"]) == 24
    [mailing] = await mailings(sender)
    assert await sender.desk.send(f"cmp_{mailing['id']}") == 3
    await sender.refused("POST", "/mails/bulk", {**MAIL, "recipients": []})
    await sender.refused("POST", "/mails/bulk", {**MAIL, "recipients": [{"email": "a@example.com"}] * 101})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": None}, "VALIDATION_FAILED"),
        ({"to": {"email": ""}}, "VALIDATION_FAILED"),
        ({"subject": None}, "VALIDATION_FAILED"),
        ({"html": None}, "VALIDATION_FAILED"),
        ({"html": "{{#each a}}"}, "VALIDATION_FAILED"),
        ({"from": None}, "VALIDATION_FAILED"),
        ({"from": {"email": "x@elsewhere.test"}}, "DOMAIN_NOT_VERIFIED"),
        ({"cc": [{"name": "Ann"}]}, "VALIDATION_FAILED"),
        ({"bcc": [{"email": "nonsense"}]}, "VALIDATION_FAILED"),
        ({"cc": [{"email": f"c{one}@example.com"} for one in range(25)] * 2}, "VALIDATION_FAILED"),
        ({"headers": ["X-One"]}, "VALIDATION_FAILED"),
        ({"headers": {"X-One": 1}}, "VALIDATION_FAILED"),
        ({"attachments": [{"fileName": "a"}]}, "VALIDATION_FAILED"),
        ({"attachments": [{"fileName": "a", "content": "no base64!"}]}, "VALIDATION_FAILED"),
        ({"attachments": [{"fileName": "a", "content": "AA==", "contentType": "message/rfc822"}]}, "VALIDATION_FAILED"),
        ({"attachments": [{"fileName": "a", "fileUrl": "https://127.0.0.1/a.pdf"}]}, "VALIDATION_FAILED"),
        ({"attachments": [{"fileName": "a", "content": "AAAA" * 3_400_000}]}, "VALIDATION_FAILED"),
        ({"scheduledAt": "2020-01-01T00:00:00Z"}, "VALIDATION_FAILED"),
    ],
)
async def test_what_cannot_be_sent_is_refused_and_leaves_nothing(sender: Any, change: Any, code: str) -> None:
    assert (await sender.refused("POST", "/mails/send", {**MAIL, **change}))["code"] == code
    assert await mailings(sender) == []


ONE = {"email": "kim@example.com"}


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        ("/mails/send", {"to": {"email": "nonsense"}}, "to.email"),
        ("/mails/send", {"to": [{"email": "nonsense"}]}, "to.0.email"),
        ("/mails/send", {"to": [ONE, {"name": "Kim"}]}, "to.1.email"),
        ("/mails/send", {"to": "kim@example.com"}, "to"),
        ("/mails/send", {"trackingOpen": "yes"}, "trackingOpen"),
        ("/mails/bulk", {"recipients": [{"email": "nonsense"}]}, "recipients.0.email"),
        ("/mails/bulk", {"recipients": [{"name": "Kim"}]}, "recipients.0.email"),
        ("/mails/send", {"attachments": [{"content": "AAAA"}]}, "attachments.0.fileName"),
        ("/templates", {"emailTemplate": " "}, "emailTemplate"),
        ("/contact-properties", {"name": " Email ", "type": "string"}, "name"),
        ("/contact-lists", {"name": "a", "type": "segment", "filterCriteria": {"groups": []}}, "filterCriteria.groups"),
        ("/suppression-groups/emails/suppress", {"emails": ["nonsense"]}, "emails.0"),
    ],
)
async def test_what_is_wrong_has_the_name_that_the_request_gives_it(
    sender: Any, path: str, change: Any, field: str
) -> None:
    group = (await sender.post("/suppression-groups", {"name": "offers"}))["data"]["groupId"]
    body = {**MAIL, "templateName": "t", "emailTemplate": "e", "groupId": group, **change}
    error = await sender.refused("POST", path, body)
    assert [one["field"] for one in error["details"]] == [field]
    assert "lead" not in error["details"][0]["message"] and "/" not in error["details"][0]["message"]


async def test_a_mail_can_be_scheduled_and_made_of_a_template(sender: Any) -> None:
    template = {"templateName": "t", "subject": "Hi {{name}}", "emailTemplate": "<p>{{name}}</p>"}
    template_id = (await sender.post("/templates", template))["data"]["templateId"]
    body = {"to": MAIL["to"], "from": MAIL["from"], "templateId": template_id, "scheduledAt": "2026-03-02T10:00:00Z"}
    await sender.post("/mails/send", body)
    [mailing] = await mailings(sender)
    assert mailing["status"] == "scheduled"
    native = await sender.desk.get(f"/campaigns/cmp_{mailing['id']}")
    assert "name" in native["definition"]["steps"][0]["variants"][0]["subject"]


async def test_a_link_for_unsubscribing_that_comes_with_the_mail_is_used(sender: Any) -> None:
    html = '<a href="{{unsubscribeURL}}">no</a>'
    await sender.post("/mails/send", {**MAIL, "html": html, "dynamicData": {"unsubscribeURL": "https://a.test/u"}})
    [mailing] = await mailings(sender)
    native = await sender.desk.get(f"/campaigns/cmp_{mailing['id']}")
    assert "given_unsubscribe_url" in native["definition"]["steps"][0]["variants"][0]["html"]
    assert await sender.desk.send(f"cmp_{mailing['id']}") == 1


async def test_the_same_request_with_the_same_idempotency_key_is_sent_once(sender: Any) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first = await sender.post("/mails/send", MAIL, headers=headers)
    assert await sender.post("/mails/send", MAIL, headers=headers) == first
    assert len(await mailings(sender)) == 1


@pytest.mark.parametrize("given", ["reply@sender.test", {"email": "reply@sender.test", "name": "Team"}])
async def test_the_senders_name_and_the_reply_address_of_a_mail_are_sent(sender: Any, given: Any) -> None:
    await sender.post("/mails/send", {**MAIL, "replyTo": given})
    recipients = [{"email": "kim@example.com"}]
    body = {name: MAIL[name] for name in ("from", "subject", "html")}
    await sender.post("/mails/bulk", {**body, "replyTo": given, "recipients": recipients})
    for mailing in await mailings(sender):
        found = (await sender.desk.get(f"/campaigns/cmp_{mailing['id']}"))["definition"]
        assert (found["from_name"], found["reply_to"]) == ("Team", "reply@sender.test")


async def test_who_is_in_cc_and_bcc_gets_the_same_mail_with_its_files(sender: Any) -> None:
    body = {
        **MAIL,
        "cc": [{"email": "ann@example.com", "name": "Ann"}],
        "bcc": {"email": "ben@example.com"},
        "attachments": [
            {"fileName": "offer.pdf", "contentType": "application/pdf", "content": "SGVsbG8="},
            {"fileName": "logo.png", "contentType": "image/png", "content": "SGVsbG8=", "contentId": "logo"},
        ],
    }
    answer = await sender.post("/mails/send", body, 200)
    assert answer["data"]["totalRecipients"] == 3
    [mailing] = await mailings(sender)
    async with sender.desk.api.database.connection() as connection:
        query = "select address, is_hidden from message_copy where campaign_id = $1 order by place"
        copies = [tuple(one) for one in await connection.fetch(query, mailing["id"])]
        query = "select name, content_type, content, content_id from attachment where campaign_id = $1 order by place"
        files = [tuple(one) for one in await connection.fetch(query, mailing["id"])]
    assert copies == [("ann@example.com", False), ("ben@example.com", True)]
    assert files == [("offer.pdf", "application/pdf", b"Hello", None), ("logo.png", "image/png", b"Hello", "logo")]
    kept = (await sender.desk.get(f"/campaigns/cmp_{mailing['id']}"))["definition"]["extra"]["autosend"]
    assert not {"cc", "bcc", "attachments"} & kept.keys()


async def test_files_by_their_url_are_fetched_once_for_each_request(fetching_sender: Any, server: Receiver) -> None:
    sender = fetching_sender
    file = {"fileName": "a.pdf", "fileUrl": server.url}
    body = {**MAIL, "attachments": [file, {**file, "fileName": "b.pdf"}]}
    await sender.post("/mails/send", body, 200)
    await sender.post("/mails/bulk", {**body, "recipients": [MAIL["to"], {"email": "lee@example.com"}]}, 200)
    assert len(server.got) == 2
    async with sender.desk.api.database.connection() as connection:
        query = "select name, content from attachment where workspace_id = $1 order by campaign_id, place"
        files = [tuple(one) for one in await connection.fetch(query, sender.desk.workspace_id)]
    assert files == [("a.pdf", b"thank you"), ("b.pdf", b"thank you")] * 2


@pytest.mark.parametrize("path", ["/mails/send", "/mails/bulk"])
async def test_a_file_that_cannot_be_fetched_is_named_and_nothing_is_sent(
    fetching_sender: Any, server: Receiver, path: str
) -> None:
    server.status = 503
    files = [{"fileName": "a.txt", "content": "AAAA"}, {"fileName": "b.pdf", "fileUrl": server.url}]
    body = {**MAIL, "recipients": [MAIL["to"]], "attachments": files}
    error = await fetching_sender.refused("POST", path, body)
    assert (error["code"], error["status"]) == ("VALIDATION_FAILED", 400)
    [told] = error["details"]
    assert told == {"field": "attachments.1.fileUrl", "message": "fileUrl: its server answers 503"}
    assert await mailings(fetching_sender) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fileUrl": 7, "content": ""}, "attachments.1.fileUrl"),
        ({"fileName": ""}, "attachments.1.fileName"),
        ({"content": "no base64!"}, "attachments.1.content"),
        ({"contentId": "a\r\nBcc: b@example.com"}, "attachments.1.contentId"),
        ({"contentId": "logo"}, "attachments.1.contentId"),
    ],
)
async def test_what_is_wrong_with_a_file_is_told_by_its_place(sender: Any, change: Any, field: str) -> None:
    file = {"fileName": "a.png", "content": "AAAA"}
    body = {**MAIL, "attachments": [{**file, "contentId": "logo"}, {**file, **change}]}
    error = await sender.refused("POST", "/mails/send", body)
    assert [one["field"] for one in error["details"]] == [field]


async def test_each_recipient_of_a_bulk_mail_has_copies_of_their_own(sender: Any) -> None:
    recipients = [{"email": "kim@example.com", "cc": [{"email": "ann@example.com"}]}, {"email": "lee@example.com"}]
    await sender.post(
        "/mails/bulk", {**{name: MAIL[name] for name in ("from", "subject", "html")}, "recipients": recipients}
    )
    async with sender.desk.api.database.connection() as connection:
        query = """select l.address, c.address from message_copy c join enrollment e on e.id = c.enrollment_id
            join lead l on l.id = e.lead_id where e.workspace_id = $1"""
        copies = [tuple(one) for one in await connection.fetch(query, sender.desk.workspace_id)]
    assert copies == [("kim@example.com", "ann@example.com")]


async def test_copies_go_with_the_first_in_to_who_may_be_written_to(sender: Any) -> None:
    await sender.desk.post("/suppressions", {"value": "ann@example.com"})
    to = [{"email": "ann@example.com"}, {"email": "ben@example.com"}, {"email": "lee@example.com"}]
    await sender.post(
        "/mails/send", {**MAIL, "to": to, "cc": [{"email": "lee@example.com"}, {"email": "eve@example.com"}]}
    )
    async with sender.desk.api.database.connection() as connection:
        query = """select l.address, c.address from message_copy c join enrollment e on e.id = c.enrollment_id
            join lead l on l.id = e.lead_id where e.workspace_id = $1"""
        copies = [tuple(one) for one in await connection.fetch(query, sender.desk.workspace_id)]
    assert copies == [("ben@example.com", "eve@example.com")], "who has a mail of their own needs no copy"


async def test_headers_of_a_mail_are_in_its_messages(sender: Any) -> None:
    shared = {**{name: MAIL[name] for name in ("from", "subject", "html")}, "headers": {"X-Order": "4711"}}
    await sender.post("/mails/send", {**shared, "to": MAIL["to"]})
    await sender.post("/mails/bulk", {**shared, "recipients": [{"email": "lee@example.com"}]})
    for mailing in await mailings(sender):
        found = (await sender.desk.get(f"/campaigns/cmp_{mailing['id']}"))["definition"]
        assert found["headers"] == [{"name": "X-Order", "value": "4711"}]
        assert "headers" not in found["extra"]["autosend"]


@pytest.mark.parametrize("path", ["/mails/send", "/mails/bulk"])
async def test_headers_that_may_not_be_set_are_refused_by_name_and_leave_nothing(sender: Any, path: str) -> None:
    headers = {"X-Fine": "x", "Bcc": "a@example.com", "Content-Type": "text/html", "X-Tag": "a\r\nBcc: b@example.com"}
    body = {**MAIL, "recipients": [MAIL["to"]], "headers": headers}
    error = await sender.refused("POST", path, body)
    assert (error["code"], [one["field"] for one in error["details"]]) == (
        "VALIDATION_FAILED",
        ["headers.Bcc", "headers.Content-Type", "headers.X-Tag"],
    )
    assert await mailings(sender) == []
