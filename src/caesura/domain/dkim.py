"""Keys that sign messages, and what their domain publishes for them (RFC 6376, RFC 8301, RFC 8463)."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from caesura.domain.errors import Invalid, Problem

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

MINIMUM_BITS = 1024
"""RFC 8301 section 3.2: signers must not use shorter RSA keys, and should use those of ADVISED_BITS."""
ADVISED_BITS = 2048
MAXIMUM_BITS = 4096
"""Verifiers need not take longer ones."""

_PREFIXES = {"rsa-sha256": "v=DKIM1; k=rsa; p=", "ed25519-sha256": "v=DKIM1; k=ed25519; p="}


@dataclass(frozen=True, slots=True)
class Signing:
    """How a mailbox signs: for which domain, with which of its keys."""

    domain: str
    selector: str
    key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to stand in the DNS, as one TXT record. `warning` says what is weak about the key, or is None."""

    name: str
    record: str
    algorithm: str
    warning: str | None


@lru_cache(maxsize=16)  # a key is often that of a whole domain, and looking at an RSA key takes 70 ms or more
def record_of(pem: str) -> str:
    """The record for a private key that somebody gives, which is looked at as a whole.

    Raises Invalid `dkim_key_unreadable` and `dkim_key_size`.
    """
    # The size first: a giant key would take minutes.
    key = read_key(pem)
    if isinstance(key, Ed25519PrivateKey):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return _PREFIXES["ed25519-sha256"] + b64encode(raw).decode()
    if not MINIMUM_BITS <= key.key_size <= MAXIMUM_BITS:
        detail = (
            f"An RSA key has {MINIMUM_BITS} to {MAXIMUM_BITS} bits, better {ADVISED_BITS}; this has {key.key_size}."
        )
        raise Invalid.of(Problem("dkim_key_size", detail))
    key = _load(pem, False)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _PREFIXES["rsa-sha256"] + b64encode(der).decode()


def read_key(pem: str) -> PrivateKey:
    """The key in a text that `record_of` has looked at before. Raises Invalid `dkim_key_unreadable`."""
    return _load(pem, True)


def _load(pem: str, is_known: bool) -> PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=is_known)
    except TypeError as error:
        raise _unreadable("The key is protected by a passphrase: give it without one.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unreadable("This is not a private key in PEM, or it is damaged.") from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise _unreadable("A key for DKIM is an RSA or an Ed25519 key.")
    return key


def _unreadable(detail: str) -> Invalid:
    return Invalid.of(Problem("dkim_key_unreadable", detail))


def record_name(domain: str, selector: str) -> str:
    """Where the record is looked for (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def publication(domain: str, selector: str, record: str) -> Publication:
    """What is to be published, of a record that `record_of` made."""
    algorithm = next(one for one, prefix in _PREFIXES.items() if record.startswith(prefix))
    warning = None
    if algorithm == "rsa-sha256":
        key = load_der_public_key(b64decode(record.removeprefix(_PREFIXES[algorithm])))
        assert isinstance(key, RSAPublicKey)
        if key.key_size < ADVISED_BITS:
            warning = f"the key has {key.key_size} bits: use {ADVISED_BITS} (RFC 8301)"
    return Publication(record_name(domain, selector), record, algorithm, warning)


def is_aligned(address: str, domain: str) -> bool:
    """Whether a signature for `domain` speaks for the address: it is the address's domain, or above it (RFC 7489)."""
    return f".{address.rpartition('@')[2]}".endswith(f".{domain}")
