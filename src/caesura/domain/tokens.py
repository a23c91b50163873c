"""Tokens that a lead carries in a link: who it is, with a MAC, so that nobody can make one up."""

import hmac
import re
from hashlib import blake2b

_MAC_BYTES = 13
_BODY_BYTES = 12
# In hexadecimal: some mail programs change the case of links.
_TOKEN = re.compile(rf"[0-9a-fA-F]{{{2 * (_BODY_BYTES + _MAC_BYTES)}}}")


def unsubscribe_token(secret: bytes, workspace_id: int, lead_id: int) -> str:
    """The token of a lead's unsubscribe link: 50 hexadecimal digits, the same each time."""
    body = workspace_id.to_bytes(4, "big") + lead_id.to_bytes(8, "big")
    return (body + _mac(secret, body)).hex()


def read_unsubscribe_token(secret: bytes, token: str) -> tuple[int, int] | None:
    """(workspace, lead) of a token, or None if it is not one of ours."""
    if _TOKEN.fullmatch(token) is None:
        return None
    raw = bytes.fromhex(token)
    body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, body)):
        return None
    return int.from_bytes(body[:4], "big"), int.from_bytes(body[4:], "big")


def _mac(secret: bytes, body: bytes) -> bytes:
    return blake2b(body, key=secret, digest_size=_MAC_BYTES, person=b"unsubscribe").digest()
