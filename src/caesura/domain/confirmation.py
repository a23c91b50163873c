"""Confirmation codes: whoever previewed a start or a resume gets one, and must show it to do what was previewed."""

import struct
from base64 import b32decode, b32encode
from binascii import Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from caesura.domain.errors import Invalid, Problem
from caesura.domain.secrets import digest, same

LASTS = timedelta(minutes=10)
POINTER = "/confirmation"

# Expiry in seconds, version, and since when it has its status, in microseconds.
_BODY = struct.Struct(">IIQ")
_MAC_BYTES = 16
_CODE_LENGTH = 52
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Previewed:
    """What was previewed, and by whom: a campaign of this version, which has its status since `status_at` (UTC)."""

    action: Literal["start", "resume"]
    workspace_id: int
    campaign_id: int
    actor: str
    version: int
    status_at: datetime


def issue(secret: bytes, previewed: Previewed, now: datetime) -> tuple[str, datetime]:
    """A code of 52 letters and digits for what was previewed, and when it expires (UTC, whole seconds)."""
    expires = int((now + LASTS - _EPOCH).total_seconds())
    body = _BODY.pack(expires, previewed.version, (previewed.status_at - _EPOCH) // timedelta(microseconds=1))
    code = b32encode(body + _mac(secret, body, previewed)).decode().rstrip("=").lower()
    return code, _EPOCH + timedelta(seconds=expires)


def check(secret: bytes, code: str, previewed: Previewed, now: datetime) -> None:
    """Whether the code was issued for just this, and is still good.

    Raises Invalid: `confirmation_wrong` (made up, or issued to another caller or for another campaign or action),
    `confirmation_expired`, and `confirmation_outdated` when the content or the status has changed since the preview.
    """
    body, mac = _read(code)
    if not same(mac, _mac(secret, body, previewed)):
        raise _invalid(
            "confirmation_wrong", "this code was not issued to you for this campaign and action: make a preview first"
        )
    expires, version, status_at = _BODY.unpack(body)
    if now >= _EPOCH + timedelta(seconds=expires):
        raise _invalid("confirmation_expired", "this code has expired: make a new preview")
    if version != previewed.version or _EPOCH + timedelta(microseconds=status_at) != previewed.status_at:
        detail = "the campaign was changed since this code was issued: make a new preview, and look at it"
        raise _invalid("confirmation_outdated", detail)


def _read(code: str) -> tuple[bytes, bytes]:
    """Body and MAC; what is no code has a MAC that is never right."""
    try:
        raw = b32decode(code.strip().upper().encode("ascii") + b"====") if len(code.strip()) == _CODE_LENGTH else b""
    except (Error, UnicodeEncodeError):
        raw = b""
    return raw[: _BODY.size], raw[_BODY.size :]


def _mac(secret: bytes, body: bytes, previewed: Previewed) -> bytes:
    bound = f"{previewed.action}\0{previewed.workspace_id}\0{previewed.campaign_id}\0{previewed.actor}"
    return digest(secret, b"confirmation\0" + body + bound.encode())[:_MAC_BYTES]


def _invalid(code: str, detail: str) -> Invalid:
    return Invalid.of(Problem(code, detail, POINTER))
