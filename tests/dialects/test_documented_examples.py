"""The vendors' documented requests and answers, to the letter, over HTTP against a real server.

An answer must have the example's fields, no fewer; ids and times must have the example's form; all else its very value.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from dialects.drivers import AutoSend, Driver, LeadLex, Leadterra, Woodpecker
from dialects.site import Site

Fixture = Callable[[type[Driver]], Driver]

LEADTERRA_ID, UUID = r"camp_[A-Za-z0-9]+", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
HEX = r"[0-9a-f]{24}"


def pattern_of(example: str) -> str:
    """Times differ, their form may not: the same text with other digits."""
    return re.sub(r"\d", r"\\d", re.escape(example))


def alike(answer: Any, example: Any, forms: Mapping[str, str], place: str = "") -> None:
    """Fails where the answer is not as the example; `forms` are regular expressions by field."""
    if isinstance(example, dict):
        assert isinstance(answer, dict), place
        assert not (missing := example.keys() - answer.keys()), f"{place}: {missing} missing"
        for name, value in example.items():
            alike(answer[name], value, forms, f"{place}/{name}")
    elif (name := place.rpartition("/")[2]) in forms:
        assert isinstance(answer, str) and re.fullmatch(forms[name], answer), (place, answer)
    elif isinstance(example, str) and re.match(r"\d{4}-\d\d-\d\d[T ]", example):
        assert isinstance(answer, str) and re.fullmatch(pattern_of(example), answer), (place, answer)
    else:
        assert (answer, type(answer)) == (example, type(example)), place


@pytest.fixture
def at(site: Site) -> Any:
    """A driver for a door, in a workspace of its own that can send."""
    made: list[httpx.Client] = []

    def make(kind: type[Driver]) -> Driver:
        workspace = f"examples of {kind.door} {len(made)} {id(made)}"
        native, client = site.client("native", workspace), site.client(kind.door, workspace)
        made.extend((native, client))
        site.can_send(native)
        return kind(client, native, f"{kind.door}{len(made)}.test")

    yield make
    for client in made:
        client.close()


def running(driver: Driver, leads: int = 40) -> str:
    campaign_id = driver.create(driver.addresses(leads))
    driver.start(campaign_id).raise_for_status()
    return campaign_id


def test_leadterra_pauses_and_starts_as_its_examples_show(at: Fixture) -> None:
    driver = at(Leadterra)
    campaign_id = running(driver)
    headers = {"Content-Type": "application/json"}
    paused = driver.client.post(f"/leadterra/v1/campaigns/{campaign_id}/pause", headers=headers)
    example = {"id": "camp_123", "status": "paused", "pausedAt": "2025-01-15T14:22:00Z"}
    alike(paused.json(), example, {"id": LEADTERRA_ID})
    assert paused.json().keys() == example.keys() and paused.json()["id"] == campaign_id
    started = driver.client.post(f"/leadterra/v1/campaigns/{campaign_id}/start", headers=headers)
    example = {"id": "camp_123", "status": "running", "startedAt": "2025-01-15T11:00:00Z"}
    alike(started.json(), example, {"id": LEADTERRA_ID})
    assert started.json().keys() == example.keys()


def test_leadlex_pauses_as_its_example_shows(at: Fixture) -> None:
    driver = at(LeadLex)
    campaign_id = running(driver)
    paused = driver.client.post(f"{LeadLex.root}/campaigns/{campaign_id}/pause")
    example = {"data": {"campaign": {"id": "cmp_abc123", "status": "paused", "paused_at": "2026-04-17T14:30:00Z"}}}
    alike(paused.json(), example, {"id": UUID})
    assert paused.json()["data"]["campaign"].keys() == example["data"]["campaign"].keys()
    again = driver.client.post(f"{LeadLex.root}/campaigns/{campaign_id}/pause")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "campaign_not_active")


def test_autosend_pauses_and_resumes_as_its_examples_show(at: Fixture) -> None:
    driver = at(AutoSend)
    made = driver.post(f"{AutoSend.root}/contact-lists", {"name": "newsletter"}).raise_for_status().json()["data"]
    list_id = (made.get("list") or made)["id"]
    body = {"contactListId": list_id, "emails": driver.addresses(20)}
    driver.post(f"{AutoSend.root}/contact-lists/contacts/bulk-add", body).raise_for_status()
    given = {
        "name": "Spring Sale Newsletter",
        "subject": "Don't miss our Spring Sale!",
        "previewText": "Up to 50% off this weekend only",
        "sendMode": "gradual",
        "growthStrategy": "fixed",
        "gradualDailyBatchSize": 5,
        "trackingClick": True,
        "trackingOpen": True,
    }
    body = {
        **given,
        "from": {"email": "anna@sender.test", "name": "Example Team"},
        "htmlTemplate": "<p>Hello</p>",
        "toLists": [list_id],
        "publish": True,
    }
    campaign_id = driver.post(f"{AutoSend.root}/campaigns", body).raise_for_status().json()["data"]["campaignId"]
    url = f"{AutoSend.root}/campaigns/{campaign_id}"
    for _ in range(600):
        if driver.client.get(url).json()["data"]["status"] == "sending_gradual":
            break
    data = {name: value for name, value in given.items() if name not in ("growthStrategy", "gradualDailyBatchSize")}
    example = {
        "success": True,
        "data": {
            "campaignId": "60d5ec49f1b2c72d9c8b4567",
            **data,
            "status": "paused",
            "createdAt": "2026-03-01T10:00:00.000Z",
            "updatedAt": "2026-03-15T14:30:00.000Z",
        },
    }
    alike(driver.post(f"{url}/pause").json(), example, {"campaignId": HEX})
    resumed = driver.post(f"{url}/resume").json()
    assert (resumed["data"]["status"], resumed["data"]["sendMode"]) == ("sending_gradual", "gradual")


def test_woodpecker_pauses_without_a_body_and_errs_in_three_shapes(at: Fixture, fresh: httpx.Client) -> None:
    driver = at(Woodpecker)
    campaign_id = running(driver)
    paused = driver.post(f"{Woodpecker.root}/v2/campaigns/{campaign_id}/pause")
    assert (paused.status_code, paused.content) == (200, b"")
    moment = "2025-03-05 17:57:00"
    bad = driver.post(f"{Woodpecker.root}/v2/campaigns/abc/pause")
    example: dict[str, Any] = {
        "title": "Bad Request", "status": 400, "detail": "Value of campaign_id is incorrect.", "timestamp": moment,
    }  # fmt: skip
    assert bad.status_code == 400 and bad.json().keys() == example.keys()
    alike(bad.json(), example, {})
    refused = fresh.post(f"{Woodpecker.root}/v2/campaigns/{campaign_id}/pause", headers={"x-api-key": "YOUR_API_KEY"})
    example = {"title": "Unauthorized", "status": 401, "detail": "Invalid api key", "timestamp": moment}
    assert refused.status_code == 401 and refused.json().keys() == example.keys()
    alike(refused.json(), example, {})
    missing = driver.post(f"{Woodpecker.root}/v2/campaigns/{10**9}/pause")
    assert missing.status_code == 404
    assert missing.json() == {"code": "CAMPAIGN_NOT_EXIST", "message": "Campaign not found", "details": None}
