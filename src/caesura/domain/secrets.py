"""What keeps secrets: a keyed digest for those we only compare, AES-256-GCM for those we must read again."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from caesura.domain.errors import Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12

# A blob: this byte, the key's id, the nonce, then the ciphertext with its tag.
_VERSION = b"\x01"
_ID_BYTES = 8
_HEAD_BYTES = len(_VERSION) + _ID_BYTES + NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of an instance, 32 bytes each: the `pepper` of digests, and the `sealing` keys, newest first.

    The first sealing key seals, all of them open: to rotate, put a new one in front and seal again at leisure.
    """

    pepper: bytes = field(repr=False)
    sealing: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.pepper) != KEY_BYTES or not self.sealing or any(len(key) != KEY_BYTES for key in self.sealing):
            raise ValueError(f"the pepper and each sealing key must be {KEY_BYTES} bytes, and one sealing key must be")

    def sealing_for(self, purpose: str) -> tuple[bytes, ...]:
        """Keys for one purpose, derived from the sealing keys, in their order."""
        return tuple(digest(key, purpose.encode()) for key in self.sealing)


def digest(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104): 32 bytes."""
    return hmac.digest(key, message, "sha256")


def same(left: bytes, right: bytes) -> bool:
    """Whether two digests are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(left, right)


def seal(key: bytes, nonce: bytes, plain: bytes, context: bytes) -> bytes:
    """Encrypts `plain` with AES-256-GCM (NIST SP 800-38D) under a key of 32 bytes and a fresh random nonce of 12.

    `context` says where the blob belongs (a table and a row): it is not stored, and the blob opens nowhere else.
    """
    head = _VERSION + _identity(key) + nonce
    return head + AESGCM(key).encrypt(nonce, plain, context)


def open_sealed(keys: Sequence[bytes], blob: bytes, context: bytes) -> bytes:
    """What was sealed under one of `keys` for this `context`.

    Raises Unavailable: `secret_key_missing` when none of the keys sealed it, `secret_damaged` when the blob was
    changed, cut or moved here from another place.
    """
    damaged = Unavailable("secret_damaged", "a stored secret cannot be read: it was changed, or moved from another row")
    if len(blob) < _HEAD_BYTES or not blob.startswith(_VERSION):
        raise damaged
    identity, nonce = blob[1 : 1 + _ID_BYTES], blob[1 + _ID_BYTES : _HEAD_BYTES]
    for key in keys:
        if _identity(key) == identity:
            try:
                return AESGCM(key).decrypt(nonce, blob[_HEAD_BYTES:], context)
            except InvalidTag as error:
                raise damaged from error
    raise Unavailable("secret_key_missing", "a stored secret was sealed under a key that this instance does not have")


def _identity(key: bytes) -> bytes:
    """Names a key without telling it."""
    return sha256(b"caesura key id\0" + key).digest()[:_ID_BYTES]
