"""Addresses: the canonical form, the key, every refusal, and agreement with email-validator."""

import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from caesura.domain.addresses import Address, AddressError, deduplication_key, parse_address
from caesura.domain.errors import Invalid


def test_a_plain_address_keeps_its_local_part_and_lowers_its_domain() -> None:
    assert parse_address("Anna.Schmidt+Test@Mail.Example.COM") == Address(
        address="Anna.Schmidt+Test@mail.example.com",
        local="Anna.Schmidt+Test",
        domain="mail.example.com",
        domain_unicode="mail.example.com",
        needs_smtputf8=False,
    )


def test_an_internationalised_domain_becomes_a_labels() -> None:
    assert parse_address("anna@MÜNCHEN.example") == Address(
        "anna@xn--mnchen-3ya.example", "anna", "xn--mnchen-3ya.example", "münchen.example", False
    )


def test_an_a_label_domain_is_shown_in_unicode() -> None:
    assert parse_address("anna@XN--MNCHEN-3YA.example").domain_unicode == "münchen.example"


def test_an_international_local_part_needs_smtputf8_and_is_composed() -> None:
    address = parse_address("rene\u0301@example.com")
    assert address.local == "ren\u00e9"
    assert address.needs_smtputf8


def test_the_case_of_role_names_is_kept_too() -> None:
    assert parse_address("Info@münchen.example").local == "Info"


@pytest.mark.parametrize("blanks", [" ", "\t", "\r\n", "\u00a0", " \n "])
def test_surrounding_blanks_are_dropped(blanks: str) -> None:
    assert parse_address(f"{blanks}a@example.com{blanks}").address == "a@example.com"


def test_names_below_test_are_taken() -> None:
    assert parse_address("a@mail.test").domain == "mail.test"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "address_missing"),
        ("  ", "address_missing"),
        ("anna", "address_syntax"),
        ("@example.com", "address_syntax"),
        ("a..b@example.com", "address_syntax"),
        (".a@example.com", "address_syntax"),
        ("a b@example.com", "address_syntax"),
        ("a,b@example.com", "address_syntax"),
        ("a＠example.com", "address_syntax"),
        ("a@", "address_domain"),
        ("a@example", "address_domain"),
        ("a@test", "address_domain"),
        ("a@-x.example", "address_domain"),
        ("a@x_y.example", "address_domain"),
        ("a@ab--cd.example", "address_domain"),
        ("a@xn--a.example", "address_domain"),
        ("a@192.0.2.1", "address_domain"),
        ("a@printer.local", "address_domain"),
        ("a@PRINTER.LOCAL", "address_domain"),
        ("a@x.invalid", "address_domain"),
        ("a@" + "b" * 64 + ".example", "address_domain"),
        ("a" * 250 + "@example.com", "address_too_long"),
        ("é" * 125 + "@example.com", "address_too_long"),
        ("a" * 180 + "@" + "ü" * 21 + ".ü" * 10 + ".example", "address_too_long"),
        ("a" * 1_000_000, "address_too_long"),
        ("Anna <anna@example.com>", "address_display_name"),
        ("<anna@example.com>", "address_display_name"),
        ('"anna b"@example.com', "address_quoted"),
        ("anna@[192.0.2.1]", "address_literal"),
        ("a@example.com, b@example.com", "address_several"),
        ("a@b@example.com", "address_several"),
        ("\ufeffa@example.com", "address_invisible"),
        ("a\u200b@example.com", "address_invisible"),
        ("a@exa\u00admple.com", "address_invisible"),
        ("a@example.com\r\nRCPT TO:<b@example.com>", "address_control"),
        ("a\x00@example.com", "address_control"),
        ("a\ud800@example.com", "address_syntax"),
    ],
)
def test_what_is_not_an_address_is_refused_with_its_code(text: str, code: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert caught.value.code == code
    assert isinstance(caught.value, Invalid)


def test_an_invisible_character_is_named_with_its_place() -> None:
    with pytest.raises(AddressError, match=r"U\+200B, at place 2"):
        parse_address("a\u200bb@example.com")


def test_case_does_not_make_two_addresses_of_one() -> None:
    keys = {
        deduplication_key(parse_address(text))
        for text in ("STRASSE@MÜNCHEN.example", "Strasse@xn--mnchen-3ya.example", "straße@münchen.example")
    }
    assert keys == {"strasse@xn--mnchen-3ya.example"}


ATOMS = st.text(st.sampled_from("abzAZ059!#$%&'*+/=?^_`{|}~-..\"\\@<> ()é用\u0301"), max_size=12)
LABELS = st.one_of(
    st.text(st.sampled_from("abzAZ09--xn_é"), max_size=8),
    st.sampled_from(["com", "local", "test", "arpa", "onion", "invalid", "localhost", "xn--mnchen-3ya", "b" * 63]),
    st.sampled_from(["b" * 64, "[1.2.3.4]", "münchen", "例え", "אב", "1"]),
)
DOMAINS = st.lists(LABELS, min_size=1, max_size=5).map(".".join)
TEXTS = st.one_of(
    st.builds("{}@{}".format, ATOMS, DOMAINS),
    st.builds("{}@{}".format, st.from_regex(r"[a-zA-Z0-9.+_-]{1,30}", fullmatch=True), DOMAINS),
    st.text(max_size=30),
)
STRICTER = {"address_display_name", "address_quoted", "address_literal", "address_invisible"}


@given(TEXTS)
@example("a@" + "b." * 126 + "com")
@example("a" * 242 + "@example.com")
@example("a" * 243 + "@example.com")
def test_the_verdict_is_that_of_email_validator(text: str) -> None:
    try:
        expected = validate_email(text.strip(" \t\r\n\u00a0"), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        expected = None
    try:
        address = parse_address(text)
    except AddressError as error:
        bare_test = expected is not None and expected.ascii_domain == "test"
        assert expected is None or bare_test or error.code in STRICTER
        return
    assert expected is not None
    assert address.domain == expected.ascii_domain
    assert address.domain_unicode == expected.domain
    assert address.local.lower() == expected.local_part.lower()
    assert address.local == unicodedata.normalize("NFC", address.local)
    assert address.needs_smtputf8 == (not address.local.isascii())
    assert parse_address(address.address) == address
