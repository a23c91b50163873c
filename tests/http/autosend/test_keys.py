"""Project keys and account keys."""

from typing import Any

from autosend_client import FORM, Sender

from caesura.http.key_forms import ACCOUNT_FORMS
from caesura.http.opaque_ids import hex_of

ACCOUNT = ACCOUNT_FORMS["autosend"]


async def account_key(sender: Any) -> str:
    issued = await sender.desk.api.mint("*", form=ACCOUNT, is_account=True)
    return str(issued.text)


def project(desk: Any) -> str:
    return hex_of("project", desk.workspace_id)


async def test_a_project_key_begins_with_as_and_an_account_key_with_asa(sender: Any) -> None:
    assert sender.key.startswith("AS_")
    assert (await account_key(sender)).startswith("ASA_")


async def test_an_account_key_opens_the_project_that_the_header_names(sender: Any, stranger: Any) -> None:
    campaign_id, native = await Sender(stranger, "").running("kim@example.com")
    account = Sender(sender.desk, await account_key(sender))
    headers = {"x-project-id": project(stranger)}
    assert (await account.post(f"/campaigns/{campaign_id}/pause", headers=headers))["data"]["status"] == "paused"
    assert (await stranger.get(f"/campaigns/{native}"))["status"] == "paused"
    own = {"x-project-id": project(sender.desk)}
    assert (await account.refused("GET", f"/campaigns/{campaign_id}", status=404, headers=own))["code"]


async def test_an_account_key_needs_the_header(sender: Any) -> None:
    account = Sender(sender.desk, await account_key(sender))
    error = await account.refused("GET", f"/campaigns/{hex_of('campaign', 1)}", status=400)
    assert (error["code"], error["details"][0]["field"]) == ("VALIDATION_FAILED", "x-project-id")


async def test_a_project_that_is_not_there_is_not_found(sender: Any) -> None:
    account = Sender(sender.desk, await account_key(sender))
    for wrong in ("x", hex_of("project", 10**8)):
        headers = {"x-project-id": wrong}
        error = await account.refused("GET", f"/campaigns/{hex_of('campaign', 1)}", status=404, headers=headers)
        assert error["message"] == "Project not found"


async def test_a_project_key_opens_no_other_project_whatever_the_header_says(sender: Any, stranger: Any) -> None:
    campaign_id, _ = await Sender(stranger, "").running("kim@example.com")
    headers = {"x-project-id": project(stranger)}
    await sender.refused("GET", f"/campaigns/{campaign_id}", status=404, headers=headers)


async def test_a_project_key_in_the_dress_of_an_account_key_is_no_key(sender: Any) -> None:
    dressed = Sender(sender.desk, sender.key.replace("AS_", "ASA_", 1))
    await dressed.refused("GET", f"/campaigns/{hex_of('campaign', 1)}", status=401)
    undressed = Sender(sender.desk, (await account_key(sender)).replace("ASA_", "AS_", 1))
    await undressed.refused("GET", f"/campaigns/{hex_of('campaign', 1)}", status=401)


async def test_over_the_limit_the_answer_is_429_with_retry_after_and_the_headers(sender: Any) -> None:
    path = f"/campaigns/{hex_of('campaign', 1)}"
    first = await sender.raw("GET", path)
    assert first.headers["X-RateLimit-Limit"] == "120"
    assert first.headers["X-RateLimit-Remaining"] == "119"
    assert first.headers["X-RateLimit-Reset"] == "1772442060"
    for _ in range(119):
        await sender.raw("GET", path)
    answer = await sender.raw("GET", path)
    assert answer.status_code == 429
    assert answer.json()["retryAfter"] == answer.json()["error"]["retryAfter"] == 60
    assert answer.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert answer.headers["X-RateLimit-Remaining"] == "0"


async def test_an_account_key_has_one_pace_for_all_projects(sender: Any, stranger: Any) -> None:
    account = Sender(sender.desk, await account_key(sender))
    for desk, remaining in ((sender.desk, "119"), (stranger, "118")):
        answer = await account.raw(
            "GET", f"/campaigns/{hex_of('campaign', 1)}", headers={"x-project-id": project(desk)}
        )
        assert answer.headers["X-RateLimit-Remaining"] == remaining


async def test_a_path_that_is_not_there_is_not_found_in_the_envelope(sender: Any) -> None:
    assert (await sender.refused("GET", "/nowhere", status=404))["code"] == "NOT_FOUND"
    assert FORM.lead_in == "AS_"
