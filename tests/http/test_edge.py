import re
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from starlette.requests import ClientDisconnect


def failing(application: FastAPI) -> None:
    @application.get("/fail")
    async def fail() -> None:
        raise ValueError("password=hunter2")

    @application.get("/gone")
    async def gone() -> None:
        raise ClientDisconnect


async def test_every_answer_has_a_request_id_and_the_security_headers(make_api: Any) -> None:
    api = await make_api(register=failing)
    for path in ("/healthz", "/api/v1/keys", "/nothing", "/openapi.json", "/fail"):
        answer = await api.client.get(path)
        assert re.fullmatch(r"req_[a-z2-7]{16}", answer.headers["X-Request-Id"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_no_two_requests_have_the_same_id(served: Any) -> None:
    ids = {served.client.get("/healthz").headers["X-Request-Id"] for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("given", ["abc-123", "a" * 128, "01:ab_c.d"])
def test_a_sane_request_id_is_kept(served: Any, given: str) -> None:
    answer = served.client.get("/nothing", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "a" * 129, "two words", "x\ty", "<script>", "é"])
def test_any_other_request_id_is_replaced(served: Any, given: str) -> None:
    answer = served.client.get("/nothing", headers={"X-Request-Id": given.encode("latin-1")})
    assert answer.headers["X-Request-Id"].startswith("req_")


async def test_an_unexpected_error_is_logged_with_the_request_id_and_tells_nothing(make_api: Any) -> None:
    api = await make_api(register=failing)
    with structlog.testing.capture_logs() as logs:
        answer = await api.client.get("/fail")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text + str(answer.headers)
    assert logs[0]["request_id"] == answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert logs[0]["log_level"] == "error"
    assert logs[0]["exc_info"]


async def test_a_client_that_goes_away_is_no_error(make_api: Any) -> None:
    api = await make_api(register=failing)
    with structlog.testing.capture_logs() as logs, pytest.raises(AssertionError):
        await api.client.get("/gone")
    assert logs == []


async def test_unknown_paths_and_methods_are_problems_too(api: Any) -> None:
    missing = await api.client.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "route_not_found")
    refused = await api.client.put("/api/v1/keys")
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == "GET, POST"
    one = await api.client.post("/api/v1/keys/key_1")
    assert one.headers["Allow"] == "DELETE, GET"
    slash = await api.client.get("/api/v1/keys/")
    assert slash.status_code == 404


async def test_requests_are_counted_by_route_and_status_with_bounded_labels(api: Any) -> None:
    await api.client.get(f"/api/v1/keys/key_{api.issued.row.id}")
    await api.client.get("/api/v1/keys/key_9000000")
    for number in range(3):
        await api.client.request(f"X{number}", f"/nothing/{number}")
    text = (await api.client.get("/metrics")).text
    assert 'caesura_http_requests_total{method="GET",route="/api/v1/keys/{key_id}",status="200"} 1.0' in text
    assert 'caesura_http_requests_total{method="GET",route="/api/v1/keys/{key_id}",status="404"} 1.0' in text
    assert 'caesura_http_requests_total{method="other",route="none",status="404"} 3.0' in text
