"""A scripted SMTP server that fails on purpose, certificates good and bad, and Postfix's smtp-sink."""

import asyncio
import contextlib
import datetime
import ipaddress
import itertools
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10000000", "ENHANCEDSTATUSCODES")
DEFAULTS = {
    "GREETING": "220 test",
    "EHLO": "250",
    "HELO": "250 test",
    "STARTTLS": "220 go on",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 go on",
    "CONTENT": "250 2.0.0 queued",
    "RSET": "250 Ok",
    "NOOP": "250 Ok",
    "QUIT": "221 Bye",
}


# What a server can do instead of answering: each is given the writer.


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the line in good order, without a word."""
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    """Break the line (RST)."""
    own = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


async def half_close(writer: asyncio.StreamWriter) -> None:
    """Say that nothing more will be said, and keep the line."""
    writer.write_eof()
    await be_silent(writer)


async def be_silent(_: asyncio.StreamWriter) -> None:
    """Never answer, neither this nor anything behind it."""
    await asyncio.Event().wait()


def say(raw: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Write these very bytes."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return act


def say_and_drop(raw: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Write these very bytes and close."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        writer.close()

    return act


def dribble(raw: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Write byte by byte, each in a packet of its own."""

    async def act(writer: asyncio.StreamWriter) -> None:
        for byte in raw:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    return act


Answer = str | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FaultServer:
    """Answers each verb by script, a string or an act; a list is used up one by one, then the default serves.

    CONTENT is the answer to the content's end; CONTENT_BEGUN an act done once the content's first byte is here, after
    which nothing more is read unless `reads`.
    """

    replies: Mapping[str, Answer | Sequence[Answer]] = field(default_factory=dict)
    offers: Sequence[str] = OFFERS
    tls: ssl.SSLContext | None = None
    is_implicit: bool = False
    reads: bool = True

    def __post_init__(self) -> None:
        self.commands: list[str] = []
        self.accepted: list[tuple[str, bytes]] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.changed = asyncio.Event()
        self._left = {key: list(value) for key, value in self.replies.items() if isinstance(value, list)}
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        listening = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio turns Nagle off only where this is named
        if not self.reads:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        listening.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(
            self._serve, sock=listening, limit=2**24, ssl=self.tls if self.is_implicit else None
        )
        self.port: int = listening.getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that happened here makes it so."""
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(cast("asyncio.Task[None]", asyncio.current_task()))
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.changed.set()
        try:
            await self._answer("GREETING", writer)
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self.changed.set()
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient, has_recipient = "", False
        while line := (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
            verb = line.split(" ")[0].split(":")[0].upper()
            self.commands.append(line)
            self.changed.set()
            if verb in ("MAIL", "RSET"):
                has_recipient = False
            if verb == "BDAT":
                content = await reader.readexactly(int(line.split(" ")[1]))
                if (await self._answer("CONTENT", writer)).startswith("2") and has_recipient:
                    self.accepted.append((recipient, content))
                continue
            reply = await self._answer(verb, writer)
            if verb == "RCPT":
                recipient, has_recipient = line[line.index("<") + 1 : line.index(">")], reply.startswith("2")
            elif verb == "STARTTLS" and reply.startswith("2") and self.tls is not None:
                await writer.start_tls(self.tls)
            elif verb == "DATA" and reply.startswith("3"):
                await self._take_content(reader, writer, recipient if has_recipient else "")
            elif verb == "QUIT":
                return

    async def _take_content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recipient: str) -> None:
        lines = []
        if "CONTENT_BEGUN" in self.replies:
            await reader.readexactly(1)
            if not self.reads:
                writer.transport.pause_reading()
            await self._answer("CONTENT_BEGUN", writer)
            if not self.reads:
                await asyncio.Event().wait()
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise asyncio.IncompleteReadError(b"", None)
            lines.append(line.removeprefix(b"."))
        content = b"".join(lines)
        if not recipient:
            writer.write(b"554 5.5.1 no valid recipients\r\n")
        elif (await self._answer("CONTENT", writer)).startswith("2"):
            self.accepted.append((recipient, content))
            self.changed.set()

    async def _answer(self, verb: str, writer: asyncio.StreamWriter) -> str:
        answer: Any = self.replies.get(verb, DEFAULTS.get(verb, "500 5.5.2 what?"))
        if verb in self._left:
            answer = self._left[verb].pop(0) if self._left[verb] else DEFAULTS[verb]
        if not isinstance(answer, str):
            await answer(writer)
            return ""
        if verb == "EHLO" and answer == "250":
            answer = "\r\n".join(["250-test", *(f"250-{offer}" for offer in self.offers), "250 HELP"])
        writer.write(answer.encode() + b"\r\n")
        return answer


@dataclass
class Faults:
    """Starts fault servers, and holds the acts."""

    _running: list[FaultServer]
    drop = staticmethod(drop)
    reset = staticmethod(reset)
    half_close = staticmethod(half_close)
    be_silent = staticmethod(be_silent)
    say = staticmethod(say)
    say_and_drop = staticmethod(say_and_drop)
    dribble = staticmethod(dribble)

    async def start(self, replies: Mapping[str, Any] | None = None, **options: Any) -> FaultServer:
        server = FaultServer(replies or {}, **options)
        await server.start()
        self._running.append(server)
        return server


@contextlib.asynccontextmanager
async def _faults() -> AsyncIterator[Faults]:
    running: list[FaultServer] = []
    try:
        yield Faults(running)
    finally:
        for server in running:
            await server.stop()


@pytest.fixture
async def faults() -> AsyncIterator[Faults]:
    """Servers that run for one test."""
    async with _faults() as found:
        yield found


@pytest.fixture
def new_faults() -> Callable[[], contextlib.AbstractAsyncContextManager[Faults]]:
    """The same for a test that runs its own event loop."""
    return _faults


# Certificates


@dataclass(frozen=True)
class Certificates:
    """Our own authority's file, and server contexts with a certificate that is good, or bad in one way."""

    ca_file: str
    good: ssl.SSLContext
    other_name: ssl.SSLContext
    expired: ssl.SSLContext
    other_authority: ssl.SSLContext


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once for the run."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = _authority("Test Authority"), _authority("Other Authority")
    ca_file = folder / "authority.pem"
    ca_file.write_bytes(authority[1].public_bytes(serialization.Encoding.PEM))
    return Certificates(
        ca_file=str(ca_file),
        good=_context(folder / "good.pem", authority, "localhost"),
        other_name=_context(folder / "other_name.pem", authority, "mail.example"),
        expired=_context(folder / "expired.pem", authority, "localhost", days=-1),
        other_authority=_context(folder / "other_authority.pem", other, "localhost"),
    )


Authority = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _authority(name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        + ("crl_sign", "encipher_only", "decipher_only"),
        False,
    )
    builder = (
        _builder(subject, subject, key, 1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, **usage), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    return key, builder.sign(key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _context(path: Path, authority: Authority, host: str, days: int = 1) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(host)]
    if host == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    builder = _builder(subject, authority[1].subject, key, days)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority[0].public_key())
    builder = builder.add_extension(x509.SubjectAlternativeName(names), False).add_extension(issuer, False)
    certificate = builder.sign(authority[0], hashes.SHA256())
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


# Postfix's sink


@pytest.fixture
def smtp_sink() -> Iterator[Callable[..., tuple[int, Path]]]:
    """Start `smtp-sink` with options; gives its port and the folder in which `-d NAME` keeps messages."""
    program = shutil.which("smtp-sink", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("Postfix's smtp-sink is not installed (Debian: postfix)")
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)

        def start(*options: str) -> tuple[int, Path]:
            port = _free_port()
            user = ["-u", "nobody"] if os.geteuid() == 0 else []
            command = [program, *user, *options, f"127.0.0.1:{port}", "100"]
            running.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL))
            _wait_for_port(port, running[-1])
            return port, folder

        yield start
        for process in running:
            process.terminate()
            process.wait()


# Below those that the system gives to whoever asks for any: nobody takes one between the look and smtp-sink.
_PORTS = itertools.count(21_000 + 1_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")))


def _free_port() -> int:
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("counts without end")


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert process.poll() is None, "smtp-sink ended at once"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("smtp-sink does not listen")
