"""Creation of campaigns and their stats."""

from typing import Any

import pytest
from leadterra_client import Terra, native

from caesura.domain.templates import compile_template

STEPS: list[dict[str, Any]] = [
    {"subject": "Hi {{firstName}}", "bodyHtml": "<p>Hi {{firstName}} of {{company}}, {50% {off|less}}</p>"},
    {"subject": "Again, {{ firstName }}", "bodyHtml": "<p>{{jobTitle}} {{email}} {{useCase}}</p>", "delayDays": 3},
]


async def definition(terra: Terra, campaign: str) -> Any:
    return (await terra.desk.get(f"/campaigns/{native(campaign)}"))["definition"]


async def test_create_answers_a_flat_draft_with_the_steps_to_the_letter(terra: Terra) -> None:
    answer = await terra.post("/campaigns", {"name": "Q1 outreach", "sequenceSteps": STEPS}, status=201)
    assert answer.pop("id").startswith("camp_")
    expected = {"name": "Q1 outreach", "status": "draft", "sequenceSteps": STEPS, "createdAt": "2026-03-02T09:00:00Z"}
    assert answer == expected


async def test_without_steps_there_is_a_campaign_without_steps(terra: Terra) -> None:
    answer = await terra.post("/campaigns", {"name": "empty"}, status=201)
    assert answer["sequenceSteps"] == []


async def test_the_steps_are_ordered_and_spaced_by_delay_days(terra: Terra) -> None:
    made = await terra.post("/campaigns", {"name": "one", "sequenceSteps": [*STEPS, STEPS[0]]})
    steps = (await definition(terra, made["id"]))["steps"]
    assert [step.get("delay", 0) for step in steps] == [0, 3 * 86_400, 86_400]


async def test_what_the_door_does_not_know_is_kept(terra: Terra) -> None:
    step = {**STEPS[0], "abTest": True}
    made = await terra.post("/campaigns", {"name": "one", "sequenceSteps": [step], "owner": {"id": 7}})
    found = await definition(terra, made["id"])
    assert found["extra"] == {"leadterra": {"owner": {"id": 7}}}
    assert found["steps"][0]["extra"] == {"leadterra": step}
    assert made["sequenceSteps"] == [step]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"name": None},
        {"name": 7},
        {"name": " "},
        {"name": "one", "sequenceSteps": {}},
        {"name": "one", "sequenceSteps": ["x"]},
        {"name": "one", "sequenceSteps": [{"subject": "x"}]},
        {"name": "one", "sequenceSteps": [{"bodyHtml": "x"}]},
        {"name": "one", "sequenceSteps": [{"subject": 1, "bodyHtml": "x"}]},
        {"name": "one", "sequenceSteps": [{"subject": "", "bodyHtml": "x"}]},
        {"name": "one", "sequenceSteps": [{"subject": "x", "bodyHtml": ""}]},
        {"name": "one", "sequenceSteps": [{"subject": "x", "bodyHtml": "x", "delayDays": -1}]},
        {"name": "one", "sequenceSteps": [{"subject": "x", "bodyHtml": "x", "delayDays": "3"}]},
        {"name": "one", "sequenceSteps": [{"subject": "x", "bodyHtml": "x", "delayDays": True}]},
        {"name": "one", "sequenceSteps": [{"subject": "x", "bodyHtml": "<a href={{url}}>x</a>"}]},
        {"name": "one", "sequenceSteps": [{"subject": "a\nb", "bodyHtml": "x"}]},
    ],
)
async def test_400_invalid_request_missing_field_or_wrong_type(terra: Terra, body: Any) -> None:
    assert await terra.code("POST", "/campaigns", body) == (400, "invalid_request")
    assert (await terra.desk.get("/campaigns"))["items"] == []


async def test_400_invalid_request_malformed_json(terra: Terra) -> None:
    assert await terra.code("POST", "/campaigns", content=b'{"name": ') == (400, "invalid_request")


async def test_401_authentication_failed(terra: Terra) -> None:
    assert await terra.code("POST", "/campaigns", {"name": "x"}, key="sk_live_no") == (401, "authentication_failed")


async def test_a_body_that_is_too_large_for_us_is_413(terra: Terra) -> None:
    step = {"subject": "x", "bodyHtml": "x" * 1_100_000}
    assert await terra.code("POST", "/campaigns", {"name": "x", "sequenceSteps": [step]}) == (413, "invalid_request")


async def test_a_body_of_a_hundred_kilobytes_is_taken(terra: Terra) -> None:
    step = {"subject": "x", "bodyHtml": f"<p>{'word ' * 20_000}</p>"}
    assert (await terra.post("/campaigns", {"name": "x", "sequenceSteps": [step]}))["sequenceSteps"] == [step]


@pytest.mark.parametrize(
    ("lead", "subject", "html"),
    [
        ({"firstName": "Ada & Co", "company": "X"}, "Hi Ada & Co", "<p>Hi Ada &amp; Co of X, {50% {off|less}}</p>"),
        ({}, "Hi ", "<p>Hi  of , {50% {off|less}}</p>"),
        ({"firstName": "", "company": None}, "Hi ", "<p>Hi  of , {50% {off|less}}</p>"),
    ],
)
async def test_tokens_are_filled_when_sent_and_a_missing_value_is_nothing(
    terra: Terra, lead: Any, subject: str, html: str
) -> None:
    made = await terra.post("/campaigns", {"name": "one", "sequenceSteps": STEPS})
    await terra.post(f"/campaigns/{made['id']}/leads/bulk", {"leads": [{"email": "ada@example.com", **lead}]})
    [found] = (await terra.desk.get("/leads"))["items"]
    [variant] = (await definition(terra, made["id"]))["steps"][0]["variants"]
    filled = compile_template(variant["subject"], "", autoescape=False, single_line=True).render(found["fields"])
    assert (filled, compile_template(variant["html"], "", autoescape=True).render(found["fields"])) == (subject, html)


async def test_any_further_key_of_a_lead_is_a_token_and_the_address_is_one(terra: Terra) -> None:
    made = await terra.post("/campaigns", {"name": "one", "sequenceSteps": STEPS})
    lead = {"email": "ada@example.com", "useCase": "x", "customFields": {"jobTitle": "y"}}
    await terra.post(f"/campaigns/{made['id']}/leads/bulk", {"leads": [lead]})
    [found] = (await terra.desk.get("/leads"))["items"]
    [variant] = (await definition(terra, made["id"]))["steps"][1]["variants"]
    fields = {**found["fields"], "email": found["address"]}  # as the worker fills it in
    assert compile_template(variant["html"], "", autoescape=True).render(fields) == "<p>y ada@example.com x</p>"


async def test_stats_of_a_draft(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com", "b@example.com")
    assert await terra.get(f"/campaigns/{campaign}/stats") == {
        "campaignId": campaign,
        "totalEnrolled": 2,
        "sent": 0,
        "delivered": 0,
        "bounced": 0,
        "replied": 0,
        "queued": 0,
        "openRate": 0.0,
        "replyRate": 0.0,
    }


async def test_stats_count_what_was_sent_held_replied_and_bounced(terra: Terra) -> None:
    addresses = [f"{name}@example.com" for name in "abcde"]
    campaign = await terra.running(*addresses)
    await terra.desk.send(native(campaign))
    await terra.post(f"/campaigns/{campaign}/pause")
    for address in addresses[:2]:
        await terra.desk.post("/inbound", {"kind": "reply", "from_address": address})
    await terra.desk.post("/inbound", {"kind": "bounce", "address": addresses[2], "bounce_type": "hard"})
    stats = await terra.get(f"/campaigns/{campaign}/stats")
    expected = {
        "totalEnrolled": 5,
        "sent": 5,
        "delivered": 4,
        "bounced": 1,
        "replied": 2,
        "queued": 2,
        "replyRate": 0.5,
    }
    assert {name: stats[name] for name in expected} == expected


async def test_queued_is_what_a_pause_holds(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.post(f"/campaigns/{campaign}/pause")
    assert (await terra.get(f"/campaigns/{campaign}/stats"))["queued"] == 2


async def test_stats_404_campaign_not_found(terra: Terra) -> None:
    assert await terra.code("GET", "/campaigns/camp_999999999/stats") == (404, "campaign_not_found")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"name": "one", "sequenceSteps": {}}, "sequenceSteps must be an array."),
        ({"name": "one", "sequenceSteps": [{"subject": "", "bodyHtml": "x"}]}, "/sequenceSteps/0/subject: "),
        (
            {"name": "one", "sequenceSteps": [{"subject": "x", "bodyHtml": "<p {{company}}>"}]},
            "/sequenceSteps/0/bodyHtml: ",
        ),
        ({"name": 7}, "Name must be a string."),
    ],
)
async def test_a_fault_is_named_as_the_vendor_names_its_field(terra: Terra, body: Any, named: str) -> None:
    answer = await terra.post("/campaigns", body, status=400)
    assert answer["error"]["message"].startswith(named)
