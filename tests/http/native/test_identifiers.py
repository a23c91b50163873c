from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from caesura.domain.errors import NotFound
from caesura.http.native import identifiers
from caesura.http.native.identifiers import CAMPAIGN, MAXIMUM, POOL, Kind, parse_message, show_message

KINDS = [kind for kind in vars(identifiers).values() if isinstance(kind, Kind)]


@given(kind=st.sampled_from(KINDS), number=st.integers(1, MAXIMUM))
def test_an_id_comes_back_as_its_number(kind: Kind, number: int) -> None:
    assert kind.parse(kind.show(number)) == number


def test_no_two_kinds_share_a_prefix() -> None:
    assert len({kind.prefix for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    "text",
    ["", "cmp", "cmp_", "cmp_0", "cmp_-1", "cmp_01", "cmp_1.0", "cmp_1 ", " cmp_1", "cmp_1\n", "CMP_1", "led_1", "12",
     "cmp_9223372036854775808", "cmp_" + "9" * 5000, "cmp_1\0", "cmp_\N{ARABIC-INDIC DIGIT ONE}"],
)  # fmt: skip
def test_what_cannot_be_an_id_names_nothing(text: str) -> None:
    with pytest.raises(NotFound) as caught:
        CAMPAIGN.parse(text)
    assert caught.value.code == "campaign_not_found"


@given(enrollment=st.integers(1, MAXIMUM), step=st.integers(1, 9999))
def test_a_message_is_named_by_its_place(enrollment: int, step: int) -> None:
    assert parse_message(show_message(enrollment, step)) == (enrollment, step)


@pytest.mark.parametrize(
    "text", ["", "msg_1", "msg_1_0", "msg_0_1", "msg_1_2_3", "msg_9223372036854775808_1", "msg_1_99999"]
)
def test_what_cannot_be_a_message_names_nothing(text: str) -> None:
    with pytest.raises(NotFound):
        parse_message(text)


class Body(BaseModel):
    model_config = ConfigDict(strict=True)
    pool_id: Annotated[int, *POOL.reference()] | None = None


def test_a_reference_in_a_body_reads_as_the_number() -> None:
    assert Body.model_validate({"pool_id": "pol_2"}).pool_id == 2
    assert Body.model_validate({"pool_id": None}).pool_id is None


@pytest.mark.parametrize("value", [2, "2", "mbx_2", "", ["pol_2"], "pol_9223372036854775808"])
def test_a_reference_that_cannot_be_an_id_is_refused(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate({"pool_id": value})
    assert caught.value.errors()[0]["type"] == "invalid_id"


def test_a_reference_is_described_as_text() -> None:
    assert Body.model_json_schema()["properties"]["pool_id"]["anyOf"][0]["pattern"] == "^pol_[1-9][0-9]{0,18}$"
