"""What every vendor's door does before and around its operations, on a door made for the test."""

from typing import Any

import pytest
from fastapi import Request
from starlette.responses import Response

from caesura.domain.api_key import KeyForm
from caesura.domain.errors import CaesuraError, Conflict, NotFound
from caesura.http.door import Call, Door, Operation, Refusal, as_json, bearer
from caesura.service import keys

FORM = KeyForm("leadterra", "sk_live_")


class Model(Door):
    """A door that shows what it was told."""

    def presented(self, request: Request) -> str:
        return bearer(request, "sk_live_...")

    def campaign(self, text: str) -> int:
        if not text.startswith("c"):
            raise NotFound("campaign_not_found", "there is no such campaign")
        return int(text[1:])

    def refusal(self, error: Exception, operation: Operation | None) -> Refusal:
        status = {"key_missing": 401, "scope_missing": 403, "campaign_not_found": 404, "rate_limited": 429}
        if isinstance(error, CaesuraError):
            return Refusal(status.get(error.code, 400), error.code, error.detail)
        return Refusal(500, "internal", "internal")

    def render(self, refusal: Refusal, request: Request, operation: Operation | None) -> Response:
        return as_json({"oops": refusal.code}, refusal.status)

    def unsupported(self, what: str) -> Refusal:
        return Refusal(400, "unsupported", what)


def door() -> Model:
    made = Model("leadterra", "/model", FORM)

    @made.on("POST", "/campaigns/{campaign_id}/pause", "campaigns:send")
    async def pause(call: Call) -> Response:
        return call.answer({"campaign": call.campaign_id, "body": call.fields()})

    @made.on("GET", "/campaigns/{campaign_id}", "campaigns:read")
    async def get(call: Call) -> Response:
        return call.answer({"campaign": call.campaign_id})

    @made.on("GET", "/leads", "leads:read")
    async def leads(call: Call) -> Response:
        return call.answer([])

    @made.on("GET", "/broken", "leads:read")
    async def broken(call: Call) -> Response:
        raise RuntimeError("secret detail")

    @made.on("POST", "/taken", "leads:write", idempotent=True)
    async def taken(call: Call) -> Response:
        raise Conflict("taken", "taken")

    made.lacks("GET", "/calendar", "leads:read", "calendars")
    return made


@pytest.fixture
async def desk(make_api: Any) -> Any:
    return await make_api(register=lambda application: application.router.routes.extend(door().routes()))


async def ask(desk: Any, method: str, path: str, *scopes: str, **more: Any) -> tuple[int, Any]:
    issued = await desk.mint(*(scopes or ("*",)), form=FORM)
    headers = {"Authorization": f"Bearer {issued.text}", **more.pop("headers", {})}
    answer = await desk.client.request(method, f"/model{path}", headers=headers, **more)
    return answer.status_code, answer.json()


async def test_an_operation_gets_our_number_of_the_campaign_and_the_body(desk: Any) -> None:
    status, body = await ask(desk, "POST", "/campaigns/c12/pause", json={"why": "x"})
    assert (status, body) == (200, {"campaign": 12, "body": {"why": "x"}})


async def test_no_key_is_refused_in_the_doors_own_shape(desk: Any) -> None:
    answer = await desk.client.get("/model/leads", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (401, {"oops": "key_missing"})


async def test_a_key_of_another_dialect_is_no_key_here(desk: Any) -> None:
    answer = await desk.client.get("/model/leads")
    assert answer.json() == {"oops": "key_malformed"}


async def test_a_key_without_the_permission_is_refused(desk: Any) -> None:
    assert await ask(desk, "POST", "/campaigns/c12/pause", "campaigns:read") == (403, {"oops": "scope_missing"})


async def test_a_body_that_is_no_json_is_refused(desk: Any) -> None:
    assert await ask(desk, "POST", "/campaigns/c12/pause", content=b"{") == (400, {"oops": "json_malformed"})


async def test_a_path_that_the_door_has_not_is_not_found_in_its_shape(desk: Any) -> None:
    assert await ask(desk, "GET", "/nowhere") == (404, {"oops": "route_not_found"})


async def test_a_method_that_a_path_does_not_take_is_told_with_those_that_it_takes(desk: Any) -> None:
    answer = await desk.client.delete("/model/leads")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "TRACE", "PROPFIND", "BREW", "get"])
async def test_whatever_the_method_the_answer_is_the_doors(desk: Any, method: str) -> None:
    refused = await desk.client.request(method, "/model/campaigns/c1/pause")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")
    absent = [await desk.client.request(method, f"/model{path}") for path in ("/nowhere", "/", "")]
    assert [answer.status_code for answer in absent] == [404, 404, 404]
    if method != "HEAD":
        assert refused.json() == {"oops": "method_not_allowed"}
        assert {answer.text for answer in absent} == {'{"oops":"route_not_found"}'}


async def test_head_answers_as_get_does_without_a_body(desk: Any) -> None:
    headers = {"Authorization": f"Bearer {(await desk.mint('*', form=FORM)).text}"}
    answer = await desk.client.head("/model/leads", headers=headers)
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "2")


async def test_what_the_vendor_has_and_we_have_not_says_so(desk: Any) -> None:
    assert await ask(desk, "GET", "/calendar") == (400, {"oops": "unsupported"})


async def test_a_fault_of_ours_tells_nothing_of_itself(desk: Any) -> None:
    status, body = await ask(desk, "GET", "/broken")
    assert (status, body) == (500, {"oops": "internal"})


async def test_an_error_is_kept_under_an_idempotency_key_in_the_doors_shape(desk: Any) -> None:
    issued = await desk.mint("*", form=FORM)
    headers = {"Authorization": f"Bearer {issued.text}", "Idempotency-Key": "a"}
    first = await desk.client.post("/model/taken", headers=headers)
    again = await desk.client.post("/model/taken", headers=headers)
    assert first.json() == again.json() == {"oops": "taken"}
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_key_for_single_campaigns_opens_these_and_nothing_else(desk: Any) -> None:
    issued = await desk.mint("*", form=FORM)
    await desk_restrict(desk, issued.row.id, [12])
    headers = {"Authorization": f"Bearer {issued.text}"}

    async def status(path: str) -> int:
        return int((await desk.client.get(f"/model{path}", headers=headers)).status_code)

    assert [await status(path) for path in ("/campaigns/c12", "/campaigns/c13", "/leads")] == [200, 404, 400]


async def desk_restrict(desk: Any, key_id: int, campaign_ids: list[int]) -> None:
    async with desk.database.connection() as connection:
        await connection.execute("update api_key set campaign_ids = $2 where id = $1", key_id, campaign_ids)


async def test_a_revoked_key_opens_nothing_from_then_on(desk: Any) -> None:
    issued = await desk.mint("*", form=FORM)
    headers = {"Authorization": f"Bearer {issued.text}"}
    assert (await desk.client.get("/model/leads", headers=headers)).status_code == 200
    await keys.revoke(desk.database, issued.row.workspace_id, issued.row.id, "test", desk.clock())
    assert (await desk.client.get("/model/leads", headers=headers)).json() == {"oops": "key_revoked"}
