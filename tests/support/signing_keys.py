"""Private keys as their owners have them: in PEM. Made when they are first asked for."""

from base64 import b64decode
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

# RFC 8463 appendix A.
RFC_RECORD = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def in_pem(
    key: Any, form: PrivateFormat = PrivateFormat.PKCS8, locked: KeySerializationEncryption | None = None
) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, form, locked or NoEncryption())
    return text.decode()


@cache
def rfc_key() -> str:
    raw = b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    return in_pem(ed25519.Ed25519PrivateKey.from_private_bytes(raw))


@cache
def rsa_key(bits: int) -> str:
    return in_pem(rsa.generate_private_key(65537, bits))


@cache
def old_style_rsa_key() -> str:
    """As `openssl genrsa -traditional` writes it."""
    return in_pem(rsa.generate_private_key(65537, 2048), PrivateFormat.TraditionalOpenSSL)


@cache
def locked_key() -> str:
    return in_pem(ed25519.Ed25519PrivateKey.generate(), locked=BestAvailableEncryption(b"sesame"))


@cache
def elliptic_key() -> str:
    return in_pem(ec.generate_private_key(ec.SECP256R1()))


SHORT_KEY = """-----BEGIN PRIVATE KEY-----
MIICZgIBADANBgkqhkiG9w0BAQEFAASCAlAwggJMAgEAAn4A0iUvOVR0zCVCEYN0
6CChBq7/Q8RYnzQNzC3za/2byxlThF4i7+d4zrpQGge8v96G7dINRlzSTt8vXNCo
fCCAoP6g3M00BQ/WEi6yeLrn8C3qEJR9TS9yhw8fruC/+KPaLsXCia044xArwTZ9
Pn2Rhiq4A0FjK6ROrlxwf+sCAwEAAQJ9TymS0JXwKbcfXFmZAJjKECp8Hpsoh1Ck
ofXtbRDsT2YLACI2JwmbiMTGyAeCIwVA7vXh6k+tKekJfn1b+uZ4n0EkBJAx3x7F
6uAc2LfD4tG9+Yv7fNM3bLOe9yTZ+r4jgGFwxAPe777z9raKtxLCi0jjX5lNvxkS
lmkzrAECPw8s9OWO0oxMTw+eh/AKkFi/PcFu9OfZa2cPMFaAC1ovcglTCazQi07c
m6vMhDAhfeXaRxMtaYueXLpFMxjzIQI/Ddj576xWqzaBrUyZko54kpDGrD9NEvSG
nSN5IKwOdY03eZrP+3PmUlhv0NyH0DUU+SwFAX3HccL2w4jk4d2LAj8FU8TMaOyk
b405cG9L5olxfgDRzH+QfBRl40EWvHA/wnQHreyxi6u7jVngXzTwKHGnpI5avxBU
AM2QXgZn9cECPwot5gz5cvyJJOpv1LSXZqrXIjSck9vLROlemjwaPsbK+Gy8EQeX
O0htGkU+19eGLdS9NzDRdTt7RkqW5ynh4QI/ApsKMsygnpNAVgaktNlm4/lo5yjp
/OjI6opKG+iNqVNpu/DxXLXTQfAJZMGDrq4LLDScMQ2gkFuMwd0djilc
-----END PRIVATE KEY-----
"""
"""RSA of 1000 bits; written down because cryptography makes none so short."""
