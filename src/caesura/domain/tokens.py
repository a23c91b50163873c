"""Tokens that a lead carries in a link: who it is, with a MAC, so that nobody can make one up."""

import hmac
from base64 import b32decode
from binascii import Error
from hashlib import blake2b

# With the body 25 bytes: base32 without spare bits, so that each token has one spelling.
_MAC_BYTES = 13
_BODY_BYTES = 12

# Base32 (RFC 4648, section 6) in lower case, ten bits at a time: base64.b32encode takes three times as long.
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
_SHIFTS = range(8 * (_BODY_BYTES + _MAC_BYTES) - 10, -1, -10)


def unsubscribe_token(secret: bytes, workspace_id: int, lead_id: int) -> str:
    """The token of a lead's unsubscribe link: 40 letters and digits, the same each time."""
    body = workspace_id.to_bytes(4, "big") + lead_id.to_bytes(8, "big")
    bits = int.from_bytes(body + _mac(secret, body), "big")
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def read_unsubscribe_token(secret: bytes, token: str) -> tuple[int, int] | None:
    """(workspace, lead) of a token, or None if it is not one of ours."""
    padded = token.upper() + "=" * (-len(token) % 8)
    try:
        raw = b32decode(padded.encode("ascii"))
    except (Error, UnicodeEncodeError):
        return None
    body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    if len(raw) != _BODY_BYTES + _MAC_BYTES or not hmac.compare_digest(mac, _mac(secret, body)):
        return None
    return int.from_bytes(body[:4], "big"), int.from_bytes(body[4:], "big")


def _mac(secret: bytes, body: bytes) -> bytes:
    return blake2b(body, key=secret, digest_size=_MAC_BYTES, person=b"unsubscribe").digest()
