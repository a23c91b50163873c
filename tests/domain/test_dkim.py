"""Keys that sign, and the records that are published for them."""

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from signing_keys import RFC_RECORD, SHORT_KEY, elliptic_key, locked_key, old_style_rsa_key, rfc_key, rsa_key

from caesura.domain.dkim import Signing, is_aligned, publication, read_key, record_of
from caesura.domain.errors import Invalid


def refusal(pem: str) -> str:
    with pytest.raises(Invalid) as caught:
        record_of(pem)
    assert "PRIVATE" not in str(caught.value.detail)
    return caught.value.code


def test_the_key_of_the_rfc_has_the_record_of_the_rfc() -> None:
    assert record_of(rfc_key()) == RFC_RECORD
    assert publication("football.example.com", "brisbane", RFC_RECORD).name == (
        "brisbane._domainkey.football.example.com"
    )


@pytest.mark.parametrize("pem", [rsa_key(2048), old_style_rsa_key()])
def test_the_record_of_an_rsa_key_holds_its_public_half(pem: str) -> None:
    kind, _, encoded = record_of(pem).partition("p=")
    public = load_der_public_key(b64decode(encoded))
    assert (kind, isinstance(public, RSAPublicKey)) == ("v=DKIM1; k=rsa; ", True)
    assert public.public_numbers() == read_key(pem).public_key().public_numbers()


def test_short_keys_are_refused_or_warned_of_and_giant_ones_are_refused() -> None:
    assert refusal(SHORT_KEY) == "dkim_key_size"
    weak, good = (publication("example.com", "a", record_of(rsa_key(bits))) for bits in (1024, 2048))
    assert "1024 bits" in (weak.warning or "") and good.warning is None
    assert refusal(rsa_key(4104)) == "dkim_key_size"


def test_what_is_no_key_for_dkim_is_refused() -> None:
    damaged = rsa_key(2048).splitlines()
    damaged[5] = damaged[5][::-1]
    for pem in ("", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "\n".join(damaged)):
        assert refusal(pem) == "dkim_key_unreadable"
    for pem in (locked_key(), elliptic_key()):
        assert refusal(pem) == "dkim_key_unreadable"


@pytest.mark.parametrize(
    ("address", "domain", "aligned"),
    [
        ("anna@example.com", "example.com", True),
        ("anna@mail.example.com", "example.com", True),
        ("anna@example.com", "mail.example.com", False),
        ("anna@badexample.com", "example.com", False),
        ("anna@example.org", "example.com", False),
    ],
)
def test_only_the_addresss_own_domain_and_those_above_it_are_aligned(address: str, domain: str, aligned: bool) -> None:
    assert is_aligned(address, domain) is aligned


def test_a_key_is_kept_out_of_logs() -> None:
    assert repr(Signing("example.com", "a", read_key(rfc_key()))) == "Signing(domain='example.com', selector='a')"
