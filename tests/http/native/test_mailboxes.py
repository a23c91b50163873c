from typing import Any

import pytest
from signing_keys import RFC_RECORD, rfc_key, rsa_key

MAILBOXES = "/api/v1/mailboxes"
LOGIN = {"host": "smtp.example.com", "username": "anna@example.com", "password": "hunter2"}
ANNA = {"name": "anna", "address": "anna@example.com", "transport": LOGIN, "limits": {"daily_cap": 50}}


async def test_a_mailbox_keeps_its_password_to_itself(desk: Any) -> None:
    made = await desk.api.client.post(MAILBOXES, json=ANNA)
    body = made.json()
    assert (made.status_code, made.headers["ETag"], body["has_password"]) == (201, '"1"', True)
    assert made.headers["Location"] == f"{MAILBOXES}/{body['id']}"
    assert body["definition"]["limits"]["daily_cap"] == 50
    everything = [made.text]
    everything += [(await desk.api.client.get(path)).text for path in (MAILBOXES, made.headers["Location"])]
    everything.append((await desk.api.client.get("/api/v1/events?limit=200")).text)
    assert all("hunter2" not in text for text in everything)


async def test_a_mailbox_tells_what_to_publish_and_keeps_its_key_to_itself(desk: Any) -> None:
    dkim = {"domain": "example.com", "selector": "mail2030", "private_key": rfc_key()}
    made = await desk.post("/mailboxes", {**ANNA, "dkim": dkim})
    assert made["dkim"] == {
        "algorithm": "ed25519-sha256",
        "record_name": "mail2030._domainkey.example.com",
        "record": RFC_RECORD,
        "warning": None,
    }
    assert made["definition"]["dkim"] == {"domain": "example.com", "selector": "mail2030"}
    path = f"/mailboxes/{made['id']}"
    archived = await desk.post(f"{path}/archive")
    assert archived["dkim"] == made["dkim"]
    weak = await desk.ask("PUT", path, {**ANNA, "dkim": {**dkim, "private_key": rsa_key(1024)}})
    assert (weak["dkim"]["algorithm"], "1024 bits" in weak["dkim"]["warning"]) == ("rsa-sha256", True)
    texts = [str(one) for one in (made, weak, await desk.get(path), await desk.get("/events?limit=200"))]
    for pem in (rfc_key(), rsa_key(1024)):
        assert all(pem.splitlines()[1] not in text for text in texts)
    plain = await desk.ask("PUT", path, ANNA)
    assert (plain["dkim"], plain["definition"]["dkim"]) == (None, None)


async def test_a_mailbox_is_replaced_by_who_knows_its_version(desk: Any) -> None:
    made = await desk.post("/mailboxes", ANNA)
    path = f"/mailboxes/{made['id']}"
    other = {**ANNA, "address": "anna@example.org", "transport": {"host": "smtp.example.org"}}
    edited = await desk.ask("PUT", path, other, headers={"If-Match": '"1"'})
    assert (edited["version"], edited["address"], edited["has_password"]) == (2, "anna@example.org", False)
    late = await desk.ask("PUT", path, ANNA, 412, headers={"If-Match": '"1"'})
    assert late["code"] == "version_mismatch"
    assert await desk.get(path) == edited
    renamed = await desk.ask("PUT", path, {**ANNA, "name": "ben"}, 422)
    assert (renamed["code"], renamed["errors"][0]["pointer"]) == ("name_fixed", "/name")


async def test_two_mailboxes_cannot_have_one_name(desk: Any) -> None:
    await desk.post("/mailboxes", ANNA)
    assert (await desk.post("/mailboxes", ANNA, 409))["code"] == "name_taken"


async def test_a_mailbox_is_taken_out_of_use_and_brought_back(desk: Any) -> None:
    made = [await desk.mailbox() for _ in range(4)]
    await desk.post(f"/mailboxes/{made[1]['id']}/archive")
    archived = await desk.post(f"/mailboxes/{made[1]['id']}/archive")
    assert archived["archived"] is True
    assert [one["id"] for one in await desk.every("/mailboxes")] == [made[n]["id"] for n in (3, 2, 0)]
    campaign_id, _ = await desk.running("a@example.com")
    await desk.post(f"/mailboxes/{made[1]['id']}/unarchive")
    assert len(await desk.every("/mailboxes")) == 5
    [mailbox_id] = (await desk.every("/pools"))[0]["mailbox_ids"]
    await desk.post(f"/mailboxes/{mailbox_id}/archive")
    assert await desk.send(campaign_id) == 0


async def test_a_mailbox_of_another_workspace_is_not_found(desk: Any, stranger: Any) -> None:
    foreign = await stranger.mailbox()
    path = f"/mailboxes/{foreign['id']}"
    for method, below, body in (("GET", "", None), ("PUT", "", ANNA), ("POST", "/archive", None)):
        assert (await desk.ask(method, path + below, body, 404))["code"] == "mailbox_not_found"
    assert await stranger.get(path) == foreign


async def test_mailboxes_need_their_scopes(desk: Any) -> None:
    reading, writing = await desk.api.bearing("mailboxes:read"), await desk.api.bearing("mailboxes:write")
    assert (await desk.post("/mailboxes", ANNA, 403, headers=reading))["code"] == "scope_missing"
    assert (await desk.get("/mailboxes", 403, headers=writing))["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("more", "code", "pointer"),
    [
        ({"name": ""}, "too_short", "/name"),
        ({"address": "anna"}, "address_syntax", "/address"),
        ({"transport": {}}, "missing_field", "/transport/host"),
        ({"transport": {"host": "smtp.example.com", "tls": "none"}}, "insecure_transport", "/transport/tls"),
        ({"transport": {"host": "smtp.example.com", "port": 0}}, "out_of_range", "/transport/port"),
        ({"transport": {**LOGIN, "password": "a\1b", "username": ""}}, "too_short", "/transport/username"),
        ({"limits": {"daily_cap": "50"}}, "wrong_type", "/limits/daily_cap"),
        (
            {"dkim": {"domain": "example.org", "selector": "a", "private_key": rfc_key()}},
            "dkim_not_aligned",
            "/dkim/domain",
        ),
        (
            {"dkim": {"domain": "example.com", "selector": "a", "private_key": "hunter2"}},
            "dkim_key_unreadable",
            "/dkim/private_key",
        ),
        ({"zone": "Mars/Base"}, "unknown_time_zone", "/zone"),
        ({"colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_wrong_mailbox_is_refused_with_its_place_and_without_its_password(
    served: Any, more: Any, code: str, pointer: str
) -> None:
    answer = served.client.post(MAILBOXES, json={**ANNA, **more})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert "hunter2" not in answer.text


def test_bytes_that_are_no_mailbox_are_refused(served: Any) -> None:
    kind = {"Content-Type": "application/json"}
    assert served.client.post(MAILBOXES, content=b'{"name": "\xff"}', headers=kind).status_code == 400
    assert served.client.post(MAILBOXES, content=b" " * 10_000_000, headers=kind).status_code == 413


async def test_a_mailbox_is_made_beside_another_of_its_domain(desk: Any) -> None:
    await desk.post("/mailboxes", ANNA)
    given = {"address": "ben@example.com", "from_name": "Ben", "reply_to": "desk@example.com"}
    answer = await desk.api.client.post(f"{MAILBOXES}/beside", json=given)
    made = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert answer.headers["Location"] == f"{MAILBOXES}/{made['id']}"
    assert (made["name"], made["has_password"], made["cap_today"]) == ("ben@example.com", True, 50)
    assert {name: made["definition"][name] for name in given} == given
    assert "hunter2" not in answer.text
    assert (await desk.post("/mailboxes/beside", given, 409))["code"] == "sender_exists"
    other = await desk.post("/mailboxes/beside", {"address": "ben@example.org"}, 404)
    assert other["code"] == "domain_not_found"
    wrong = await desk.post("/mailboxes/beside", {"address": "ben"}, 422)
    assert wrong["errors"][0]["pointer"] == "/address"
    reading = await desk.api.bearing("mailboxes:read")
    await desk.post("/mailboxes/beside", {"address": "cleo@example.com"}, 403, headers=reading)


async def test_a_mailbox_that_a_campaign_needs_can_be_archived_and_not_retired(desk: Any, stranger: Any) -> None:
    mailbox = await desk.mailbox()
    campaign_id, _ = await desk.running(pool=(await desk.pool(mailbox["name"]))["name"])
    path = f"/mailboxes/{mailbox['id']}/retire"
    assert (await desk.post(path, None, 409))["code"] == "mailbox_in_use"
    await stranger.post(path, None, 404)
    await desk.post(f"/campaigns/{campaign_id}/stop")
    await desk.post(path, None, 403, headers=await desk.api.bearing("mailboxes:read"))
    assert (await desk.post(path))["archived"] is True
    await desk.post(path, None, 404)


async def test_what_is_kept_with_a_mailbox_is_changed_and_its_secrets_stay(desk: Any, stranger: Any) -> None:
    transport = {"host": "smtp.example.com", "username": "anna", "password": "hunter2"}
    mailbox = await desk.mailbox(transport=transport, extra={"crm": {"id": 7}, "x": 1})
    path = f"/mailboxes/{mailbox['id']}"
    changed = await desk.ask("PATCH", path, {"extra": {"crm": {"owner": "Kim"}, "x": 2}})
    assert changed["definition"]["extra"] == {"crm": {"id": 7, "owner": "Kim"}, "x": 2}
    assert (changed["has_password"], changed["version"]) == (True, mailbox["version"] + 1)
    same = {name: value for name, value in changed["definition"].items() if name != "extra"}
    assert same == {name: value for name, value in mailbox["definition"].items() if name != "extra"}
    await stranger.ask("PATCH", path, {"extra": {}}, 404)
    await desk.ask("PATCH", path, {"name": "other"}, 422)
