import pytest

from caesura.domain.errors import Invalid
from caesura.domain.recipients import Recipient, parse_domain, parse_recipient


@pytest.mark.parametrize(
    ("text", "recipient"),
    [
        (" Anna@Example.COM", Recipient("address", "anna@example.com")),
        ("Example.COM ", Recipient("domain", "example.com")),
        ("BÜCHER.example", Recipient("domain", "xn--bcher-kva.example")),
        ("mail.example.co.uk", Recipient("domain", "mail.example.co.uk")),
    ],
)
def test_an_address_or_a_domain_is_told_apart_and_made_canonical(text: str, recipient: Recipient) -> None:
    assert parse_recipient(text, "/value") == recipient


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "address_domain"),
        ("example", "address_domain"),
        ("exa mple.com", "address_domain"),
        ("*.example.com", "address_domain"),
        ("a@b@example.com", "address_several"),
        ("@example.com", "address_syntax"),
        ("anna@", "address_domain"),
    ],
)
def test_what_is_neither_is_refused_at_its_place(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_recipient(text, "/value")
    [problem] = caught.value.problems
    assert (problem.code, problem.pointer) == (code, "/value")


def test_a_domain_is_no_address() -> None:
    with pytest.raises(Invalid):
        parse_domain("anna@example.com", "/subject")
