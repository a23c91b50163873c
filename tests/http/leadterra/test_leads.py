"""Leads in bulk, and the suppression list."""

from typing import Any

import pytest
from leadterra_client import Terra, native


async def lead(terra: Terra, address: str) -> Any:
    [found] = [one for one in (await terra.desk.get("/leads"))["items"] if one["address"].lower() == address]
    return found


async def bulk(terra: Terra, campaign: str, *leads: Any, status: int = 200) -> Any:
    return await terra.post(f"/campaigns/{campaign}/leads/bulk", {"leads": list(leads)}, status=status)


async def test_new_leads_are_created_and_enrolled(terra: Terra) -> None:
    campaign = await terra.draft()
    given = [{"email": "a@example.com", "firstName": "Ada"}, {"email": "b@example.com"}]
    assert await bulk(terra, campaign, *given) == {"enrolled": 2, "updated": 0, "skipped": 0, "total": 2}
    assert (await terra.get(f"/campaigns/{campaign}/stats"))["totalEnrolled"] == 2


async def test_fields_custom_fields_and_further_keys_are_variables(terra: Terra) -> None:
    campaign = await terra.draft()
    given = {
        "email": "Ada@Example.com",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "company": "Engines",
        "jobTitle": "Countess",
        "useCase": "numbers",
        "seats": 12,
        "customFields": {"favouriteColour": "red", "useCase": "overruled"},
        "tags": ["one", "two"],
    }
    await bulk(terra, campaign, given)
    found = await lead(terra, "ada@example.com")
    assert found["fields"] == {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "company": "Engines",
        "job_title": "Countess",
        "use_case": "numbers",
        "seats": 12,
        "favourite_colour": "red",
    }
    kept = {name: given[name] for name in ("useCase", "seats", "customFields", "tags")}
    assert found["extra"] == {"leadterra": kept}


async def test_only_fields_that_are_present_overwrite_and_omitted_ones_are_kept(terra: Terra) -> None:
    campaign = await terra.draft()
    await bulk(terra, campaign, {"email": "a@example.com", "firstName": "Ada", "company": "One", "jobTitle": "x"})
    again = {"email": "A@example.com", "company": "Two", "jobTitle": None}
    assert await bulk(terra, campaign, again) == {"enrolled": 0, "updated": 1, "skipped": 0, "total": 1}
    assert (await lead(terra, "a@example.com"))["fields"] == {"first_name": "Ada", "company": "Two"}


async def test_a_known_lead_is_matched_across_the_workspace_and_begins_with_the_first_step(terra: Terra) -> None:
    first, second = await terra.running("a@example.com"), await terra.running("b@example.com")
    await terra.desk.send(native(first))
    assert (await bulk(terra, second, {"email": "a@example.com"}))["updated"] == 1
    assert await terra.desk.send(native(second)) == 2
    assert [one["step"] for one in await terra.messages(second)] == [1, 1]


async def test_a_lead_in_the_campaign_keeps_its_position_and_gets_no_step_twice(terra: Terra) -> None:
    campaign = await terra.running("a@example.com")
    await terra.desk.send(native(campaign))
    assert (await bulk(terra, campaign, {"email": "a@example.com", "company": "x"}))["updated"] == 1
    assert await terra.desk.send(native(campaign)) == 0
    terra.desk.api.clock.advance(86_400)
    assert await terra.desk.send(native(campaign)) == 1
    assert [one["step"] for one in await terra.messages(campaign)] == [1, 2]


async def test_while_running_new_leads_are_queued_at_once(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.desk.send(native(campaign))
    await bulk(terra, campaign, {"email": "new@example.com"})
    assert await terra.desk.send(native(campaign)) == 1


async def test_suppressed_addresses_are_skipped_without_an_error(terra: Terra) -> None:
    campaign = await terra.draft()
    await terra.post("/suppression-list", {"emails": ["no@example.com"]})
    found = await bulk(terra, campaign, {"email": "no@example.com"}, {"email": "yes@example.com"})
    assert found == {"enrolled": 1, "updated": 0, "skipped": 1, "total": 1}


async def test_a_lead_given_twice_is_put_together(terra: Terra) -> None:
    campaign = await terra.draft()
    given = [{"email": "a@example.com", "firstName": "A", "x": 1}, {"email": "A@Example.COM", "company": "B", "y": 2}]
    assert (await bulk(terra, campaign, *given))["total"] == 1
    found = await lead(terra, "a@example.com")
    assert found["fields"] == {"first_name": "A", "company": "B", "x": 1, "y": 2}
    assert found["extra"] == {"leadterra": {"x": 1, "y": 2}}


async def test_more_than_a_thousand_leads_are_taken(terra: Terra) -> None:
    campaign = await terra.draft()
    found = await bulk(terra, campaign, *({"email": f"l{number}@example.com"} for number in range(1_001)))
    assert found["enrolled"] == 1_001


async def test_no_leads_are_no_error(terra: Terra) -> None:
    campaign = await terra.draft()
    assert (await bulk(terra, campaign))["total"] == 0


@pytest.mark.parametrize(
    ("bad", "email"),
    [
        ({"firstName": "x"}, None),
        ({"email": 7}, 7),
        ({"email": "nonsense"}, "nonsense"),
        ("a@example.com", None),
        ({"email": "a@example.com", "customFields": "x"}, "a@example.com"),
        ({"email": "a@example.com", "notes": "x" * 70_000}, "a@example.com"),
    ],
)
async def test_422_has_an_errors_array_that_describes_each_and_changes_nothing(
    terra: Terra, bad: Any, email: Any
) -> None:
    campaign = await terra.draft()
    answer = await bulk(terra, campaign, {"email": "good@example.com"}, bad, status=422)
    assert answer["error"]["code"] == "invalid_request"
    [told] = answer["errors"]
    assert (told["index"], told["email"], bool(told["message"])) == (1, email, True)
    assert (await terra.desk.get("/leads"))["items"] == []


@pytest.mark.parametrize("body", [None, {}, {"leads": None}, {"leads": {}}, [], {"leads": "x"}])
async def test_400_for_a_body_without_leads(terra: Terra, body: Any) -> None:
    campaign = await terra.draft()
    assert await terra.code("POST", f"/campaigns/{campaign}/leads/bulk", body) == (400, "invalid_request")


async def test_404_campaign_not_found(terra: Terra) -> None:
    body = {"leads": [{"email": "a@example.com"}]}
    assert await terra.code("POST", "/campaigns/camp_999999999/leads/bulk", body) == (404, "campaign_not_found")


async def test_leads_of_a_stopped_campaign_are_refused(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.desk.post(f"/campaigns/{native(campaign)}/stop")
    body = {"leads": [{"email": "c@example.com"}]}
    assert await terra.code("POST", f"/campaigns/{campaign}/leads/bulk", body) == (409, "campaign_stopped")


async def test_suppressed_counts_those_that_were_newly_added(terra: Terra) -> None:
    body = {"emails": ["a@example.com", "b@example.com"]}
    assert await terra.post("/suppression-list", body) == {"suppressed": 2}
    assert await terra.post("/suppression-list", {"emails": ["a@example.com", "c@example.com"]}) == {"suppressed": 1}


async def test_suppressed_addresses_get_nothing_more_from_active_campaigns(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.post("/suppression-list", {"emails": ["A@example.com"]})
    assert await terra.desk.send(native(campaign)) == 1


async def test_a_domain_can_be_suppressed(terra: Terra) -> None:
    campaign = await terra.running("a@rival.test", "b@example.com")
    assert await terra.post("/suppression-list", {"emails": ["rival.test"]}) == {"suppressed": 1}
    assert await terra.desk.send(native(campaign)) == 1


@pytest.mark.parametrize("body", [None, {}, {"emails": []}, {"emails": "a@b.co"}, {"emails": [1]}, {"emails": None}])
async def test_suppression_400_malformed_or_emails_missing(terra: Terra, body: Any) -> None:
    assert await terra.code("POST", "/suppression-list", body) == (400, "invalid_request")


async def test_suppression_takes_at_most_a_thousand(terra: Terra) -> None:
    emails = [f"l{number}@example.com" for number in range(1_001)]
    assert await terra.code("POST", "/suppression-list", {"emails": emails}) == (400, "invalid_request")
    assert await terra.post("/suppression-list", {"emails": emails[:1_000]}) == {"suppressed": 1_000}


async def test_suppression_422_for_what_is_no_address_and_nothing_is_suppressed(terra: Terra) -> None:
    answer = await terra.post("/suppression-list", {"emails": ["a@example.com", "a@@"]}, status=422)
    assert [one["index"] for one in answer["errors"]] == [1]
    assert (await terra.desk.get("/suppressions"))["items"] == []


async def test_there_is_no_way_back_through_this_door(terra: Terra) -> None:
    for method in ("GET", "DELETE"):
        assert (await terra.raw(method, "/suppression-list")).status_code == 405
