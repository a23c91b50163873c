"""Prospects: added to the list and to campaigns, listed, deleted, and what they answered."""

from typing import Any

import pytest
from woodpecker_client import FORM, Bird, number

from caesura.domain.inbound import BounceType, Classification, InboundKind, InboundReport
from caesura.service import inbound

OK = {"status": "OK", "code": "OK", "msg": "OK"}
ERLICH = {
    "email": "erlich@bachman.example.com",
    "status": "ACTIVE",
    "first_name": "Erlich",
    "last_name": "Bachman",
    "company": "Bachmanity",
    "website": "http://www.bachmanity.example/",
    "linkedin_url": "https://www.linkedin.com/in/erlich-bachman/",
    "tags": "#VC",
    "title": "VC Angel",
    "phone": "111222333",
    "address": "221 Newell Rd",
    "city": "Palo Alto",
    "state": "California",
    "country": "USA",
    "industry": "Software as a Service",
    **{f"snippet{place}": f"snippet {place}" for place in range(1, 16)},
}


async def added(bird: Bird, *given: Any, **more: Any) -> Any:
    return (await bird.post("/v1/add_prospects_list", {"prospects": list(given), **more}))["prospects"]


async def enrolled(bird: Bird, campaign: int, *given: Any, **more: Any) -> Any:
    body = {"campaign": {"campaign_id": campaign}, "prospects": list(given), **more}
    return (await bird.post("/v1/add_prospects_campaign", body))["prospects"]


async def test_the_key_of_a_single_campaign_changes_no_prospect_that_others_have(bird: Bird) -> None:
    campaign = await draft(bird)
    await bird.desk.lead("a@example.com", city="Bonn")
    issued = await bird.desk.api.mint("*", form=FORM, campaign_ids=[campaign])
    body = {
        "campaign": {"campaign_id": campaign},
        "update": True,
        "prospects": [{"email": "a@example.com", "city": "Rome"}],
    }
    assert (await bird.raw("POST", "/v1/add_prospects_campaign", body, key=issued.text)).status_code == 200
    [lead] = (await bird.desk.get("/leads"))["items"]
    assert lead["fields"] == {"city": "Bonn"}


async def draft(bird: Bird) -> int:
    return number((await bird.desk.campaign())["id"])


async def report(bird: Bird, kind: InboundKind, address: str, **more: Any) -> None:
    api = bird.desk.api
    given = InboundReport(kind, from_address=address, address=address, **more)
    await inbound.report(api.database, api.context.plans, bird.desk.workspace_id, given, "test", api.clock())


async def test_the_documented_prospect_is_added_and_listed_with_all_its_fields(bird: Bird) -> None:
    [one] = await added(bird, ERLICH, file_name="API import YYYY-MM-DD")
    assert one == {"email": ERLICH["email"], "id": one["id"], "prospect": None, "prospect_campaign": None, **OK}
    answer = await bird.raw("GET", "/v1/prospects")
    [shown] = answer.json()
    assert answer.headers["X-Total-Count"] == "1"
    assert ERLICH.items() <= shown.items()
    assert (shown["snipet1"], shown["snipper9"]) == ("snippet 1", "snippet 9"), "older names are there too"
    assert (shown["id"], shown["last_contacted"], shown["updated"]) == (one["id"], "", "2026-03-02T09:00:00+0000")
    native = (await bird.desk.get("/leads"))["items"][0]["fields"]
    assert (native["job_title"], native["snippet15"]) == ("VC Angel", "snippet 15")


async def test_a_known_prospect_is_a_duplicate_and_stays_as_it_is_unless_updated(bird: Bird) -> None:
    [first] = await added(bird, ERLICH)
    [again] = await added(bird, {"email": "Erlich@Bachman.example.com", "city": "Berlin"})
    assert (again["id"], again["prospect"], again["code"]) == (first["id"], "DUPLICATE", "E_DUPLICATE")
    assert (await bird.get("/v1/prospects"))[0]["city"] == "Palo Alto"
    [updated] = await added(bird, {"email": ERLICH["email"], "city": "Berlin"}, update=True)
    assert (updated["prospect"], updated["code"]) == ("DUPLICATE", "OK")
    [shown] = await bird.get("/v1/prospects")
    assert (shown["city"], shown["country"]) == ("Berlin", "USA")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"email": "no address"}, "E_EMAIL"),
        ({"first_name": "x"}, "E_REQUIRED_ELEMENT"),
        ("x", "E_REQUIRED_ELEMENT"),
        ({"email": "a@example.com", "status": "TO-CHECK"}, "E_INV_STATUS"),
        ({"email": "a@example.com", "status": ["BLACKLIST"]}, "E_INV_STATUS"),
    ],
)
async def test_a_wrong_prospect_is_told_inside_200_and_keeps_no_other_back(bird: Bird, given: Any, code: str) -> None:
    campaign = await draft(bird)
    for answers in (await added(bird, given, ERLICH), await enrolled(bird, campaign, given, ERLICH)):
        assert [one["status"] for one in answers][0] == "ERROR"
        assert answers[0]["code"] == code
        assert answers[1]["id"] is not None


async def test_prospects_of_a_campaign_are_told_what_became_of_each(bird: Bird) -> None:
    campaign = await draft(bird)
    await added(bird, ERLICH)
    answers = await enrolled(bird, campaign, ERLICH, {"email": "new@example.com"}, {"email": "new@example.com"})
    assert [(one["prospect"], one["prospect_campaign"], one["code"]) for one in answers] == [
        ("DUPLICATE", None, "OK"),
        (None, None, "OK"),
        ("DUPLICATE", None, "E_DUPLICATE"),
    ]
    [again] = await enrolled(bird, campaign, ERLICH)
    assert (again["prospect_campaign"], again["code"]) == ("DUPLICATE", "E_DUPLICATE")


async def test_a_prospect_that_replied_is_refused_unless_forced_and_one_on_the_blacklist_always(bird: Bird) -> None:
    campaign = await draft(bird)
    await added(bird, {"email": "replied@example.com"}, {"email": "black@example.com"})
    await report(bird, InboundKind.REPLY, "replied@example.com")
    await bird.post("/v2/blacklist/emails", {"emails": ["black@example.com"]})
    both = ({"email": "replied@example.com"}, {"email": "black@example.com"})
    assert [one["code"] for one in await enrolled(bird, campaign, *both)] == ["E_INV_STATUS"] * 2
    assert [one["code"] for one in await enrolled(bird, campaign, *both, force=True)] == ["OK", "E_INV_STATUS"]


STATUSES = {"BLACKLIST": "BLACKLIST", "BOUNCED": "BOUNCED", "INVALID": "BOUNCED", "REPLIED": "REPLIED"}


async def test_prospects_are_added_with_the_status_that_they_are_given_with(bird: Bird) -> None:
    given = [{"email": f"{word.lower()}@example.com", "status": word} for word in STATUSES]
    assert [one["code"] for one in await added(bird, *given)] == ["OK"] * 4
    assert [one["status"] for one in await bird.get("/v1/prospects")] == list(STATUSES.values())
    campaign = await draft(bird)
    fresh = [{**one, "email": f"c.{one['email']}"} for one in given]
    answers = await enrolled(bird, campaign, *fresh, {"email": "open@example.com"})
    assert [(one["code"], one["prospect"]) for one in answers] == [("E_INV_STATUS", None)] * 4 + [("OK", None)]
    assert None not in [one["id"] for one in answers]
    assert (await bird.desk.get(f"/campaigns/cmp_{campaign}/status"))["counts"]["enrolled"] == 1
    forced = await enrolled(bird, campaign, *fresh, force=True)
    assert [one["code"] for one in forced] == ["E_INV_STATUS"] * 3 + ["OK"]
    again = await added(bird, given[3], update=True)
    assert ([one["code"] for one in again], len((await bird.desk.get("/inbound"))["items"])) == (["OK"], 2)


async def test_a_known_prospect_gets_another_status_where_it_is_to_be_updated_only(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com", "b@example.com")
    for one in ("a@example.com", "b@example.com"):
        replied = {"email": one, "status": "REPLIED"}
        assert [told["code"] for told in await added(bird, replied)] == ["E_DUPLICATE"]
        [told] = await enrolled(bird, number(campaign_id), replied)
        assert (told["code"], told["prospect"]) == ("E_INV_STATUS", "DUPLICATE")
    assert (await bird.desk.get(f"/campaigns/{campaign_id}/status"))["counts"]["waiting"] == 2
    [told] = await enrolled(bird, number(campaign_id), {"email": "a@example.com", "status": "REPLIED"}, update=True)
    assert (told["code"], told["prospect"], told["prospect_campaign"]) == ("OK", "DUPLICATE", "DUPLICATE")
    await added(bird, {"email": "b@example.com", "status": "BLACKLIST"}, update=True)
    assert (await bird.desk.get(f"/campaigns/{campaign_id}/status"))["counts"]["waiting"] == 0
    assert [one["status"] for one in await bird.get("/v1/prospects")] == ["REPLIED", "BLACKLIST"]


async def test_a_status_needs_a_key_that_may_say_so(bird: Bird) -> None:
    campaign = await draft(bird)
    body = {"campaign": {"campaign_id": campaign}, "prospects": [{"email": "a@example.com", "status": "REPLIED"}]}
    for key in (
        await bird.desk.api.mint("*", form=FORM, campaign_ids=[campaign]),
        await bird.desk.api.mint("leads:write", form=FORM),
    ):
        answer = await bird.raw("POST", "/v1/add_prospects_campaign", body, key=key.text)
        assert answer.json()["prospects"][0]["code"] == "E_NO_PERMISSION"
    assert await bird.get("/v1/prospects") == []


async def test_more_than_a_chunk_is_added_in_order(bird: Bird) -> None:
    campaign = await draft(bird)
    given = [{"email": f"p{place}@example.com"} for place in range(2_100)]
    answers = await enrolled(bird, campaign, *given)
    assert [one["email"] for one in answers] == [one["email"] for one in given]
    assert {one["code"] for one in answers} == {"OK"}
    assert (await bird.desk.get(f"/campaigns/cmp_{campaign}/status"))["counts"]["enrolled"] == 2_100


async def test_more_than_20000_are_refused(bird: Bird) -> None:
    body = await bird.post("/v1/add_prospects_list", {"prospects": [{}] * 20_001}, status=400)
    assert body["status"]["status"] == "ERROR"


async def test_20000_pass_the_limit_of_a_body(bird: Bird) -> None:
    given = [{"email": "same@example.com", "snippet1": "x" * 100}] * 20_000
    answers = await added(bird, *given)
    assert len(answers) == 20_000


async def test_errors_of_version_1_have_its_envelope(bird: Bird) -> None:
    body = {"campaign": {"campaign_id": 99_999_999}, "prospects": [ERLICH]}
    missing = await bird.post("/v1/add_prospects_campaign", body, status=404)
    assert missing == {"status": {"status": "ERROR", "code": "E_RECORD_NOT_FOUND", "msg": "Campaign not found"}}
    unknown = await bird.get("/v1/prospects", status=401, headers={"x-api-key": "wrong"})
    assert unknown == {"status": {"status": "ERROR", "code": "E_SESSION", "msg": "Invalid api key"}}
    nowhere = await bird.get("/v1/nowhere", status=404)
    assert nowhere["status"]["code"] == "E_URL_NOT_FOUND"


async def test_nobody_is_written_to_before_send_after(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com")
    for address, text in (("late@example.com", "2026-03-02T10:00:01-0000"), ("now@example.com", "2025-04-01T00:01:01")):
        campaign = {"campaign_id": number(campaign_id), "send_after": text}
        body = {"campaign": campaign, "prospects": [{"email": address}]}
        assert (await bird.post("/v1/add_prospects_campaign", body))["prospects"][0]["status"] == "OK"
    assert await bird.desk.send(campaign_id) == 2
    [late] = [one for one in await bird.desk.every(f"/campaigns/{campaign_id}/enrollments") if one["step"] == 1]
    assert (await bird.desk.get(f"/enrollments/{late['id']}/why"))["reason"] == "fixed_date"
    for wrong in (5, "soon", "2026-13-01", "9999-12-31T23:59:59-23:59"):
        body = {"campaign": {"campaign_id": number(campaign_id), "send_after": wrong}, "prospects": [ERLICH]}
        refused = await bird.post("/v1/add_prospects_campaign", body, status=400)
        assert refused["status"]["msg"] == "Value of send_after is incorrect."


async def test_the_list_is_filtered_and_paged(bird: Bird) -> None:
    campaign = await draft(bird)
    await added(bird, ERLICH, {"email": "b@example.com"}, {"email": "c@example.com"})
    await enrolled(bird, campaign, {"email": "b@example.com"})
    await report(bird, InboundKind.REPLY, "c@example.com", classification=Classification.INTERESTED)

    async def emails(query: str) -> list[str]:
        return [one["email"] for one in await bird.get(f"/v1/prospects?{query}")]

    every = await emails("")
    assert every == ["b@example.com", "c@example.com", ERLICH["email"]]
    assert await emails("page=2&per_page=2") == every[2:]
    assert await emails("page=9") == []
    assert (await bird.raw("GET", "/v1/prospects?page=9")).headers["X-Total-Count"] == "3"
    assert await emails("status=REPLIED") == ["c@example.com"]
    assert await emails("status=ACTIVE") == [every[0], every[2]]
    assert await emails(f"campaigns_id={campaign}") == ["b@example.com"]
    assert await emails("search=email=B@example.com") == ["b@example.com"]
    assert await emails("search=company=bachmanity,city=Palo Alto") == every[2:]
    assert await emails("search=company=bachmanity,city=Berlin") == []
    assert await emails("contacted=false") == every
    [shown] = await bird.get("/v1/prospects?search=email=c@example.com")
    assert (shown["interested"], shown["last_replied"]) == ("INTERESTED", "2026-03-02T09:00:00+0000")
    assert await emails("interested=INTERESTED") == ["c@example.com"]
    assert await emails("interested=NOT-MARKED") == [every[0], every[2]]
    assert await emails("interested=MAYBE-LATER,INTERESTED") == ["c@example.com"]


async def test_the_search_is_for_parts_of_fields_and_of_addresses_and_for_whole_addresses(bird: Bird) -> None:
    await added(bird, ERLICH, {"email": "jared@example.com", "company": "Pied Piper", "tags": "#WORDPRESS #PR"})

    async def found(search: str) -> list[str]:
        shown = await bird.get("/v1/prospects", params={"search": search})
        return [one["first_name"] or one["email"] for one in shown]

    assert await found("company=PIED") == ["jared@example.com"]
    assert await found("company=pied,company=manity") == ["Erlich", "jared@example.com"], "or within a field"
    assert await found("company=pied,city=palo") == [], "and between fields"
    assert await found("tags=wordpress") == ["jared@example.com"]
    assert await found("snipet1=snippet 1") == await found("snippet1=snippet 1") == ["Erlich"]
    assert await found("email=jared") == await found("email=jared@example.com") == ["jared@example.com"]
    assert await found("email=ared@example.com") == [], "a whole address is not searched for as a part"
    assert await found("email=bachman,email=jared@example.com") == ["Erlich", "jared@example.com"]
    assert await found("company=%") == [], "nothing in it is a pattern"
    wrong = await bird.get("/v1/prospects?search=second_name=John", status=400)
    assert wrong["status"] == {"status": "ERROR", "code": "E_WRONG_PARAM", "msg": "Wrong param [search]=second_name"}


async def test_the_list_is_sorted_by_several_fields(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("b@example.com")
    assert await bird.desk.send(campaign_id) == 1
    await added(bird, {"email": "a@example.com", "company": "Zeta", "tags": "#B"})
    await added(bird, {"email": "c@example.com", "company": "alpha", "tags": "#A"})
    await added(bird, {"email": "d@example.com", "company": "Alpha", "tags": "#A"})

    async def order(sort: str, **more: str) -> str:
        return "".join(one["email"][0] for one in await bird.get("/v1/prospects", params={"sort": sort, **more}))

    assert await order("id") == await order("+id") == await order(" id") == "bacd"
    assert await order("-id") == "dcab"
    assert await order("-company,-email") == "adcb"
    assert await order("tags,-id") == "bdca"
    assert await order("-last_contacted,-id") == await order("+last_contacted,-id") == "bdca", "never is last"
    assert await order("status,email,updated,last_replied") == "abcd"
    assert await order("-id", page="2", per_page="3") == "b"
    assert await order("-last_opened", activity="OPENED") == ""
    for wrong in ("name", "", "last_opened", "id;", "company,x"):
        await bird.get("/v1/prospects", status=400, params={"sort": wrong})


async def test_only_what_was_updated_before_or_after_a_time_is_told(bird: Bird) -> None:
    await added(bird, ERLICH)
    everybody = [ERLICH["email"]]

    async def emails(diff: str, status: int = 200, **more: str) -> Any:
        shown = await bird.get("/v1/prospects", status=status, params={"diff": diff, **more})
        return [one["email"] for one in shown] if status == 200 else None

    assert await emails("updated>2017-01-01") == everybody
    assert await emails("updated>2026-03-02T09:00:00+0000") == []
    assert await emails("updated>2026-03-02T09:30:00 0100") == everybody, "a plus in an address is a space"
    assert await emails("updated<2026-03-02T09:00:01Z") == everybody
    assert await emails("last_opened>2017-01-01", activity="OPENED") == []
    for wrong in (
        *("1", "updated=2017-01-01", "updated>2017-13-01", "created>2017-01-01", "last_opened>2017-01-01"),
        "updated>0001-01-01T00:00:00+2359",
    ):
        await emails(wrong, 400)


async def test_nobody_has_opened_or_clicked_and_who_was_written_to_has_not(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com")
    assert await bird.desk.send(campaign_id) == 1
    await added(bird, ERLICH)
    for activity, emails in (
        ("OPENED", []), ("clicked", []), ("NOT-OPENED", ["a@example.com"]), ("NOT-CLICKED", ["a@example.com"])
    ):  # fmt: skip
        assert [one["email"] for one in await bird.get(f"/v1/prospects?activity={activity}")] == emails
    assert await bird.get("/v1/prospects?activity=NOT-OPENED&contacted=false") == []
    await bird.get("/v1/prospects?activity=SLEPT", status=400)


async def test_the_campaigns_of_a_prospect_are_told_when_asked_for(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com")
    assert await bird.desk.send(campaign_id) == 1
    [shown] = await bird.get("/v1/prospects?campaigns_details=true&contacted=true")
    [place] = shown["campaigns_details"]
    assert (place["campaign_id"], place["campaign_status"]) == (number(campaign_id), "RUNNING")
    assert place["campaign_prospect_status"] == "ACTIVE"
    assert place["campaign_email"].endswith("@sender.test")
    assert place["interested"] == "NOT-MARKED"
    await report(bird, InboundKind.REPLY, "a@example.com", classification=Classification.MAYBE_LATER)
    [shown] = await bird.get("/v1/prospects?campaigns_details=true")
    assert shown["campaigns_details"][0]["interested"] == "MAYBE-LATER"
    assert shown["last_contacted"] == "2026-03-02T09:00:00+0000"


@pytest.mark.parametrize(
    ("kind", "more", "status"),
    [
        (InboundKind.REPLY, {}, "REPLIED"),
        (InboundKind.AUTO_REPLY, {}, "NONRESPONSIVE"),
        (InboundKind.BOUNCE, {"bounce_type": BounceType.HARD}, "BOUNCED"),
        (InboundKind.UNSUBSCRIBE, {}, "OPT-OUT"),
    ],
)
async def test_what_comes_back_after_the_last_step_is_told_of_the_campaign(
    bird: Bird, kind: InboundKind, more: Any, status: str
) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com", steps=[{"subject": "Hello", "text": "Hello"}])
    assert await bird.desk.send(campaign_id) == 1
    await report(bird, kind, "a@example.com", **more)
    [shown] = await bird.get("/v1/prospects?campaigns_details=true")
    assert [one["campaign_prospect_status"] for one in shown["campaigns_details"]] == [status]


async def test_a_prospect_is_taken_out_of_one_campaign_or_deleted(bird: Bird) -> None:
    first, second = await draft(bird), await draft(bird)
    [one] = await enrolled(bird, first, ERLICH)
    await enrolled(bird, second, ERLICH)
    answer = await bird.raw("DELETE", f"/v1/prospects?id={one['id']}&campaigns_id={first}")
    assert (answer.status_code, answer.content) == (200, b"")
    [shown] = await bird.get("/v1/prospects?campaigns_details=true")
    assert [place["campaign_prospect_status"] for place in shown["campaigns_details"]] == ["PAUSED", "ACTIVE"]
    await bird.ask("DELETE", f"/v1/prospects?id={one['id']}")
    [shown] = await bird.get("/v1/prospects?campaigns_details=true")
    assert [place["campaign_prospect_status"] for place in shown["campaigns_details"]] == ["PAUSED", "PAUSED"]
    [alone] = await added(bird, {"email": "alone@example.com"})
    await bird.ask("DELETE", f"/v1/prospects?id={alone['id']}")
    assert len(await bird.get("/v1/prospects")) == 1
    await bird.ask("DELETE", "/v1/prospects", status=409)


async def test_what_a_prospect_answered(bird: Bird) -> None:
    campaign_id, _ = await bird.desk.running("a@example.com")
    assert await bird.desk.send(campaign_id) == 1
    await report(bird, InboundKind.REPLY, "a@example.com", subject="Re: Hello", text="Yes")
    [lead] = await bird.get("/v1/prospects")
    found = await bird.get(f"/v2/prospects/{lead['id']}/responses")
    assert (found["prospect_id"], found["email"]) == (lead["id"], "a@example.com")
    [response] = found["responses"]
    assert response["delivered"] == "2026-03-02T09:00:00"
    assert (response["campaign_id"], response["step"], response["message"]) == (number(campaign_id), 1, "Yes")
    assert (await bird.get(f"/v2/prospects/{lead['id']}/responses?campaign_id=1"))["responses"] == []
    await report(bird, InboundKind.REPLY, "a@example.com", text="And")
    both = await bird.get(f"/v2/prospects/{lead['id']}/responses?campaign_id=1,{number(campaign_id)}")
    assert [one["message"] for one in both["responses"]] == ["Yes", "And"], "oldest first"
    missing = await bird.get("/v2/prospects/99999999/responses", status=404)
    assert missing["code"] == "PROSPECT_NOT_EXIST"
    assert lead["status"] == "REPLIED"


async def test_a_prospect_of_the_campaign_that_was_to_be_updated_was(bird: Bird) -> None:
    campaign = await draft(bird)
    await enrolled(bird, campaign, ERLICH)
    [again] = await enrolled(bird, campaign, {"email": ERLICH["email"], "city": "Berlin"}, update=True)
    assert (again["prospect_campaign"], again["code"]) == ("DUPLICATE", "OK")
    assert (await bird.get("/v1/prospects"))[0]["city"] == "Berlin"
    body = {"campaign": {"campaign_id": campaign}, "prospects": [{"email": ERLICH["email"], "city": "Ulm"}]}
    assert (await bird.post("/v1/update_prospects_campaign", body))["prospects"][0]["code"] == "OK"
    assert (await bird.get("/v1/prospects"))[0]["city"] == "Ulm"


@pytest.mark.parametrize(
    "filter_", ["interested=yes", "search=bogus", "search=email=a@example.com,bogus", "contacted=maybe", "status=NOPE"]
)
async def test_a_filter_that_cannot_be_read_is_not_answered_with_all_prospects(bird: Bird, filter_: str) -> None:
    await added(bird, ERLICH)
    body = await bird.get(f"/v1/prospects?{filter_}", status=400)
    name = filter_.partition("=")[0]
    assert body["status"] == {"status": "ERROR", "code": "E_WRONG_PARAM", "msg": f"Value of {name} is incorrect."}
    assert await bird.get("/v1/prospects?status=INVALID") == []


async def test_a_prospect_that_is_not_there_keeps_no_other_from_being_deleted(bird: Bird) -> None:
    [first], [second] = await added(bird, {"email": "a@example.com"}), await added(bird, {"email": "b@example.com"})
    await bird.ask("DELETE", f"/v1/prospects?id={first['id']},99999999,{second['id']}")
    assert await bird.get("/v1/prospects") == []
    await bird.ask("DELETE", f"/v1/prospects?id={first['id']},{second['id']}")
