import json
from typing import Any

import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from caesura.domain import errors
from caesura.domain.errors import CaesuraError, Conflict, Invalid, LimitReached, NotFound, Problem, Unavailable
from caesura.http import problems


def subclasses(error: type[CaesuraError]) -> set[type[CaesuraError]]:
    return {error for below in error.__subclasses__() for error in ({below} | subclasses(below))}


def answered(error: Exception) -> tuple[Any, dict[str, Any]]:
    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/keys", "query_string": b"secret=1", "headers": [],
        "server": ("api.test", 80), "scheme": "http", "state": {"request_id": "req_1"},
    }  # fmt: skip
    response = problems.answer(Request(scope), error)
    assert response.media_type == "application/problem+json"
    return response, json.loads(bytes(response.body))


def test_every_kind_of_error_has_a_status_with_a_title() -> None:
    found = subclasses(CaesuraError)
    assert found >= set(problems.STATUS)
    for error in found:
        made = error.__new__(error)
        CaesuraError.__init__(made, "some_code", "some detail")
        status = problems.status_of(made)
        assert 400 <= status < 600
        assert status != 500, f"{error.__name__} has no status"
        assert status in problems.TITLES


def test_a_kind_of_error_that_comes_later_has_the_status_of_its_ancestor() -> None:
    class Vanished(errors.NotFound):
        """Made up."""

    assert problems.status_of(Vanished("x", "y")) == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("x", "y"), 422),
        (Invalid("json_malformed", "y"), 400),
        (Invalid("encoding_invalid", "y"), 400),
        (Invalid("body_too_large", "y"), 413),
        (Invalid("unsupported_media_type", "y"), 415),
        (errors.Unauthenticated("x", "y"), 401),
        (errors.Forbidden("x", "y"), 403),
        (NotFound("x", "y"), 404),
        (Conflict("x", "y"), 409),
        (Conflict("version_mismatch", "y"), 412),
        (LimitReached("x", "y"), 429),
        (Unavailable("x", "y"), 503),
        (HTTPException(418), 418),
        (ValueError("secret"), 500),
    ],
)
def test_errors_have_their_status(error: Exception, status: int) -> None:
    response, document = answered(error)
    assert response.status_code == document["status"] == status


def test_a_problem_has_all_members_of_rfc_9457_and_ours() -> None:
    _, document = answered(NotFound("key_not_found", "there is no such key"))
    assert document == {
        "type": "urn:caesura:problem:key_not_found",
        "title": "Not found",
        "status": 404,
        "detail": "there is no such key",
        "instance": "/api/v1/keys",
        "code": "key_not_found",
        "request_id": "req_1",
    }


def test_each_fault_has_its_place() -> None:
    error = Invalid.of(Problem("a", "A.", pointer=""), Problem("b", "B.", file="leads.csv", line=3))
    _, document = answered(error)
    assert document["code"] == "a"
    assert document["errors"] == [
        {"code": "a", "detail": "A.", "pointer": ""},
        {"code": "b", "detail": "B.", "file": "leads.csv", "line": 3},
    ]


def test_a_fault_in_a_parameter_or_header_is_told_by_name() -> None:
    _, document = answered(problems.misplaced("query", "limit", "out_of_range", "Too much."))
    assert document["errors"] == [{"code": "out_of_range", "detail": "Too much.", "parameter": "limit"}]
    _, document = answered(problems.misplaced("header", "If-Match", "invalid_value", "Wrong."))
    assert document["errors"] == [{"code": "invalid_value", "detail": "Wrong.", "header": "If-Match"}]


def test_a_conflict_tells_the_state_and_what_is_allowed() -> None:
    _, document = answered(Conflict("not_possible", "it is completed", state="completed", allowed=["archive"]))
    assert (document["state"], document["allowed"]) == ("completed", ["archive"])


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (LimitReached("x", "y", retry_after=0.01), "1"),
        (LimitReached("x", "y", retry_after=2.1), "3"),
        (LimitReached("x", "y"), "1"),
        (Unavailable("x", "y"), "5"),
    ],
)
def test_who_should_come_again_is_told_when(error: Exception, seconds: str) -> None:
    response, _ = answered(error)
    assert response.headers["Retry-After"] == seconds


def test_what_went_wrong_inside_is_not_told() -> None:
    response, document = answered(ValueError("password=hunter2"))
    assert b"hunter2" not in response.body
    assert document["code"] == "internal_error"
    assert document["request_id"] == "req_1"


def test_text_that_is_no_unicode_breaks_no_answer() -> None:
    _, document = answered(Invalid.of(Problem("a", "\ud800", pointer="/\ud800")))
    assert document["errors"][0]["pointer"] == "/?"


def test_at_most_a_hundred_faults_are_listed() -> None:
    found = [{"type": "extra_forbidden", "loc": ("body", f"f{n}"), "msg": "", "input": 1} for n in range(500)]
    _, document = answered(RequestValidationError(found, body={}))
    assert len(document["errors"]) == 100


def test_the_answers_of_a_route_are_described_with_an_example_for_each_code() -> None:
    described = problems.answers(NotFound("a", "A"), NotFound("b", "B"), Conflict("c", "C", "paused", ["resume"]))
    assert set(described) == {404, 409}
    examples = described[404]["content"]["application/problem+json"]["examples"]
    assert set(examples) == {"a", "b"}
    assert described[409]["content"]["application/problem+json"]["examples"]["c"]["value"]["allowed"] == ["resume"]


def test_described_answers_are_merged_by_status() -> None:
    both = problems.merged(
        problems.answers(NotFound("a", "A")), problems.answers(NotFound("b", "B")), {201: {"headers": {"X": 1}}}
    )
    assert set(both[404]["content"]["application/problem+json"]["examples"]) == {"a", "b"}
    assert both[201] == {"headers": {"X": 1}}
