"""Ids for doors that show UUIDs or hexadecimal digits: our numbers, told apart by kind, scattered and readable back.

No table stands behind them. The first part is a digest of kind and number, the second the number under a mask made of
the first; so two ids that follow each other look nothing alike, and one that was made up, or that names another kind
of thing, names nothing. They are no secrets: whoever has one still needs a key.
"""

import re
from hashlib import blake2b

_NUMBER_BYTES = 8
_HEX_CHECK_BYTES = 4
_MAXIMUM = 2**63 - 1
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_SHORT = 2**48 - 1
_SHORT_HEX = re.compile(r"[0-9a-f]{20}", re.ASCII | re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{24}", re.ASCII | re.IGNORECASE)

# A UUID has 122 free bits (RFC 9562): 64 for the number, 58 for the digest.
_UUID_CHECK_BITS = 58


def uuid_of(kind: str, number: int) -> str:
    """The id of number `number` of a kind, as a UUID of version 4 by its form, in lower case."""
    check = _digest(kind, number, 8) >> (64 - _UUID_CHECK_BITS)
    free = (check << 64) | (number ^ _mask(check))
    high, middle, low = free >> 74, (free >> 62) & 0xFFF, free & (2**62 - 1)
    whole = (high << 80) | (4 << 76) | (middle << 64) | (0b10 << 62) | low
    text = f"{whole:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def number_of_uuid(kind: str, text: str) -> int | None:
    """The number behind a UUID that `uuid_of` gave for this kind; None for any other text."""
    if _UUID.fullmatch(text) is None:
        return None
    whole = int(text.replace("-", ""), 16)
    free = (whole >> 80 << 74) | ((whole >> 64 & 0xFFF) << 62) | (whole & (2**62 - 1))
    number = (free & (2**64 - 1)) ^ _mask(free >> 64)
    return number if 0 < number <= _MAXIMUM and uuid_of(kind, number) == text.lower() else None


def hex_of(kind: str, number: int) -> str:
    """The id of number `number` of a kind, as 24 hexadecimal digits in lower case."""
    check = _digest(kind, number, _HEX_CHECK_BYTES)
    return f"{check:08x}{number ^ _mask(check):016x}"


def number_of_hex(kind: str, text: str) -> int | None:
    """The number behind 24 digits that `hex_of` gave for this kind; None for any other text."""
    if _HEX.fullmatch(text) is None:
        return None
    check, masked = int(text[:8], 16), int(text[8:], 16)
    number = masked ^ _mask(check)
    return number if 0 < number <= _MAXIMUM and _digest(kind, number, _HEX_CHECK_BYTES) == check else None


def _digest(kind: str, number: int, size: int) -> int:
    return int.from_bytes(blake2b(f"{kind}:{number}".encode(), digest_size=size).digest(), "big")


def _mask(check: int) -> int:
    return int.from_bytes(blake2b(check.to_bytes(8, "big"), digest_size=_NUMBER_BYTES).digest(), "big")


def short_hex_of(kind: str, number: int) -> str:
    """The id of number `number` (under 2**48) of a kind, as 20 hexadecimal digits in lower case."""
    check = _digest(kind, number, _HEX_CHECK_BYTES)
    return f"{check:08x}{number ^ (_mask(check) & _SHORT):012x}"


def number_of_short_hex(kind: str, text: str) -> int | None:
    """The number behind 20 digits that `short_hex_of` gave for this kind; None for any other text."""
    if _SHORT_HEX.fullmatch(text) is None:
        return None
    check = int(text[:8], 16)
    number = int(text[8:], 16) ^ (_mask(check) & _SHORT)
    return number if number > 0 and _digest(kind, number, _HEX_CHECK_BYTES) == check else None
