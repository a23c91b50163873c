"""Campaigns: the documented example of creating one, what may be changed when, steps and versions, deletion."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from woodpecker_client import Bird, number

from caesura.domain.delivery import Kind
from caesura.domain.webhook_form import Occurrence
from caesura.service import timers
from caesura.store import webhook_delivery

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WEEK = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY")
MONDAY = {"MONDAY": [{"from": "00:00", "to": "24:00"}]}
OFFICE = [{"from": "08:00", "to": "18:00"}]
MISSING = {"code": "CAMPAIGN_NOT_EXIST", "message": "Campaign not found", "details": None}


def version(subject: str | None = 'Hello {{COMPANY | "there"}}', message: str = "<p>Hi {{FIRST_NAME}}</p>") -> Any:
    return {"subject": subject, "message": message, "signature": "NO_SIGNATURE", "track_opens": True}


def step(*versions: Any, followup: Any = None, **more: Any) -> Any:
    shown = {"type": "EMAIL", "body": {"versions": list(versions) or [version()]}, **more}
    return shown if followup is None else {**shown, "followup": followup}


def payload(first: Any = None, **more: Any) -> Any:
    return {"name": "Made here", "steps": {"type": "START", "followup": first or step()}, **more}


async def mailbox(bird: Bird) -> int:
    return number((await bird.desk.mailbox())["id"])


async def create(bird: Bird, first: Any = None, **more: Any) -> Any:
    return await bird.post("/v2/campaigns", payload(first, email_account_ids=[await mailbox(bird)], **more))


async def test_the_documented_example_is_created_as_a_draft_with_ids_and_read_back(bird: Bird) -> None:
    ids = [await mailbox(bird), await mailbox(bird)]
    asked = {
        "name": "Example campaign created via APIv2",
        "email_account_ids": ids,
        "settings": {
            "timezone": "Europe/Berlin",
            "prospect_timezone": False,
            "daily_enroll": 50,
            "gdpr_unsubscribe": True,
            "list_unsubscribe": True,
        },
        "steps": {
            "type": "START",
            "followup": step(
                version("Example subject for A version", '<p>Hi {{FIRST_NAME | "there"}},</p>'),
                version("Example subject for B version"),
                delivery_time={
                    **dict.fromkeys(WEEK, OFFICE),
                    "SATURDAY": [{"from": "08:00", "to": "10:00"}, {"from": "16:00", "to": "18:00"}],
                },
                followup_after={"range": "DAY", "value": 3},
                followup=step({**version(None), "signature": "SENDER"}, delivery_time={"FRIDAY": OFFICE}),
            ),
        },
    }
    made = await bird.post("/v2/campaigns", asked)
    assert isinstance(made["id"], int)
    assert (made["name"], made["status"], made["email_account_ids"]) == (asked["name"], "DRAFT", ids)
    assert asked["settings"].items() <= made["settings"].items()
    start = made["steps"]
    first = start["followup"]
    second = first["followup"]
    assert [one["type"] for one in (start, first, second)] == ["START", "EMAIL", "EMAIL"]
    assert second["followup"] is None
    shown = [*first["body"]["versions"], *second["body"]["versions"]]
    assert [one["version"] for one in shown] == ["A", "B", "A"]
    assert all(UUID.fullmatch(one["id"]) for one in (start, first, second, *shown))
    assert len({one["id"] for one in (start, first, second, *shown)}) == 6
    given = [
        *asked["steps"]["followup"]["body"]["versions"],
        *asked["steps"]["followup"]["followup"]["body"]["versions"],
    ]
    assert [{name: one[name] for name in given[0]} for one in shown] == given, "texts to the letter"
    assert first["followup_after"] == {"range": "DAY", "value": 3}
    assert second["delivery_time"] == {"FRIDAY": OFFICE}
    assert await bird.get(f"/v2/campaigns/{made['id']}") == made
    native = (await bird.desk.get(f"/campaigns/cmp_{made['id']}"))["definition"]
    assert [one["delay"] for one in native["steps"]] == [0, 3 * 86_400]
    assert native["steps"][1]["windows"] == [{"days": ["fri"], "start": "08:00", "end": "18:00"}]
    assert (native["zone"], native["limits"]["daily_new"]) == ("Europe/Berlin", 50)


async def test_what_is_not_given_has_the_documented_defaults(bird: Bird) -> None:
    made = await create(bird)
    assert made["settings"] == {
        "timezone": "UTC",
        "prospect_timezone": False,
        "daily_enroll": 50,
        "gdpr_unsubscribe": False,
        "list_unsubscribe": False,
        "open_disabled_list": [],
        "auto_pause_prospect_from_domain_statuses": [],
        "catch_all_verification_mode": "BALANCED",
        "count_followup_delay_in_working_days": False,
        "bounce_shield_autopaused_at": None,
    }
    assert made["steps"]["followup"]["delivery_time"] == dict.fromkeys(WEEK, OFFICE)
    made = await create(bird, step(followup=step(version(""))))
    assert made["steps"]["followup"]["followup_after"] == {"range": "DAY", "value": 1}


async def test_settings_that_we_do_not_use_are_kept_and_returned(bird: Bird) -> None:
    settings = {
        "open_disabled_list": ["google.com", "OTHER_PROVIDER"],
        "auto_pause_prospect_from_domain": True,
        "catch_all_verification_mode": "MAXIMUM",
        "something_new": {"a": 1},
    }
    made = await create(bird, settings=settings)
    assert settings.items() <= made["settings"].items()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"name": None}, "name"),
        ({"steps": None}, "steps"),
        ({"steps": {"type": "START", "followup": None}}, "steps"),
        ({"steps": {"type": "EMAIL"}}, "steps.type"),
        ({"steps": {"type": "START", "followup": {"type": 5}}}, "type"),
        ({"steps": {"type": "START", "followup": step(*[version()] * 6)}}, "versions"),
        ({"steps": {"type": "START", "followup": step(delivery_time={})}}, "delivery_time"),
        ({"steps": {"type": "START", "followup": step(delivery_time={"MONDAY": OFFICE * 4})}}, "delivery_time"),
        (
            {"steps": {"type": "START", "followup": step(followup_after={"range": "WEEK", "value": 1})}},
            "followup_after",
        ),
        ({"settings": {"daily_enroll": 501}}, "daily_enroll"),
        ({"settings": {"prospect_timezone": "yes"}}, "prospect_timezone"),
        ({"settings": {"catch_all_verification_mode": "SOME"}}, "catch_all_verification_mode"),
        ({"email_account_ids": [99_999_999]}, "email_account_ids"),
        ({"email_account_ids": ["x"]}, "email_account_ids"),
    ],
)
async def test_a_wrong_value_is_400_and_named(bird: Bird, change: Any, name: str) -> None:
    body = await bird.post("/v2/campaigns", payload() | change, status=400)
    assert (body["title"], body["detail"]) == ("Bad Request", f"Value of {name} is incorrect.")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"name": ""}, "name"),
        ({"settings": {"timezone": "Mars/Base"}}, "timezone"),
        ({"steps": {"type": "START", "followup": step(version(None))}}, "subject"),
        ({"steps": {"type": "START", "followup": step(version(message=""))}}, "versions"),
    ],
)
async def test_a_fault_that_our_own_rules_find_has_the_name_of_the_field_and_why(
    bird: Bird, change: Any, name: str
) -> None:
    body = await bird.post("/v2/campaigns", payload() | change, status=400)
    assert re.match(f"Value of {name} is incorrect. .+", body["detail"]) and "/" not in body["detail"].split(".")[0]


@pytest.mark.parametrize(("count", "status"), [(16, 200), (17, 400)])
async def test_a_sequence_has_at_most_16_steps(bird: Bird, count: int, status: int) -> None:
    first = step()
    for _ in range(count - 1):
        first = step(followup=first)
    await bird.post("/v2/campaigns", payload(first), status=status)


@pytest.mark.parametrize("kind", ["LINKEDIN", "CONDITION", "TASK"])
async def test_steps_that_are_no_emails_are_409_as_not_supported(bird: Bird, kind: str) -> None:
    body = await bird.post("/v2/campaigns", payload({"type": kind, "body": {}}), status=409)
    assert list(body) == ["title", "status", "detail", "timestamp"]
    assert kind in body["detail"]


async def test_each_step_goes_out_in_its_own_delivery_time(bird: Bird) -> None:
    first = step(delivery_time={"MONDAY": OFFICE}, followup=step(delivery_time={"FRIDAY": OFFICE}, followup=step()))
    made = await create(bird, first)
    native = (await bird.desk.get(f"/campaigns/cmp_{made['id']}"))["definition"]
    assert native["windows"] == [{"days": ["mon"], "start": "08:00", "end": "18:00"}]
    assert [one["windows"] for one in native["steps"][:2]] == [
        [],
        [{"days": ["fri"], "start": "08:00", "end": "18:00"}],
    ]
    assert [one["days"] for one in native["steps"][2]["windows"]] == [["mon"], ["tue"], ["wed"], ["thu"], ["fri"]]
    shown = made["steps"]["followup"]
    assert (shown["delivery_time"], shown["followup"]["delivery_time"]) == ({"MONDAY": OFFICE}, {"FRIDAY": OFFICE})

    path = f"/v2/campaigns/{made['id']}/steps/{shown['id']}"
    after = (await bird.ask("PATCH", path, {"delivery_time": {"FRIDAY": OFFICE}}))["steps"]["followup"]
    assert (after["delivery_time"], after["followup"]) == ({"FRIDAY": OFFICE}, shown["followup"])


async def test_what_another_door_made_of_the_times_stays_when_a_text_is_changed(bird: Bird) -> None:
    first = step(delivery_time={"MONDAY": OFFICE}, followup=step(delivery_time={"FRIDAY": OFFICE}))
    made = await create(bird, first)
    definition = (await bird.desk.get(f"/campaigns/cmp_{made['id']}"))["definition"]
    definition["steps"][1] |= {"windows": [{"days": ["sat"], "start": "09:00", "end": "10:00"}], "delay": 5_400}
    change = {"steps": definition["steps"], "windows": [{"days": ["sun"], "start": "10:00", "end": "11:00"}]}
    await bird.desk.ask("PATCH", f"/campaigns/cmp_{made['id']}", change)
    first = made["steps"]["followup"]
    path = f"/v2/campaigns/{made['id']}/steps/{first['id']}/versions/{first['body']['versions'][0]['id']}"
    after = (await bird.ask("PATCH", path, {"subject": "Other"}))["steps"]["followup"]
    assert after["delivery_time"] == {"SUNDAY": [{"from": "10:00", "to": "11:00"}]}
    assert after["followup_after"] == {"range": "MINUTE", "value": 90}
    assert after["followup"]["delivery_time"] == {"SATURDAY": [{"from": "09:00", "to": "10:00"}]}
    after = (await bird.desk.get(f"/campaigns/cmp_{made['id']}"))["definition"]
    assert [one["windows"] for one in after["steps"]] == [[], definition["steps"][1]["windows"]]
    assert (after["windows"], after["steps"][1]["delay"]) == (change["windows"], 5_400)


async def test_the_time_of_one_step_leaves_steps_of_another_door_where_they_are(bird: Bird) -> None:
    steps = [{"subject": "A", "text": "A"}, {"text": "B", "delay": 60}]
    draft = await bird.desk.campaign(steps=steps)
    shown = await bird.get(f"/v2/campaigns/{number(draft['id'])}")
    path = f"/v2/campaigns/{number(draft['id'])}/steps/{shown['steps']['followup']['id']}"
    await bird.ask("PATCH", path, {"delivery_time": {"FRIDAY": OFFICE}})
    after = (await bird.desk.get(f"/campaigns/{draft['id']}"))["definition"]
    assert (after["windows"], after["steps"][1]["windows"], after["steps"][1]["delay"]) == ([], [], 60)
    assert after["steps"][0]["windows"] == [{"days": ["fri"], "start": "08:00", "end": "18:00"}]


async def test_a_campaign_with_a_scheduled_start_is_409(bird: Bird) -> None:
    draft = await bird.desk.campaign()
    await bird.desk.post(f"/campaigns/{draft['id']}/schedule", {"starts_at": "2026-03-03T10:00:00Z"})
    refused = await bird.get(f"/v2/campaigns/{number(draft['id'])}", status=409)
    assert (refused["code"], refused["details"]) == ("API_UNSUPPORTED_CAMPAIGN", None)
    assert "scheduled start" in refused["message"]


async def test_a_campaign_with_a_condition_is_409(bird: Bird) -> None:
    steps = [{"subject": "a", "text": "b"}, {"subject": "c", "text": "d", "delay": "1d", "condition": "company"}]
    draft = await bird.desk.campaign(steps=steps)
    path = f"/v2/campaigns/{number(draft['id'])}"
    for method in ("GET", "PATCH"):
        assert "conditions" in (await bird.ask(method, path, {"name": "Changed"}, status=409))["message"]
    assert (await bird.desk.get(f"/campaigns/{draft['id']}"))["definition"]["name"] == draft["definition"]["name"]


async def test_a_campaign_of_another_door_is_shown_with_our_template_text(bird: Bird) -> None:
    steps = [{"subject": "Hi {{ first_name }}", "text": "A"}, {"text": "B", "delay": "36h"}]
    draft = await bird.desk.campaign(steps=steps)
    shown = await bird.get(f"/v2/campaigns/{number(draft['id'])}")
    first = shown["steps"]["followup"]
    assert first["body"]["versions"][0]["subject"] == "Hi {{ first_name }}"
    assert first["followup_after"] == {"range": "HOUR", "value": 36}
    assert first["followup"]["body"]["versions"][0]["message"] == "B"


async def test_settings_name_and_mailboxes_of_a_draft_are_changed_in_part(bird: Bird) -> None:
    made = await create(bird, settings={"open_disabled_list": ["google.com"], "daily_enroll": 30})
    other = await mailbox(bird)
    change = {"name": "Renamed", "email_account_ids": [other], "settings": {"daily_enroll": 80}}
    after = await bird.ask("PATCH", f"/v2/campaigns/{made['id']}", change)
    assert (after["name"], after["email_account_ids"]) == ("Renamed", [other])
    assert after["settings"] == made["settings"] | {"daily_enroll": 80}
    assert after["steps"] == made["steps"]


async def test_mailboxes_that_were_used_together_share_one_pool(bird: Bird) -> None:
    one = await mailbox(bird)
    for _ in range(2):
        await bird.post("/v2/campaigns", payload(email_account_ids=[one]))
    assert len((await bird.desk.get("/pools"))["items"]) == 1


@pytest.mark.parametrize("path", ["", "/steps", "/steps/{step}", "/steps/{step}/versions/{version}"])
async def test_only_draft_and_edited_can_be_updated(bird: Bird, path: str) -> None:
    made = await create(bird)
    first = made["steps"]["followup"]
    place = path.format(step=first["id"], version=first["body"]["versions"][0]["id"])
    method = "POST" if path == "/steps" else "PATCH"
    body = {
        "name": "x",
        "parent_id": first["id"],
        "step": step(),
        "subject": "New",
        "delivery_time": {"MONDAY": OFFICE},
    }
    await bird.post(f"/v2/campaigns/{made['id']}/run")
    refused = await bird.ask(method, f"/v2/campaigns/{made['id']}{place}", body, status=409)
    assert refused["code"] == "CAMPAIGN_NOT_EDITABLE"
    await bird.post(f"/v2/campaigns/{made['id']}/make_editable")
    assert (await bird.ask(method, f"/v2/campaigns/{made['id']}{place}", body))["status"] == "EDITED"


async def test_a_step_is_added_at_the_end_only(bird: Bird) -> None:
    made = await create(bird)
    first = made["steps"]["followup"]
    path = f"/v2/campaigns/{made['id']}/steps"
    after = await bird.post(path, {"parent_id": first["id"], "step": step(version(None))})
    second = after["steps"]["followup"]["followup"]
    assert after["steps"]["followup"]["id"] == first["id"]
    assert second["body"]["versions"][0]["subject"] is None
    for parent in (first["id"], made["steps"]["id"], "9e8e8ebb-c6e1-4b8f-be37-a5542513dbge"):
        body = await bird.post(path, {"parent_id": parent, "step": step()}, status=400)
        assert body["detail"] == "Value of parent_id is incorrect."
    await bird.post(path, {"parent_id": second["id"], "step": step()})


async def test_no_step_is_added_behind_one_that_has_processed_prospects(bird: Bird) -> None:
    made = await create(bird, step(version(message="<p>Hi</p>"), delivery_time=MONDAY))
    await bird.desk.enrol(f"cmp_{made['id']}", "a@example.com")
    await bird.post(f"/v2/campaigns/{made['id']}/run")
    assert await bird.desk.send(f"cmp_{made['id']}") == 1
    await bird.post(f"/v2/campaigns/{made['id']}/make_editable")
    body = {"parent_id": made["steps"]["followup"]["id"], "step": step()}
    assert (await bird.post(f"/v2/campaigns/{made['id']}/steps", body, status=409))["code"] == "STEP_PROCESSED"


async def test_the_whole_delivery_time_of_a_step_is_replaced(bird: Bird) -> None:
    made = await create(bird)
    path = f"/v2/campaigns/{made['id']}/steps/{made['steps']['followup']['id']}"
    after = await bird.ask("PATCH", path, {"delivery_time": {"SUNDAY": OFFICE}})
    assert after["steps"]["followup"]["delivery_time"] == {"SUNDAY": OFFICE}
    native = (await bird.desk.get(f"/campaigns/cmp_{made['id']}"))["definition"]
    assert native["windows"] == [{"days": ["sun"], "start": "08:00", "end": "18:00"}]


async def test_a_version_is_changed_in_part(bird: Bird) -> None:
    made = await create(bird, step(version(), version("B")))
    first = made["steps"]["followup"]
    a, b = first["body"]["versions"]
    path = f"/v2/campaigns/{made['id']}/steps/{first['id']}/versions/{b['id']}"
    after = await bird.ask("PATCH", path, {"message": "New {{SNIPPET_1}}", "signature": "SENDER"})
    assert after["steps"]["followup"]["body"]["versions"] == [
        a,
        b | {"message": "New {{SNIPPET_1}}", "signature": "SENDER"},
    ]
    native = (await bird.desk.get(f"/campaigns/cmp_{made['id']}"))["definition"]["steps"][0]["variants"]
    assert native[1]["html"] == "New {{ snippet1 }}"
    missing = await bird.ask("PATCH", path.replace(b["id"], first["id"]), {"subject": "x"}, status=404)
    assert missing["code"] == "VERSION_NOT_EXIST"


async def test_a_step_is_deleted_but_not_the_first_and_the_whole_campaign_answered(bird: Bird) -> None:
    made = await create(bird, step(followup=step(version("B"), followup=step(version("C")))))
    first = made["steps"]["followup"]
    second = first["followup"]
    path = f"/v2/campaigns/{made['id']}/steps"
    after = await bird.ask("DELETE", f"{path}/{second['id']}")
    assert after["steps"]["followup"]["followup"]["id"] == second["followup"]["id"]
    assert after["steps"]["followup"]["followup"]["followup"] is None
    assert (await bird.ask("DELETE", f"{path}/{second['id']}", status=404))["code"] == "STEP_NOT_EXIST"
    assert (await bird.ask("DELETE", f"{path}/{first['id']}", status=409))["code"] == "STEP_NOT_DELETABLE"


async def test_a_draft_is_deleted_and_then_not_there(bird: Bird) -> None:
    made = await create(bird)
    answer = await bird.raw("DELETE", f"/v2/campaigns/{made['id']}")
    assert (answer.status_code, answer.content) == (200, b"")
    for method in ("GET", "DELETE"):
        assert await bird.ask(method, f"/v2/campaigns/{made['id']}", status=404) == MISSING


async def test_a_running_campaign_is_deleted_and_sends_nothing_more(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com")
    answer = await bird.raw("DELETE", f"/v2/campaigns/{number(campaign_id)}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert await bird.get(f"/v2/campaigns/{number(campaign_id)}", status=404) == MISSING
    assert await bird.desk.send(campaign_id) == 0


async def test_the_bounce_shield_pauses_and_run_goes_on(bird: Bird) -> None:
    made = await create(bird, step(version("Hi", "<p>Hi</p>"), delivery_time=MONDAY))
    native, path = f"cmp_{made['id']}", f"/v2/campaigns/{made['id']}"
    await bird.ask("PUT", f"{path}/bounce_shield/threshold", {"bounce_rate_threshold": 7}, status=204)
    assert await bird.desk.enrol(native, *(f"p{place}@example.com" for place in range(30)))
    await bird.ask("POST", f"{path}/run")
    assert await bird.desk.send(native, Kind.REJECTED, code=554) == 30
    await timers.tick(bird.desk.api.database, bird.desk.api.clock())

    shown = await bird.get(path)
    assert (shown["status"], shown["settings"]["bounce_shield_autopaused_at"]) == ("PAUSED", "2026-03-02T09:00:00+0000")
    event = Occurrence(bird.desk.workspace_id, 1, AT, "campaign.paused", "", made["id"], None, None, None, None, {})
    async with bird.desk.api.database.connection() as connection:
        facts = await webhook_delivery.facts(connection, bird.desk.workspace_id, [event])
    assert facts.senders == {made["id"]: [one["details"]["email"] for one in await bird.get("/v2/mailboxes")]}
    assert "(bounce_threshold)" in (await bird.desk.get(f"/campaigns/{native}/why"))["sentence"]
    await bird.ask("POST", f"{path}/run")
    shown = await bird.get(path)
    assert (shown["status"], shown["settings"]["bounce_shield_autopaused_at"]) == ("RUNNING", None)


async def test_the_threshold_of_the_bounce_shield_is_kept(bird: Bird) -> None:
    made = await create(bird)
    path = f"/v2/campaigns/{made['id']}/bounce_shield/threshold"
    assert await bird.get(path) == {"bounce_rate_threshold": None}
    await bird.ask("PUT", path, {"bounce_rate_threshold": 7}, status=204)
    assert await bird.get(path) == {"bounce_rate_threshold": 7}
    for wrong in (0, 100, 1.5, None):
        await bird.ask("PUT", path, {"bounce_rate_threshold": wrong}, status=400)
    await bird.ask("DELETE", path, status=204)
    assert await bird.get(path) == {"bounce_rate_threshold": None}
    assert json.dumps(await bird.get(f"/v2/campaigns/{made['id']}")) == json.dumps(made)


async def test_a_prospect_whose_value_is_missing_is_not_written_to(bird: Bird) -> None:
    made = await create(bird, step(version(), delivery_time=MONDAY))
    await bird.desk.enrol(f"cmp_{made['id']}", "a@example.com")
    native = (await bird.desk.get(f"/campaigns/cmp_{made['id']}/check"))["findings"]
    assert [one["code"] for one in native] == ["missing_variable"]


async def test_a_wait_is_returned_as_it_was_given(bird: Bird) -> None:
    wait = {"range": "HOUR", "value": 24}
    made = await create(bird, step(followup_after=wait, followup=step()))
    assert made["steps"]["followup"]["followup_after"] == wait


async def test_what_another_door_has_changed_since_is_shown_as_it_is_now(bird: Bird) -> None:
    made = await create(bird, step(version("Old {{COMPANY}}"), followup=step()))
    path = f"/campaigns/cmp_{made['id']}"
    definition = (await bird.desk.get(path))["definition"]
    definition["steps"][0]["variants"][0]["subject"] = "New {{ company }}"
    definition["steps"][1]["delay"] = 7_200
    definition["windows"] = [{"days": ["sun"], "start": "10:00", "end": "11:00"}]
    await bird.desk.ask("PATCH", path, {"steps": definition["steps"], "windows": definition["windows"]})
    first = (await bird.get(f"/v2/campaigns/{made['id']}"))["steps"]["followup"]
    shown = first["body"]["versions"][0]
    assert (shown["subject"], shown["message"]) == ("New {{ company }}", "<p>Hi {{FIRST_NAME}}</p>")
    assert first["followup_after"] == {"range": "HOUR", "value": 2}
    assert first["delivery_time"] == {"SUNDAY": [{"from": "10:00", "to": "11:00"}]}


async def test_a_version_of_another_doors_campaign_keeps_what_is_not_given(bird: Bird) -> None:
    steps = [{"subject": "Hi {{ first_name }}", "text": "Our {{ company }}"}]
    draft = number((await bird.desk.campaign(steps=steps))["id"])
    first = (await bird.get(f"/v2/campaigns/{draft}"))["steps"]["followup"]
    path = f"/v2/campaigns/{draft}/steps/{first['id']}/versions/{first['body']['versions'][0]['id']}"
    after = await bird.ask("PATCH", path, {"subject": "Hello {{FIRST_NAME}}"})
    shown = after["steps"]["followup"]["body"]["versions"][0]
    assert (shown["subject"], shown["message"]) == ("Hello {{FIRST_NAME}}", "Our {{ company }}")
    [native] = (await bird.desk.get(f"/campaigns/cmp_{draft}"))["definition"]["steps"][0]["variants"]
    assert (native["subject"], native["text"]) == ("Hello {{ first_name }}", "Our {{ company }}")
