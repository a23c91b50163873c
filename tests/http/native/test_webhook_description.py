"""The webhooks in the description are those that are sent: every kind, with bodies as they are."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from caesura.domain.event_kinds import MEANINGS
from caesura.domain.webhook_form import Facts, Notice, Occurrence
from caesura.http.native.webhook_description import webhook_operations, webhook_schemas
from caesura.http.native.webhook_form import NATIVE, TEST

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def faults(kind: str, body: bytes) -> list[str]:
    schema = webhook_operations()[kind]["post"]["requestBody"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": {"schemas": webhook_schemas()}}
    return [error.message for error in Draft202012Validator(whole).iter_errors(msgspec.json.decode(body))]


def body(kind: str, *ids: Any) -> bytes:
    occurrence = Occurrence(1, 6, AT, kind, "engine", *ids, {"cause": "manual"})
    [(name, data)] = NATIVE.translate(occurrence, Facts())
    return NATIVE.body([Notice(1, "evt_6", name, data, AT)])


def test_every_kind_of_event_is_there_and_the_test() -> None:
    assert set(webhook_operations()) == {*MEANINGS, TEST}
    assert {*MEANINGS, TEST, "*"} - {TEST} == set(NATIVE.names)
    for kind, meaning in MEANINGS.items():
        assert webhook_operations()[kind]["post"]["description"] == meaning


@pytest.mark.parametrize("kind", MEANINGS)
def test_what_is_sent_is_as_described(kind: str) -> None:
    assert faults(kind, body(kind, 12, 7, 2, 3, 5)) == []
    assert faults(kind, body(kind, *[None] * 5)) == []


def test_a_body_that_is_not_as_described_is_found() -> None:
    sent: Any = msgspec.json.decode(body("campaign.paused", 12, None, None, None, None))
    for wrong in (
        {**sent, "type": "campaign.resumed"},
        {**sent, "data": {**sent["data"], "campaign_id": 12}},
        {"type": sent["type"], "data": sent["data"]},
    ):
        assert faults("campaign.paused", msgspec.json.encode(wrong))


def test_a_test_is_as_described() -> None:
    assert faults(TEST, NATIVE.body([Notice(1, "test", TEST, {"webhook_id": "whk_10"}, AT)])) == []


def test_the_served_document_has_them(served: Any) -> None:
    document = served.client.get("/openapi.json", timeout=60).json()
    assert set(document["webhooks"]) == {*MEANINGS, TEST}
    assert {"ToldEvent", "ToldTest"} <= document["components"]["schemas"].keys()
    names = [one["post"]["operationId"] for one in document["webhooks"].values()]
    assert len(set(names)) == len(names)
