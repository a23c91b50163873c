"""The list of campaigns, mailboxes, inbox, blacklist, and what this door has not."""

from base64 import b64encode
from typing import Any

import pytest
from woodpecker_client import FORM, Bird, number

from caesura.domain.inbound import BounceType, InboundKind, InboundReport
from caesura.service import inbound


async def report(bird: Bird, kind: InboundKind, address: str, **more: Any) -> int:
    api = bird.desk.api
    given = InboundReport(kind, from_address=address, address=address, **more)
    key = (api.database, api.context.plans, bird.desk.workspace_id)
    return (await inbound.report(*key, given, "test", api.clock())).row.id


async def test_the_list_of_campaigns_has_all_that_is_documented_of_each(bird: Bird) -> None:
    mailbox = await bird.desk.mailbox(from_name="Jared")
    pool = await bird.desk.pool(mailbox["name"])
    campaign_id, _ = await bird.desk.running("a@example.com", pool=pool["name"], name="One")
    [shown] = await bird.get("/v1/campaign_list")
    assert shown == {
        "id": number(campaign_id),
        "name": "One",
        "status": "RUNNING",
        "created": "2026-03-02T09:00:00+0000",
        "from_name": "Jared",
        "from_names": ["Jared"],
        "gdpr_unsubscribe": False,
        "folder_name": "UNASSIGNED",
        "folder_id": 0,
        "from_email": mailbox["address"],
        "from_emails": [mailbox["address"]],
        "per_day": None,
        "bcc": "",
        "cc": "",
        "error": "",
    }


async def test_each_status_has_its_word_and_filters(bird: Bird) -> None:
    ids = {
        word: number((await bird.desk.running("a@example.com"))[0])
        for word in ("RUNNING", "PAUSED", "STOPPED", "EDITED")
    }
    for word, verb in {"PAUSED": "pause", "STOPPED": "stop", "EDITED": "make_editable"}.items():
        await bird.post(f"/v2/campaigns/{ids[word]}/{verb}")
    ids["DRAFT"] = number((await bird.desk.campaign())["id"])
    gone = number((await bird.desk.running("a@example.com"))[0])
    await bird.ask("DELETE", f"/v2/campaigns/{gone}")
    assert {one["id"]: one["status"] for one in await bird.get("/v1/campaign_list")} == {
        number: word for word, number in ids.items()
    }
    for word, one in (ids | {"DELETED": gone}).items():
        assert [found["id"] for found in await bird.get(f"/v1/campaign_list?status={word}")] == [one]
    both = await bird.get(f"/v1/campaign_list?id={ids['PAUSED']},{ids['DRAFT']}")
    assert [one["status"] for one in both] == ["DRAFT", "PAUSED"]
    await bird.get("/v1/campaign_list?status=ASLEEP", status=400)


async def test_one_id_adds_its_statistics(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com", "b@example.com")
    assert await bird.desk.send(campaign_id) == 2
    await report(bird, InboundKind.REPLY, "a@example.com")
    [shown] = await bird.get(f"/v1/campaign_list?id={number(campaign_id)}")
    stats = shown["stats"]
    assert (stats["prospects"], stats["sent"], stats["replied"], stats["opened"]) == (2, 2, 1, 0)


async def test_mailboxes_are_smtp_accounts(bird: Bird) -> None:
    made = await bird.desk.mailbox(
        from_name="Jared", limits={"daily_cap": 100, "gap_seconds": 300, "jitter_seconds": 300}
    )
    [shown] = await bird.get("/v2/mailboxes")
    assert (shown["id"], shown["type"]) == (number(made["id"]), "SMTP")
    details = shown["details"]
    assert (details["email"], details["from_name"], details["server"]) == (made["address"], "Jared", "localhost")
    assert (details["daily_limit"], details["sent_today"]) == (100, 0)
    assert (details["frequency_from"], details["frequency_to"]) == (300_000, 600_000)
    assert details["warmup_data"] == {"status": "DISABLED"}
    assert await bird.get(f"/v2/mailboxes/{shown['id']}") == shown
    assert (await bird.get("/v2/mailboxes/99999999", status=404))["code"] == "MAILBOX_NOT_EXIST"
    assert (await bird.get("/v2/mailboxes/x", status=400))["detail"] == "Value of id is incorrect."


async def test_mailboxes_are_connected_by_hand_and_used_by_their_ids(bird: Bird) -> None:
    account = {
        "smtp_email": "jared@sender.test",
        "smtp_password": "secret",
        "smtp_server": "smtp.sender.test",
        "smtp_port": 465,
        "imap_email": "jared@sender.test",
        "imap_password": "hidden",
        "footer": "<div>Jared</div>",
        "sending_wait_time_from": 300,
        "sending_wait_time_to": 600,
        "daily_sending_limit": 50,
    }
    done = await bird.post("/v2/mailboxes/manual_connection/bulk", {"mailboxes": [account]}, 202)
    [shown] = await bird.get("/v2/mailboxes")
    assert (done.pop("batch_id") > 0, done) == (True, {"mailbox_ids": [shown["id"]], "errors": []})
    assert shown["details"]["signature"] == "<div>Jared</div>"
    assert (shown["details"]["port"], shown["details"]["daily_limit"]) == (465, 50)
    again = await bird.post("/v2/mailboxes/manual_connection/bulk", {"mailboxes": [account]}, 409)
    assert (again["code"], len(again["details"])) == ("MAILBOXES_NOT_CONNECTED", 1)
    wrong = await bird.post("/v2/mailboxes/manual_connection/bulk", {"mailboxes": [{**account, "smtp_port": 0}]}, 400)
    assert wrong["detail"] == "Value of smtp_port is incorrect."
    async with bird.desk.api.database.connection() as connection:
        kept = await connection.fetchval("select definition::text from mailbox where id = $1", shown["id"])
    assert "hidden" not in kept
    assert "secret" not in kept


async def test_a_batch_of_mailboxes_has_a_summary(bird: Bird) -> None:
    account = {"smtp_password": "p", "smtp_server": "smtp.sender.test", "smtp_port": 465}
    batch = [{**account, "smtp_email": f"{name}@sender.test"} for name in ("a", "b", "a")]
    path = "/v2/mailboxes/manual_connection/bulk"
    batch_id = (await bird.post(path, {"mailboxes": batch}, 202))["batch_id"]
    summary = await bird.get(f"{path}/{batch_id}/summary")
    [failed] = summary.pop("failed_mailboxes")
    assert failed["email"] == "a@sender.test"
    assert summary == {
        "processing_finished": True,
        "batch_size": 3,
        "pending_mailboxes_count": 0,
        "connected_mailboxes_count": 2,
        "conditionally_connected_mailboxes_count": 0,
        "failed_mailboxes_count": 1,
        "conditionally_connected_mailboxes": [],
    }
    assert (await bird.get(f"{path}/1/summary", status=404))["code"] == "BATCH_NOT_EXIST"


async def test_the_footer_of_a_mailbox_is_changed_and_nothing_else(bird: Bird) -> None:
    account = {"smtp_email": "a@sender.test", "smtp_password": "p", "smtp_server": "s.test", "smtp_port": 465}
    account |= {"footer": "<div>A</div>", "bcc": "crm@sender.test"}
    body = {"mailboxes": [account]}
    [mailbox] = (await bird.post("/v2/mailboxes/manual_connection/bulk", body, 202))["mailbox_ids"]
    before = await bird.get(f"/v2/mailboxes/{mailbox}")
    for given, shown in (("<div>B</div>", "<div>B</div>"), (None, ""), ("C", "C"), ("", "")):
        assert await bird.ask("PATCH", f"/v2/mailboxes/{mailbox}", {"footer": given}) is None
        before["details"]["signature"] = shown
        assert await bird.get(f"/v2/mailboxes/{mailbox}") == before
    assert (await bird.desk.get(f"/mailboxes/mbx_{mailbox}"))["has_password"] is True
    for wrong in ({}, {"footer": 1}):
        refused = await bird.ask("PATCH", f"/v2/mailboxes/{mailbox}", wrong, status=400)
        assert refused["detail"] == "Value of footer is incorrect."
    missing = await bird.ask("PATCH", "/v2/mailboxes/99999999", {"footer": "x"}, status=404)
    assert missing["code"] == "MAILBOX_NOT_EXIST"


async def test_the_inbox_is_paged_by_cursor_and_filtered(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com")
    assert await bird.desk.send(campaign_id) == 1
    first = await report(bird, InboundKind.REPLY, "a@example.com", subject="Re: Hello", text="Yes please")
    second = await report(bird, InboundKind.AUTO_REPLY, "b@example.com", text="Away")
    third = await report(bird, InboundKind.BOUNCE, "c@example.com", bounce_type=BounceType.SOFT)

    async def found(query: str) -> list[int]:
        return [one["id"] for one in (await bird.get(f"/v2/inbox/messages?{query}"))["content"]]

    page = await bird.get("/v2/inbox/messages?per_page=2")
    assert [one["id"] for one in page["content"]] == [third, second]
    rest = await bird.get(f"/v2/inbox/messages?per_page=2&next_page_cursor={page['next_page_cursor']}")
    assert ([one["id"] for one in rest["content"]], rest["next_page_cursor"]) == ([first], None)
    assert rest["content"][0]["prospect_status"] == "RESPONDED"
    assert await found("prospect_status=AUTOREPLIED") == [second]
    assert await found("prospect_status=BOUNCED") == [third]
    assert await found(f"campaign_ids={number(campaign_id)}") == [first]
    assert await found("search_phrases=please,nothing") == [first]
    assert await found("read=true") == []
    for wrong in ("per_page=51", "search_phrases=ab", "prospect_status=X", "read=1", "next_page_cursor=x"):
        await bird.get(f"/v2/inbox/messages?{wrong}", status=400)
    assert await found("prospect_interest_level=NOT_MARKED") == [third, second, first]
    await bird.desk.ask("PATCH", f"/inbound/inb_{first}", {"classification": "interested"})
    assert await found("prospect_interest_level=INTERESTED") == [first]
    assert await found("prospect_interest_level=NOT_MARKED") == [third, second]
    assert await found("out_of_campaign=YES") == [third, second]
    await bird.get("/v2/inbox/messages?out_of_campaign=YES&prospect_status=BOUNCED", status=400)
    await bird.get("/v2/inbox/messages?prospect_status=BOUNCED&prospect_interest_level=INTERESTED", status=400)


async def test_an_inbox_message_is_replied_to_in_its_thread(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com")
    assert await bird.desk.send(campaign_id) == 1
    first = await report(bird, InboundKind.REPLY, "a@example.com", subject="Re: Hello", text="Yes please")
    path = f"/v2/inbox/messages/{first}/reply"
    body = {"body": {"html": "<p>Good.</p>"}, "to": "a@example.com", "quote_original_message": True}
    answer = await bird.raw("POST", path, body)
    assert (answer.status_code, answer.content) == (200, b"")
    async with bird.desk.api.database.connection() as connection:
        single = await connection.fetchval("select max(id) from campaign where kind = 'single'")
    assert await bird.desk.send(f"cmp_{single}") == 1
    [shown] = await bird.get("/v1/prospects?campaigns_details=true")
    assert [f"cmp_{one['campaign_id']}" for one in shown["campaigns_details"]] == [campaign_id], "an answer is none"

    [shown] = (await bird.get("/v2/inbox/messages"))["content"]
    assert shown["read"], "an answer marks it as read"
    await bird.post(path, body | {"to": ["a@x.example", "b@x.example"]}, status=409)
    for copy in ("nobody", 5, "b@example.com;c@example.com"):
        await bird.post(path, body | {"cc": copy}, status=400)
    assert (await bird.raw("POST", path, body | {"cc": "b@example.com, c@example.com", "bcc": ""})).status_code == 200
    for wrong in ({"body": {}}, {"body": None}, {"to": 5}, {"to": "nobody"}, {"mailbox_id": "x"}):
        await bird.post(path, body | wrong, status=400)
    await bird.post("/v2/inbox/messages/999/reply", body, status=404)
    await report(bird, InboundKind.UNSUBSCRIBE, "a@example.com")
    assert (await bird.post(path, body, status=409))["code"] == "RECIPIENT_SUPPRESSED"


async def test_a_reply_needs_all_that_a_mailing_and_the_inbox_need(bird: Bird) -> None:
    scopes = ["campaigns:write", "campaigns:send", "leads:read", "leads:write", "inbound:read", "inbound:write"]
    campaign_id, _ = await bird.desk.running("a@example.com")
    await bird.desk.send(campaign_id)
    first = await report(bird, InboundKind.REPLY, "a@example.com", text="A secret")
    body = {"body": {"html": "<p>So.</p>"}, "to": "eve@example.com", "quote_original_message": True}
    for missing in (*scopes, None):
        key = (await bird.desk.api.mint(*(one for one in scopes if one != missing), form=FORM)).text
        answer = await Bird(bird.desk, key).raw("POST", f"/v2/inbox/messages/{first}/reply", body)
        assert answer.status_code == (403 if missing else 200), missing


@pytest.mark.parametrize(
    ("name", "values"), [("emails", ["a@example.com", "b@example.com"]), ("domains", ["bad.example", "worse.example"])]
)
async def test_the_blacklist_takes_lists_and_gives_up(bird: Bird, name: str, values: list[str]) -> None:
    path = f"/v2/blacklist/{name}"
    assert await bird.get(path) == {name: [], "total": 0}
    assert await bird.post(path, {name: values}) == {name: values}
    assert await bird.post(path, {name: values[:1]}) == {name: values[:1]}, "those that are there already are told too"
    assert await bird.get(path) == {name: values, "total": 2}
    assert await bird.get(f"{path}?page=1&per_page=1") == {name: values[1:], "total": 2}
    assert await bird.get(f"{path}?{name[:-1]}_filter={values[1][:3]}*") == {name: values[1:], "total": 1}
    assert (await bird.get(f"{path}?{name[:-1]}_filter=?{values[1][1:]}"))["total"] == 0, "no wildcard but the star"
    gone = await bird.ask("DELETE", path, {name: [values[0], values[0], "nobody@x.example", "x.example", "not one", 5]})
    assert gone == {name: [values[0]]}, "only those that were on it are told, and what is none at all is ignored"
    assert await bird.get(path) == {name: values[1:], "total": 1}
    for wrong in ({name: ["x"] * 501}, {name: []}, {name: [1]}, {}):
        await bird.post(path, wrong, status=400)
    other = ["a.example"] if name == "emails" else ["a@b.example"]
    await bird.post(path, {name: other}, status=400)


async def test_the_key_can_be_the_name_of_http_basic_as_older_clients_give_it(bird: Bird) -> None:
    for word in (f"{bird.key}:x", f"{bird.key}:", bird.key):
        for header in (f"Basic {b64encode(word.encode()).decode()}", f"basic {b64encode(word.encode()).decode()}:X"):
            answer = await bird.desk.api.client.get(f"{bird.prefix}/v1/me", headers={"Authorization": header})
            assert answer.status_code == 200, header
    for header in ("Basic", "Basic é", "Basic !", f"Bearer {bird.key}", f"Basic {b64encode(b'other:x').decode()}"):
        headers = {"Authorization": header.encode("latin-1")}
        answer = await bird.desk.api.client.get(f"{bird.prefix}/v2/users", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid api key")


async def test_the_key_is_probed(bird: Bird) -> None:
    assert (await bird.get("/v1/me"))["status"]["status"] == "OK"
    assert (await bird.get("/v2/users"))["pagination_data"]["current_page_number"] == 0


@pytest.mark.parametrize("path", ["/v2/manual_tasks", "/v2/linkedin_accounts", "/v2/agency/companies", "/v2/campaigns"])
async def test_what_is_not_here_says_so_with_409(bird: Bird, path: str) -> None:
    body = await bird.get(path, status=409)
    assert (body["title"], body["status"]) == ("Conflict", 409)
    assert body["detail"].startswith("This is not supported here: ")
