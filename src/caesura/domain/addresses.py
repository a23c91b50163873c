"""Email addresses: one parser, one canonical form, one key for telling two of them apart."""

import re
import unicodedata

from email_validator import EmailNotValidError, validate_email
from msgspec import Struct

from caesura.domain.errors import Invalid

MAXIMUM_OCTETS = 254
"""The longest address, in UTF-8 octets (RFC 5321 4.5.3.1.3 with RFC 3696 erratum 1690)."""

_BLANKS = " \t\r\n\u00a0"

_LABEL = r"(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+((?!..--)[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z])?))")

_SPECIAL_USE = frozenset({"arpa", "invalid", "local", "localhost", "onion"})
"""Top-level names at which there is no mail; left to the full check, which refuses them."""

_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class AddressError(Invalid):
    """This is not an address that Caesura writes to.

    `code` is one of `address_missing`, `address_syntax`, `address_domain`, `address_too_long`,
    `address_display_name`, `address_quoted`, `address_literal`, `address_several`,
    `address_invisible` and `address_control`.
    """


class Address(Struct, frozen=True, gc=False):
    """A mailbox that can be written to (RFC 5321 4.1.2, RFC 6531 3.3).

    `address` is the canonical form, `local@domain`. `local` keeps its case, in Unicode form NFC.
    `domain` is in lower case, as A-labels (RFC 5890); `domain_unicode` is the same for people to
    read. `needs_smtputf8` says that the local part is not ASCII, so that only a server which offers
    SMTPUTF8 can take it.
    """

    address: str
    local: str
    domain: str
    domain_unicode: str
    needs_smtputf8: bool


def parse_address(text: str) -> Address:
    """The address in `text`, in canonical form; surrounding blanks are dropped.

    Quoted local parts, address literals and `Name <a@b>` are refused, and so are names at which
    there is no mail (`.local`, `.invalid`, ...). Names below `.test` are taken: RFC 6761 keeps them
    for trying things. Nothing is looked up. Raises AddressError.
    """
    text = text.strip(_BLANKS)
    plain = _PLAIN.fullmatch(text)
    if plain is not None and len(text) <= MAXIMUM_OCTETS:
        local, domain, top = plain.groups()
        domain = domain.lower()
        if top.lower() not in _SPECIAL_USE:
            return Address(f"{local}@{domain}", local, domain, domain, False)
    _refuse_other_forms(text)
    return _parse_in_full(text)


def deduplication_key(address: Address) -> str:
    """What two addresses share if they are taken for the same person: case does not count."""
    if not address.needs_smtputf8:
        return f"{address.local.lower()}@{address.domain}"
    return f"{unicodedata.normalize('NFC', address.local.casefold())}@{address.domain}"


def _refuse_other_forms(text: str) -> None:
    """Say clearly what is wrong with the faults that people make; raises AddressError."""
    if not text:
        raise AddressError("address_missing", "There is no address.")
    if len(text) > 2 * MAXIMUM_OCTETS or len(text.encode("utf-8", "replace")) > MAXIMUM_OCTETS:
        raise AddressError("address_too_long", f"The address is longer than {MAXIMUM_OCTETS} octets.")
    if (found := _INVISIBLE.search(text)) is not None:
        raise AddressError(
            "address_invisible",
            f"The address holds an invisible character, {_name(found[0])}, at place {found.start() + 1}.",
        )
    if (found := _CONTROL.search(text)) is not None:
        raise AddressError(
            "address_control",
            f"The address holds a control character, {_name(found[0])}, at place {found.start() + 1}.",
        )
    if "<" in text or ">" in text:
        raise AddressError("address_display_name", "Give the address alone, without a name and angle brackets.")
    if text.startswith('"'):
        raise AddressError("address_quoted", "A quoted part before the @ is not accepted.")
    if "@[" in text:
        raise AddressError("address_literal", "An IP address in brackets is not accepted: give a domain name.")
    if text.count("@") > 1:
        raise AddressError("address_several", "There is more than one @: give one address.")


def _parse_in_full(text: str) -> Address:
    """The slow and complete check, for what is not plain ASCII and for finding what is wrong."""
    try:
        parsed = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AddressError(_code(text), str(error)) from error
    domain = parsed.ascii_domain
    if "." not in domain:
        raise AddressError("address_domain", "The part after the @-sign is not valid. It should have a period.")
    # Taken from the text, because the library lower-cases `Info` and the like.
    local = unicodedata.normalize("NFC", text.partition("@")[0])
    return Address(f"{local}@{domain}", local, domain, parsed.domain, not local.isascii())


def _code(text: str) -> str:
    """Which half of a refused address is at fault; if neither is, it is too long as a whole."""
    local, at, domain = text.partition("@")
    if not at or not local:
        return "address_syntax"
    for code, half in (("address_domain", f"x@{domain}"), ("address_syntax", f"{local}@example.com")):
        try:
            validate_email(half, check_deliverability=False, test_environment=True)
        except EmailNotValidError:
            return code
    return "address_too_long"


def _name(character: str) -> str:
    return f"U+{ord(character):04X}"
