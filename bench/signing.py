"""What a DKIM signature costs: ours and dkimpy's, the same message and keys, in one run.

Run: .venv/bin/python bench/signing.py [rounds]. Each round signs 200 messages by ours and 20 by dkimpy, in turn.
"""

import sys
from base64 import b64encode
from collections.abc import Callable
from statistics import median
from time import perf_counter

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from caesura.protocol.dkim import SIGNED, signature

MOMENT = 1_772_443_800
BODY = b"<p>A plain paragraph that is the same for everybody, with a line or two of text in it.</p>\r\n" * 90
HEAD = (
    b"Date: Mon, 02 Mar 2026 09:30:00 +0000\r\n"
    b"Message-ID: <0123456789abcdef0123456789abcdef@sender.example>\r\n"
    b"From: Kim Sender <kim@sender.example>\r\n"
    b"To: lead%d@example.com\r\n"
    b"Subject: A question about Acme & Sons\r\n"
    b"List-Unsubscribe: <https://u.sender.example/0123456789abcdef0123456789abcdef>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: text/html; charset="utf-8"\r\n'
    b"\r\n"
)

Key = RSAPrivateKey | Ed25519PrivateKey


def ours(key: Key) -> Callable[[bytes], bytes]:
    return lambda content: signature(content, "sender.example", "mail", key, MOMENT)


def theirs(key: Key) -> Callable[[bytes], bytes]:
    if isinstance(key, RSAPrivateKey):
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        algorithm = b"rsa-sha256"
    else:
        secret = b64encode(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        algorithm = b"ed25519-sha256"

    def sign(content: bytes) -> bytes:
        field: bytes = dkim.sign(
            content,
            b"mail",
            b"sender.example",
            secret,
            canonicalize=(b"relaxed", b"relaxed"),
            signature_algorithm=algorithm,
            include_headers=[b"from", *(name for name in SIGNED if b"\r\n%b:" % name in b"\r\n" + HEAD.lower())],
        )
        return field

    return sign


def record(key: Key) -> bytes:
    if isinstance(key, RSAPrivateKey):
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b"v=DKIM1; k=rsa; p=" + b64encode(der)
    return b"v=DKIM1; k=ed25519; p=" + b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def microseconds(sign: Callable[[bytes], bytes], times: int) -> float:
    contents = [HEAD % number + BODY for number in range(times)]
    begun = perf_counter()
    for content in contents:
        sign(content)
    return (perf_counter() - begun) / times * 1e6


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    keys: dict[str, Key] = {"RSA 2048": generate_private_key(65537, 2048), "Ed25519": Ed25519PrivateKey.generate()}
    content = HEAD % 1 + BODY
    sys.stdout.write(f"a message of {len(content):,} octets\n")
    for kind, key in keys.items():
        known = record(key)
        signers = {"caesura": (ours(key), 200), "dkimpy": (theirs(key), 20)}
        measured: dict[str, list[float]] = {name: [] for name in signers}
        for sign, _ in signers.values():
            assert dkim.verify(sign(content) + content, dnsfunc=lambda name, timeout=5, known=known: known)
        for _ in range(rounds):
            for name, (sign, times) in signers.items():
                measured[name].append(microseconds(sign, times))
        for name, figures in measured.items():
            spread = f"{min(figures):,.0f} to {max(figures):,.0f}"
            sys.stdout.write(f"{kind:9} {name:8} {median(figures):9,.0f} us per message ({spread})\n")
        ratio = median(measured["dkimpy"]) / median(measured["caesura"])
        sys.stdout.write(f"{kind:9} ratio of the medians: {ratio:.0f}\n")


if __name__ == "__main__":
    main()
