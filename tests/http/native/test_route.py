import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Request

from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.native.route import NativeRoute, UploadRoute

KEYS = "/api/v1/keys"
JSON = {"Content-Type": "application/json"}
GOOD = b'{"scopes": ["*"]}'


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (b"", 422, "missing_field", ""),
        (b"null", 422, "wrong_type", ""),
        (b"[]", 422, "wrong_type", ""),
        (b'"text"', 422, "wrong_type", ""),
        (b"5", 422, "wrong_type", ""),
        (b"{", 400, "json_malformed", None),
        (b'{"scopes": ["*"]} x', 400, "json_malformed", None),
        (b'{"scopes": ["\xff"]}', 400, "encoding_invalid", None),
        (b'{"scopes": NaN}', 400, "json_malformed", "/scopes"),
        (b'{"scopes": ["*"], "scopes": ["*"]}', 422, "duplicate_field", "/scopes"),
        (b'{"scopes": ["*"], "label": "a\\u0000b"}', 422, "control_character", "/label"),
        (b'{"scopes": ["*"], "label": "\\ud800"}', 422, "invalid_unicode", "/label"),
        (b'{"scopes": ["*"], "\\udc00": 1}', 422, "invalid_unicode", ""),
        (b'{"scopes": ["*"], "x": 99999999999999999999}', 422, "out_of_range", "/x"),
        (b'{"scopes": ["*"], "x": 1e400}', 422, "out_of_range", "/x"),
        (b'{"scopes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422, "too_deep", None),
        (b'{"scopes": ' + b"[" * 70 + b"]" * 70 + b"}", 422, "too_deep", "/scopes" + "/0" * 63),
        (b'{"scopes": ["*"], "x": ' + b"9" * 10_000 + b"}", 422, "out_of_range", "/x"),
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_with_code_and_place(
    served: Any, body: bytes, status: int, code: str, pointer: str | None
) -> None:
    answer = served.client.post(KEYS, content=body, headers=JSON)
    document = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, document["code"]) == (status, code)
    assert (document["errors"][0]["pointer"] if "errors" in document else None) == pointer


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json", "application/jsonx"])
def test_a_body_that_does_not_say_that_it_is_json_is_refused(served: Any, kind: str) -> None:
    answer = served.client.post(KEYS, content=GOOD, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
def test_json_is_taken_under_all_its_names(served: Any, kind: str) -> None:
    assert served.client.post(KEYS, content=GOOD, headers={"Content-Type": kind}).status_code == 201


async def test_a_body_of_ten_megabytes_is_refused_unread(api: Any) -> None:
    taken = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b" " * 100_000

    declared = await api.client.post(KEYS, content=parts(), headers={**JSON, "Content-Length": "10000000"})
    assert (declared.status_code, declared.json()["code"]) == (413, "body_too_large")
    assert taken == 0
    counted = await api.client.post(KEYS, content=parts(), headers=JSON)
    assert counted.status_code == 413
    assert taken == 11


async def test_the_limit_of_a_body_can_be_set(make_api: Any) -> None:
    api = await make_api(body_limit=len(GOOD))
    assert (await api.client.post(KEYS, content=GOOD, headers=JSON)).status_code == 201
    assert (await api.client.post(KEYS, content=GOOD + b" ", headers=JSON)).status_code == 413


@pytest.mark.parametrize(
    ("query", "status", "code", "parameter"),
    [
        ("limit=x", 422, "invalid_value", "limit"),
        ("limit=0", 422, "out_of_range", "limit"),
        ("limit=201", 422, "out_of_range", "limit"),
        ("limit=" + "9" * 5000, 422, "out_of_range", "limit"),
        ("limit=", 422, "invalid_value", "limit"),
        ("limit=1&limit=2", 422, "repeated_parameter", "limit"),
        ("limt=5", 422, "unknown_parameter", "limt"),
        ("limit", 422, "invalid_value", "limit"),
        ("cursor=%00", 422, "control_character", "cursor"),
        ("cursor=%ff", 400, "encoding_invalid", None),
        ("cursor=nonsense", 422, "cursor_invalid", "cursor"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(
    served: Any, query: str, status: int, code: str, parameter: str | None
) -> None:
    answer = served.client.get(f"{KEYS}?{query}")
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code)
    assert (document["errors"][0]["parameter"] if "errors" in document else None) == parameter


async def test_every_answer_says_where_the_key_stands_and_429_when_to_come_again(api: Any) -> None:
    issued = await api.mint("*", plan="slow")
    headers = {"Authorization": f"Bearer {issued.text}"}
    api.clock.advance(15)
    answers = [await api.client.get(KEYS, headers=headers) for _ in range(61)]
    assert [answer.headers["RateLimit-Remaining"] for answer in (answers[0], *answers[-2:])] == ["59", "0", "0"]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    refused = answers[-1]
    assert (refused.json()["code"], refused.headers["Retry-After"]) == ("rate_limited", "45")
    assert (refused.headers["RateLimit-Limit"], refused.headers["RateLimit-Reset"]) == ("60", "45")
    api.clock.advance(45)
    assert (await api.client.get(f"{KEYS}/nonsense", headers=headers)).headers["RateLimit-Remaining"] == "59"


async def test_a_key_without_limits_is_told_of_none(api: Any) -> None:
    issued = await api.mint("*", plan="unmetered")
    answer = await api.client.get(KEYS, headers={"Authorization": f"Bearer {issued.text}"})
    assert "RateLimit-Limit" not in answer.headers


async def test_a_key_for_single_campaigns_opens_these_and_nothing_else(api: Any) -> None:
    made = [(await api.client.post("/api/v1/campaigns", json={"name": f"c{n}"})).json()["id"] for n in range(2)]
    body = {"scopes": ["*"], "campaign_ids": [made[0]]}
    key = (await api.client.post(KEYS, json=body)).json()
    assert key["campaign_ids"] == [made[0]]
    headers = {"Authorization": f"Bearer {key['key']}"}

    async def code(method: str, path: str, **more: Any) -> Any:
        answer = await api.client.request(method, f"/api/v1{path}", headers=headers, **more)
        return answer.json().get("code", answer.status_code)

    assert await code("GET", f"/campaigns/{made[0]}") == 200
    assert await code("GET", f"/campaigns/{made[1]}") == "campaign_not_found"
    assert await code("POST", f"/campaigns/{made[1]}/pause") == "campaign_not_found"
    assert await code("GET", "/campaigns/nonsense") == "campaign_not_found"
    for method, path in (("POST", "/campaigns"), ("GET", "/leads"), ("GET", "/events"), ("POST", "/keys")):
        assert await code(method, path, **({"json": {}} if method == "POST" else {})) == "key_restricted"
    listed = await api.client.get("/api/v1/campaigns", headers=headers)
    assert [one["id"] for one in listed.json()["items"]] == [made[0]]


async def test_a_key_for_single_campaigns_enrols_leads_and_changes_none_that_others_have(api: Any) -> None:
    campaign_id = (await api.client.post("/api/v1/campaigns", json={"name": "c"})).json()["id"]
    known = (await api.client.post("/api/v1/leads", json={"address": "kim@a.test", "fields": {"city": "Bonn"}})).json()
    issued = (await api.client.post(KEYS, json={"scopes": ["*"], "campaign_ids": [campaign_id]})).json()
    leads = [{"address": address, "fields": {"city": "Rome"}} for address in ("kim@a.test", "new@a.test")]
    headers = {"Authorization": f"Bearer {issued['key']}"}
    body = {"leads": leads, "replace": True}
    done = (await api.client.post(f"/api/v1/campaigns/{campaign_id}/enrollments", json=body, headers=headers)).json()
    assert done["enrolled"] == 2
    assert (await api.client.get(f"/api/v1/leads/{known['id']}")).json()["fields"] == {"city": "Bonn"}
    new = (await api.client.get("/api/v1/leads", params={"address": "new@a.test"})).json()["items"]
    assert new[0]["fields"] == {"city": "Rome"}


async def test_a_key_for_single_campaigns_imports_a_file_and_changes_no_lead_that_others_have(api: Any) -> None:
    campaign_id = (await api.client.post("/api/v1/campaigns", json={"name": "c"})).json()["id"]
    known = (await api.client.post("/api/v1/leads", json={"address": "kim@a.test", "fields": {"city": "Bonn"}})).json()
    issued = (await api.client.post(KEYS, json={"scopes": ["*"], "campaign_ids": [campaign_id]})).json()
    headers = {"Authorization": f"Bearer {issued['key']}", "Content-Type": "text/csv"}
    file = b"email,city\nkim@a.test,Rome\nnew@a.test,Rome\n"
    path = f"/api/v1/campaigns/{campaign_id}/import"
    done = (await api.client.post(path, content=file, headers=headers)).json()
    assert [done[name] for name in ("enrolled", "created", "updated", "unchanged")] == [2, 1, 0, 1]
    assert (await api.client.get(f"/api/v1/leads/{known['id']}")).json()["fields"] == {"city": "Bonn"}


async def test_who_has_no_key_learns_nothing_about_the_body(api: Any) -> None:
    answer = await api.client.post(KEYS, content=b"{", headers={**JSON, "Authorization": ""})
    assert answer.status_code == 401


def uploads(application: FastAPI) -> None:
    router = APIRouter(prefix="/api/v1/uploads", route_class=UploadRoute)

    @router.post("")
    async def upload(request: Request, _caller: Annotated[Caller, require(Scope.LEADS_WRITE)]) -> int:
        return sum([len(part) async for part in request.stream()])

    application.router.routes.extend(router.routes)


async def test_a_route_that_is_declared_as_an_upload_takes_any_size_as_a_stream(make_api: Any) -> None:
    api = await make_api(register=uploads, body_limit=10)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 100_000

    answer = await api.client.post("/api/v1/uploads", content=parts(), headers={"Idempotency-Key": "a"})
    assert (answer.status_code, answer.json()) == (200, 5_000_000)
    replayed = await api.client.post("/api/v1/uploads", content=parts(), headers={"Idempotency-Key": "a"})
    assert replayed.headers["Idempotency-Replayed"] == "true"


def bare(application: FastAPI) -> None:
    router = APIRouter(prefix="/api/v1/bare", route_class=NativeRoute)

    @router.post("")
    async def bare_post(_caller: Annotated[Caller, require(Scope.LEADS_WRITE)]) -> str:
        return "done"

    @router.get("/{text}")
    async def bare_get(text: str, _caller: Annotated[Caller, require(Scope.LEADS_WRITE)]) -> str:
        return text

    application.router.routes.extend(router.routes)


async def test_a_text_in_the_path_may_hold_anything_but_nul(make_api: Any) -> None:
    api = await make_api(register=bare)
    assert (await api.client.get("/api/v1/bare/%C3%A9%0A%FF")).json() == "é\n\N{REPLACEMENT CHARACTER}"
    answer = await api.client.get("/api/v1/bare/a%00b")
    assert (answer.status_code, answer.json()["code"]) == (422, "control_character")
    assert answer.json()["errors"][0]["parameter"] == "text"


async def test_a_route_without_a_body_needs_none(make_api: Any) -> None:
    api = await make_api(register=bare)
    answers = await asyncio.gather(*(api.client.post("/api/v1/bare") for _ in range(3)))
    assert [answer.json() for answer in answers] == ["done"] * 3
