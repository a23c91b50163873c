"""Whom a suppression or a domain hold is about: one address, or a whole domain."""

from dataclasses import dataclass
from typing import Literal

from caesura.domain.addresses import AddressError, deduplication_key, parse_address
from caesura.domain.errors import Invalid, Problem


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address or a domain. `value` is the address's key, or the domain as A-label in lower case."""

    kind: Literal["address", "domain"]
    value: str


def parse_recipient(text: str, pointer: str) -> Recipient:
    """`anna@example.com` or `example.com`, in canonical form.

    Raises Invalid at `pointer` with one of AddressError's codes.
    """
    if "@" not in text:
        return Recipient("domain", parse_domain(text, pointer))
    try:
        return Recipient("address", deduplication_key(parse_address(text)))
    except AddressError as error:
        raise Invalid.of(Problem(error.code, error.detail, pointer)) from error


def parse_domain(text: str, pointer: str) -> str:
    """A domain that mail is sent to, as A-label in lower case (RFC 5890); surrounding blanks are dropped.

    Raises Invalid `address_domain` at `pointer`.
    """
    name = text.strip()
    try:
        # A local part makes it an address, whose rules for the domain are the ones that count.
        return parse_address(f"x@{name}").domain
    except AddressError as error:
        detail = f"{name[:100]!r} is not a domain that mail is sent to."
        raise Invalid.of(Problem("address_domain", detail, pointer)) from error
