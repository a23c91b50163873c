import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.errors import Invalid
from caesura.domain.lead_entry import MAXIMUM_FIELDS, LeadInput, check_fields, check_lead


def codes(fields: dict[str, object]) -> list[tuple[str, str | None]]:
    with pytest.raises(Invalid) as caught:
        check_fields(fields, "/fields")
    return [(one.code, one.pointer) for one in caught.value.problems]


def test_a_lead_gets_its_canonical_address_and_its_key() -> None:
    entry = check_lead(LeadInput(" Anna@Example.COM ", {"n": 1, "gone": None}, "Europe/Berlin"), "")
    assert (entry.address.address, entry.key) == ("Anna@example.com", "anna@example.com")
    assert (entry.fields, entry.zone) == ({"n": 1, "gone": None}, "Europe/Berlin")


def test_texts_numbers_truth_values_and_none_are_fields() -> None:
    fields = {"text": "Grüße\n\t", "number": -3, "part": 0.5, "truth": False, "none": None}
    assert check_fields(fields, "") == fields


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([1], "wrong_type"),
        ({"a": 1}, "wrong_type"),
        (b"x", "wrong_type"),
        ("a\0b", "control_character"),
        ("\ud800", "invalid_unicode"),
        ("ü" * 40_000, "too_long"),
        (2**63, "out_of_range"),
        (float("nan"), "out_of_range"),
        (float("inf"), "out_of_range"),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_at_its_place(value: object, code: str) -> None:
    assert codes({"good": "x", "bad": value}) == [(code, "/fields/bad")]


@pytest.mark.parametrize("name", ["", "First", "first name", "1st", "a" * 65, "größe", "name\n"])
def test_a_field_is_named_like_a_variable(name: str) -> None:
    assert codes({name: "x"}) == [("invalid_name", f"/fields/{name}")]


def test_a_pointer_is_escaped_and_valid_unicode() -> None:
    assert codes({"a/b~c\ud800": 1}) == [("invalid_name", "/fields/a~1b~0c?")]


def test_there_are_limits_to_the_number_and_the_size_of_fields() -> None:
    assert codes({f"f{n}": 1 for n in range(MAXIMUM_FIELDS + 1)}) == [("too_many_fields", "/fields")]
    assert codes({f"f{n}": "x" * 60_000 for n in range(5)}) == [("too_long", "/fields")]


def test_at_most_a_hundred_problems_are_told() -> None:
    assert len(codes({f"F{n}": 1 for n in range(300)})) == 100


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans())))
def test_what_passes_is_kept_unchanged(fields: dict[str, object]) -> None:
    try:
        assert check_fields(fields, "") == fields
    except Invalid as error:
        assert 1 <= len(error.problems) <= 100
