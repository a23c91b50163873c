"""Ids as UUIDs and as hexadecimal digits."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from caesura.http.opaque_ids import hex_of, number_of_hex, number_of_uuid, uuid_of

NUMBERS = st.integers(1, 2**63 - 1)


@given(NUMBERS)
def test_a_uuid_reads_back_as_the_number_it_was_made_of(number: int) -> None:
    text = uuid_of("campaign", number)
    assert number_of_uuid("campaign", text) == number == number_of_uuid("campaign", text.upper())
    assert uuid.UUID(text).version == 4 and uuid.UUID(text).variant == uuid.RFC_4122 and str(uuid.UUID(text)) == text


@given(NUMBERS)
def test_24_digits_read_back_as_the_number_they_were_made_of(number: int) -> None:
    text = hex_of("campaign", number)
    assert len(text) == 24 and int(text, 16) >= 0
    assert number_of_hex("campaign", text) == number == number_of_hex("campaign", text.upper())


@given(NUMBERS)
def test_the_id_of_another_kind_of_thing_names_nothing(number: int) -> None:
    assert number_of_uuid("lead", uuid_of("campaign", number)) is None
    assert number_of_hex("lead", hex_of("campaign", number)) is None


@given(st.uuids(version=4))
def test_a_uuid_that_was_made_up_names_nothing(made_up: uuid.UUID) -> None:
    assert number_of_uuid("campaign", str(made_up)) is None


@given(st.text(alphabet="0123456789abcdefABCDEF-_ xyz٣", max_size=40))
def test_any_other_text_names_nothing(text: str) -> None:
    assert number_of_uuid("campaign", text) is None
    assert number_of_hex("campaign", text) is None


def test_neighbours_share_no_beginning() -> None:
    beginnings = {uuid_of("campaign", number)[:8] for number in range(1, 2_000)}
    assert len(beginnings) == 1_999
    assert len({hex_of("campaign", number)[:8] for number in range(1, 2_000)}) == 1_999
