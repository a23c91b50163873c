"""Campaign definitions: what is taken, how it is normalised, and every refusal with its place."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from caesura.domain.definition import CampaignDefinition, read_definition
from caesura.domain.definition_types import MAXIMUM_DELAY_SECONDS, parse_delay
from caesura.domain.errors import Invalid


def problems(data: object) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read_definition(data, "campaign.toml")
    assert {problem.file for problem in caught.value.problems} == {"campaign.toml"}
    return [f"{problem.code} {problem.pointer}" for problem in caught.value.problems]


def problems_with(**fields: object) -> list[str]:
    return problems({"name": "Spring", **fields})


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"a": 1}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


FULL: dict[str, Any] = {
    "name": "  Spring outreach ",
    "zone": "Europe/Berlin",
    "window_zone": "lead",
    "windows": [{"days": ["mon", "fri"], "start": "09:00", "end": "24:00"}],
    "pool": "sales",
    "from_name": " Kim from Example ",
    "reply_to": "Answers@Example.COM",
    "headers": [{"name": "X-Order", "value": "4711"}],
    "steps": [
        {"name": "opening", "subject": "Hello", "text": "Hi", "html": "<p>Hi</p>"},
        {"delay": "3d", "text": "Still there?", "condition": "company"},
        {"delay": 60, "thread": False, "variants": [{"subject": "A", "text": "a"}, {"html": "b", "weight": 3}]},
        {"send_at": "2030-01-31T09:00:00+02:00", "text": "Now"},
    ],
    "limits": {"daily_new": 100, "daily_total": 400, "gradual": {"start": 10, "factor": 1.5, "ceiling": 100}},
    "on_unknown": "hold",
    "stop_on_reply": False,
    "defaults": {"first_name": "there"},
    "unsubscribe": {"url": "https://example.com/u", "mailto": "U@Example.com"},
    "starts_at": "2030-01-01T00:00:00Z",
    "extra": {"owner": {"name": "Kim", "tags": [1, 2.5, None, True]}},
}


def test_a_name_is_enough_for_a_draft() -> None:
    definition = read_definition({"name": "Spring"})
    assert definition.steps == ()
    assert (definition.zone, definition.window_zone, definition.windows) == ("UTC", "campaign", ())
    assert (definition.on_unknown, definition.stop_on_reply) == ("continue", True)


def test_a_full_definition_is_normalised() -> None:
    definition = read_definition(FULL)
    assert definition.name == "Spring outreach"
    assert [step.delay for step in definition.steps] == [0, 259_200, 60, 0]
    assert definition.steps[0].variants[0].subject == "Hello"
    assert [variant.weight for variant in definition.steps[2].variants] == [1, 3]
    assert definition.steps[3].send_at == datetime(2030, 1, 31, 7, 0, tzinfo=UTC)
    assert (definition.from_name, definition.reply_to) == ("Kim from Example", "Answers@example.com")
    assert definition.unsubscribe is not None and definition.unsubscribe.mailto == "U@example.com"
    assert definition.extra == FULL["extra"]


def test_a_definition_that_was_written_out_is_read_back() -> None:
    definition = read_definition(FULL)
    assert read_definition(json.loads(definition.model_dump_json())) == definition
    assert read_definition(definition.model_dump()) == definition


def test_extra_data_may_have_some_depth() -> None:
    assert read_definition({"name": "x", "extra": nested(20)}).extra == nested(20)


def test_a_definition_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read_definition(FULL).name = "other"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"nmae": 1}, ["unknown_field /nmae"]),
        ({"name": "  "}, ["too_short /name"]),
        ({"name": "x" * 201}, ["too_long /name"]),
        ({"name": "a\nb"}, ["control_character /name"]),
        ({"name": "\ud800"}, ["invalid_unicode /name"]),
        ({"name": 5}, ["wrong_type /name"]),
        ({"zone": "CEST"}, ["unknown_time_zone /zone"]),
        ({"window_zone": "mailbox"}, ["unknown_value /window_zone"]),
        ({"from_name": "Kim\r\nBcc: x@example.com"}, ["control_character /from_name"]),
        ({"from_name": "x" * 201}, ["too_long /from_name"]),
        ({"from_name": "  "}, ["too_short /from_name"]),
        ({"reply_to": "a@example.com\r\nBcc: x@example.com"}, ["address_control /reply_to"]),
        ({"reply_to": "a@example.com, b@example.com"}, ["address_several /reply_to"]),
        ({"on_unknown": "resend"}, ["unknown_value /on_unknown"]),
        ({"stop_on_reply": "no"}, ["wrong_type /stop_on_reply"]),
        ({"windows": {"days": []}}, ["window_not_a_list /windows"]),
        (
            {
                "windows": [
                    {"days": ["mon"], "start": "17:00", "end": "09:00"},
                    {"days": ["mo"], "start": "9", "end": "10:00"},
                ]
            },
            [
                "window_ends_before_start /windows/0/end",
                "unknown_weekday /windows/1/days/0",
                "invalid_time /windows/1/start",
            ],
        ),
        (
            {"limits": {"daily_new": 0, "daily_total": True}},
            ["out_of_range /limits/daily_new", "wrong_type /limits/daily_total"],
        ),
        ({"limits": {"gradual": {"start": 5}}}, ["factor_or_add /limits/gradual"]),
        ({"limits": {"gradual": {"start": 5, "add": 1, "factor": 2}}}, ["factor_or_add /limits/gradual"]),
        ({"limits": {"gradual": {"start": 5, "factor": 1.3}}}, ["out_of_range /limits/gradual/factor"]),
        ({"limits": {"gradual": {"start": 5, "add": 1, "ceiling": 4}}}, ["out_of_range /limits/gradual/ceiling"]),
        ({"defaults": {"First Name": "x", "ok": 1}}, ["invalid_name /defaults/First Name", "wrong_type /defaults/ok"]),
        ({"unsubscribe": {}}, ["missing_field /unsubscribe"]),
        ({"unsubscribe": {"url": "http://example.com/"}}, ["insecure_url /unsubscribe/url"]),
        ({"unsubscribe": {"url": "javascript:alert(1)"}}, ["invalid_url /unsubscribe/url"]),
        ({"unsubscribe": {"url": "https://example.com/>\r\nX: y"}}, ["invalid_url /unsubscribe/url"]),
        ({"unsubscribe": {"url": "https://user@example.com/"}}, ["invalid_url /unsubscribe/url"]),
        ({"unsubscribe": {"url": "https://[/"}}, ["invalid_url /unsubscribe/url"]),
        ({"unsubscribe": {"mailto": "mailto:u@example.com"}}, ["address_syntax /unsubscribe/mailto"]),
        ({"starts_at": "2030-01-01T00:00:00"}, ["offset_missing /starts_at"]),
        ({"starts_at": datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)}, ["offset_missing /starts_at"]),
        ({"starts_at": "2030-02-30T00:00:00Z"}, ["invalid_time /starts_at"]),
        ({"starts_at": "tomorrow"}, ["invalid_time /starts_at"]),
        ({"starts_at": date(2030, 1, 1)}, ["wrong_type /starts_at"]),
        ({"starts_at": "0001-01-01T00:00:00+12:00"}, ["out_of_range /starts_at"]),
        ({"extra": {"a": [{"b/c": date(2030, 1, 1)}]}}, ["wrong_type /extra/a/0/b~1c"]),
        ({"extra": {"a": float("nan")}}, ["out_of_range /extra/a"]),
        ({"extra": {"a": 2**63}}, ["out_of_range /extra/a"]),
        ({"extra": {"a": "\0"}}, ["control_character /extra/a"]),
        ({"extra": {"a\0": 1}}, ["control_character /extra"]),
        ({"extra": {"a": "\udfff"}}, ["invalid_unicode /extra/a"]),
        ({"extra": nested(21)}, ["too_long /extra"]),
        ({"extra": {"a": "x" * 64_000}}, ["too_long /extra"]),
        ({"extra": {"a": [0] * 10_000}}, ["too_long /extra"]),
        ({"steps": "none"}, ["wrong_type /steps"]),
        ({"steps": [5]}, ["wrong_type /steps/0"]),
        ({"steps": [{}]}, ["missing_field /steps/0/variants"]),
        ({"steps": [{"variants": []}]}, ["too_short /steps/0/variants"]),
        ({"steps": [{"variants": [{"subject": "x"}] * 27}]}, ["too_long /steps/0/variants"]),
        ({"steps": [{"subject": "x"}] + [{"text": "x", "delay": 1}] * 50}, ["too_long /steps"]),
        ({"steps": [{"subject": "x", "variants": [{}]}]}, ["content_and_variants /steps/0"]),
        ({"steps": [{"subject": "x", "delay": 1, "send_at": "2030-01-01T00:00:00Z"}]}, ["delay_and_send_at /steps/0"]),
        ({"steps": [{"text": "x"}]}, ["missing_field /steps/0/subject"]),
        ({"steps": [{"subject": " ", "text": "x"}]}, ["missing_field /steps/0/subject"]),
        ({"steps": [{"variants": [{"subject": "x"}, {"text": "x"}]}]}, ["missing_field /steps/0/variants/1/subject"]),
        ({"steps": [{"subject": "x"}, {"text": "y"}]}, ["missing_field /steps/1/delay"]),
        ({"steps": [{"subject": "x\r\nBcc: y@example.com"}]}, ["control_character /steps/0/subject"]),
        ({"steps": [{"subject": "x" * 999}]}, ["too_long /steps/0/subject"]),
        ({"steps": [{"subject": "x", "text": "a\0"}]}, ["control_character /steps/0/text"]),
        ({"steps": [{"subject": "x", "html": "é" * 250_001}]}, ["too_long /steps/0/html"]),
        ({"steps": [{"subject": "x", "text_file": "a.md"}]}, ["unknown_field /steps/0/text_file"]),
        ({"steps": [{"variants": [{"subject": "x", "weight": 101}]}]}, ["out_of_range /steps/0/variants/0/weight"]),
        ({"steps": [{"subject": "x", "delay": -1}]}, ["out_of_range /steps/0/delay"]),
    ],
)
def test_a_fault_is_told_with_its_code_and_place(fields: dict[str, Any], expected: list[str]) -> None:
    assert problems_with(**fields) == expected


def test_what_is_no_object_is_refused() -> None:
    for data in (None, [], "name", 5):
        assert problems(data) == ["wrong_type "]
    assert problems({}) == ["missing_field /name"]


@pytest.mark.parametrize("url", ["http://localhost:8080/u", "http://127.0.0.1/u", "https://example.com/u?a={{key}}"])
def test_these_unsubscribe_urls_are_taken(url: str) -> None:
    assert read_definition({"name": "x", "unsubscribe": {"url": url}})


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(0, 0), ("0", 0), ("90s", 90), ("15m", 900), ("4h", 14_400), ("3d", 259_200), ("1w", 604_800), ("1d12h", 129_600)]
    + [("1w 1d 1h 1m 1s", 694_861), ("366d", MAXIMUM_DELAY_SECONDS), (MAXIMUM_DELAY_SECONDS, MAXIMUM_DELAY_SECONDS)],
)
def test_a_delay_is_read(written: int | str, seconds: int) -> None:
    assert parse_delay(written) == seconds


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (-1, "out_of_range"),
        ("-3d", "out_of_range"),
        ("367d", "out_of_range"),
        (MAXIMUM_DELAY_SECONDS + 1, "out_of_range"),
        (10**400, "out_of_range"),
        ("", "invalid_delay"),
        ("5", "invalid_delay"),
        ("3 days", "invalid_delay"),
        ("12h1d", "invalid_delay"),
        ("1.5d", "invalid_delay"),
        ("٣d", "invalid_delay"),
        (True, "wrong_type"),
        (1.0, "wrong_type"),
        (None, "wrong_type"),
        ([], "wrong_type"),
    ],
)
def test_a_bad_delay_is_refused(written: object, code: str) -> None:
    assert problems_with(steps=[{"subject": "x", "delay": written}]) == [f"{code} /steps/0/delay"]


def test_every_field_is_described_for_openapi() -> None:
    schema = CampaignDefinition.model_json_schema()
    models = {"CampaignDefinition": schema, **schema["$defs"]}
    for name, model in models.items():
        assert model["additionalProperties"] is False
        assert model["description"]
        for field, value in model["properties"].items():
            assert value.get("description"), f"{name}.{field}"
    step = models["StepDefinition"]
    assert {"subject", "text", "html", "variants"} <= set(step["properties"])
    assert "variants" not in step["required"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("3d"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*CampaignDefinition.model_fields, "subject", "text", "delay", "variants", "weight", "url"])


@given(st.recursive(VALUES, lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=3)))
def test_nonsense_is_refused_with_problems_and_never_with_another_error(data: object) -> None:
    try:
        definition = read_definition(data)
    except Invalid as error:
        assert error.problems
        assert all(problem.pointer is not None and problem.code.islower() for problem in error.problems)
    else:
        assert read_definition(json.loads(definition.model_dump_json())) == definition


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Bcc", "x@example.com", "header_forbidden"),
        ("content-type", "text/html", "header_forbidden"),
        ("X-Tag", "a\r\nBcc: x@example.com", "header_value_invalid"),
        ("X Tag", "a", "header_name_invalid"),
    ],
)
def test_a_header_that_may_not_be_set_is_refused_at_its_place(name: str, value: str, code: str) -> None:
    headers = [{"name": "X-Fine", "value": "x"}, {"name": name, "value": value}]
    assert problems_with(headers=headers) == [f"{code} /headers/1"]


def test_too_many_headers_are_refused_together() -> None:
    assert problems_with(headers=[{"name": "X-Tag", "value": "x"}] * 51) == ["too_many_headers /headers"]
