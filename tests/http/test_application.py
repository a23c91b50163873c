import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from caesura.domain.scopes import Scope
from caesura.http import problems

# Over all operations; more on demand.
EXAMPLES = int(os.environ.get("CAESURA_TEST_EXAMPLES", "100"))


@pytest.fixture
def document(served: Any) -> Any:
    answer = served.client.get("/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    return answer.json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [(path, method, found) for path, methods in document["paths"].items() for method, found in methods.items()]


def test_the_description_says_what_this_is(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Caesura"
    assert document["info"]["description"]
    assert document["servers"] == [{"url": "/", "description": "This server."}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_every_operation_is_described_and_tagged(document: Any) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for path, method, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert set(operation["tags"]) <= tags


def test_every_operation_of_the_api_names_a_scope_and_its_errors_with_examples(document: Any) -> None:
    for path, method, operation in operations(document):
        if not path.startswith("/api/"):
            continue
        [security] = operation["security"]
        assert set(security["key"]) <= set(Scope)
        expected = {"400", "401", "403", "422", "429", "500", "503"}
        taken = operation.get("requestBody", {}).get("content", {})
        expected |= {"413", "415"} if "application/json" in taken else {"415"} if taken else set()
        expected |= {"404"} if "{" in path else set()
        expected |= {"409"} if method == "post" else set()
        assert expected <= set(operation["responses"]), (method, path)
        assert ("Idempotency-Key" in {p["name"] for p in operation.get("parameters", [])}) is (method == "post")


def test_every_error_answer_is_a_problem_and_its_examples_hold(document: Any) -> None:
    shared = document["components"]["examples"]
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"]
            if int(status) < 400:
                continue
            [media_type] = response["content"]
            assert media_type == "application/problem+json", (method, path, status)
            for code, example in response["content"][media_type]["examples"].items():
                value = shared[code]["value"] if "$ref" in example else example["value"]
                problems.ProblemDocument.model_validate(value)
                assert (value["code"], value["status"]) == (code, int(status))


def test_the_real_server_answers(served: Any) -> None:
    client = served.client
    assert client.get("/readyz").json() == {"status": "ok"}
    made = client.post("/api/v1/keys", json={"scopes": ["leads:read"]})
    assert made.status_code == 201
    assert client.get(made.headers["Location"]).json()["id"] == made.json()["id"]
    large = client.post("/api/v1/keys", content=b" " * 10_000_000, headers={"Content-Type": "application/json"})
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert client.get("/healthz").status_code == 200


def test_no_request_that_a_machine_thinks_of_breaks_the_description(served: Any) -> None:
    schema = schemathesis.openapi.from_url(f"{served.client.base_url}/openapi.json", timeout=120)
    # A stream has no end to wait for.
    found = list(schema.include(path_regex="^/api/").exclude(path_regex="/stream$").get_all_operations())
    examples = max(1, EXAMPLES // (2 * len(found)))
    for operation in found:
        for mode in schemathesis.GenerationMode:

            @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.ok().as_strategy(generation_mode=mode))
            def check(case: schemathesis.Case) -> None:
                # A key for each: the one that asks may revoke itself.
                answer = case.call(headers=served.bearing("*", workspace="machine"))
                # No schema tells a cursor that was given out; and 413 is a refusal too.
                unfit = [positive_data_acceptance, *([negative_data_rejection] * (answer.status_code == 413))]
                case.validate_response(answer, excluded_checks=unfit)

            check()
