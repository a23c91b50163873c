"""What a DKIM signature costs: ours and dkimpy's, same message and keys. A round signs 200 by ours, 20 by dkimpy."""

from base64 import b64encode
from collections.abc import Callable
from time import perf_counter

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bench.report import Report
from bench.scene import Scene
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


def measure(scene: Scene) -> Report:
    """RSA and Ed25519; every signature's kind is verified by dkimpy first."""
    report = Report("signing")
    keys: dict[str, Key] = {"RSA 2048": generate_private_key(65537, 2048), "Ed25519": Ed25519PrivateKey.generate()}
    content = HEAD % 1 + BODY
    report.notes.append(f"A message of {len(content):,} octets.")
    for kind, key in keys.items():
        known = record(key)
        signers = {"caesura": (ours(key), 200), "dkimpy": (theirs(key), 20)}
        measured: dict[str, list[float]] = {name: [] for name in signers}
        for name, (sign, _) in signers.items():
            good = dkim.verify(sign(content) + content, dnsfunc=lambda name, timeout=5, known=known: known)
            report.expect(f"the {kind} signature of {name} is not good", good)
        for _ in range(scene.rounds):
            for name, (sign, times) in signers.items():
                measured[name].append(microseconds(sign, times))
        medians = [report.add(f"{kind}, {name}", "us a message", *measured[name]).median for name in signers]
        report.add(f"{kind}, ratio of the medians", "x", medians[1] / medians[0])
    return report
