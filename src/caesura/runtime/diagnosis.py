"""Looks at everything that Caesura needs to send, from the disk to the mailboxes' servers. Changes nothing."""

import asyncio
import http.client
import shutil
import socket
import stat
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from caesura.domain.errors import CaesuraError, Invalid
from caesura.protocol.smtp import FailureKind, SessionFailure
from caesura.runtime.instance import KEY_FILE, now, told_address
from caesura.runtime.local import Engine, Reached, open_engine, reach_database
from caesura.runtime.postgres.layout import Layout
from caesura.runtime.settings import Settings
from caesura.service import diagnosis, installation, workers, workspaces
from caesura.service.diagnosis import MailboxFindings
from caesura.store.migrations import head
from caesura.store.server import check_room, check_server
from caesura.worker.reach import reach

_MEGABYTE = 1_000_000
_LITTLE_SPACE = 2_000 * _MEGABYTE
_NO_SPACE = 200 * _MEGABYTE
_CLOCK_SECONDS = 1.0
_CLOCK_LIMIT_SECONDS = 10.0
_SMTP_SECONDS = 10.0
_SMTP_AT_ONCE = 20


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `advice` says what to do unless all is well."""

    level: Level
    subject: str
    detail: str
    advice: str | None = None


def diagnose(settings: Settings, workspace: str, tell: Callable[[Check], None]) -> None:
    """Looks at everything and tells each thing as soon as it is known. Not inside an event loop."""
    for check in _machine(settings):
        tell(check)
    if settings.database_url is None and not (Layout.of(settings.data_dir).database / "PG_VERSION").exists():
        detail = f"there is none yet in {settings.data_dir}"
        advice = "the first caesura serve makes it; or name another folder with --data-dir"
        tell(Check(Level.WARN, "database", detail, advice))
        return
    try:
        with reach_database(settings) as reached:
            asyncio.run(_all_of_database(settings, reached, workspace, tell))
    except CaesuraError as error:
        tell(
            Check(Level.FAIL, "database", f"{error.detail} [{error.code}]", "nothing can be sent until this is mended")
        )


def _machine(settings: Settings) -> Iterator[Check]:
    yield _space(settings.data_dir)
    yield _key(settings)
    told = told_address(settings.data_dir)
    # What a server that was killed had told is of no use any more.
    host, port = told if told is not None and _answers(*told) else (settings.host, settings.port)
    yield _port(host, port)


def _space(folder: Path) -> Check:
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    detail = f"{free / 1_000 / _MEGABYTE:.1f} GB free at {place}"
    if free < _NO_SPACE:
        return Check(Level.FAIL, "disk", detail, "make room: a full disk stops the database, and with it all sending")
    return Check(Level.WARN if free < _LITTLE_SPACE else Level.OK, "disk", detail, "make room before it is full")


def _key(settings: Settings) -> Check:
    if settings.secret_key is not None:
        return Check(Level.OK, "secret key", "from the settings")
    file = settings.data_dir / KEY_FILE
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return Check(
            Level.WARN, "secret key", f"there is none yet at {file}", "the first start makes it: back it up then"
        )
    except OSError as error:
        return Check(
            Level.FAIL, "secret key", f"{file} cannot be read: {error.strerror}", "run this as the server's user"
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Check(Level.WARN, "secret key", f"others can read {file}", f"chmod 600 {file}")
    return Check(Level.OK, "secret key", str(file))


def _port(host: str, port: int) -> Check:
    place = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=2):
            pass
    except OSError:
        return Check(Level.OK, "server", f"none at {place}; the port is free for caesura serve")
    if _answers(host, port):
        return Check(Level.OK, "server", f"answers at http://{place}")
    return Check(Level.WARN, "server", f"another program has {place}", "choose another port: caesura serve --port N")


def _answers(host: str, port: int) -> bool:
    """Whether a server of ours is there."""
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz"
    # No proxy: this is about our own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False  # nothing is there, or it does not speak HTTP


async def _all_of_database(settings: Settings, reached: Reached, workspace: str, tell: Callable[[Check], None]) -> None:
    server = await check_server(reached.dsn)
    await check_room(reached.dsn)
    major, minor = divmod(server.version, 10_000)
    where = f"embedded in {settings.data_dir}" if reached.embedded else f"at {_without_password(reached.dsn)}"
    tell(Check(Level.OK, "database", f"PostgreSQL {major}.{minor}, {where}, schema {head()}"))
    for problem in server.warnings:
        tell(Check(Level.WARN, "database", problem.detail, "set it back to on in the server's configuration"))
    async with open_engine(reached.dsn, settings, connections=2) as engine:
        try:
            await installation.check(engine.database, engine.keyring)
        except Invalid as error:
            tell(Check(Level.FAIL, "secret key", f"{error.detail} [{error.code}]"))
        workspace_id = await workspaces.named(engine.database, workspace, now())
        async for check in _engine(engine):
            tell(check)
        async for check in _mailboxes(settings, engine, workspace_id):
            tell(check)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or 'a socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"


async def _engine(engine: Engine) -> AsyncIterator[Check]:
    before = now()
    theirs = await diagnosis.clock(engine.database)
    middle = before + (now() - before) / 2
    apart = abs((theirs - middle).total_seconds())
    level = Level.OK if apart < _CLOCK_SECONDS else Level.WARN if apart < _CLOCK_LIMIT_SECONDS else Level.FAIL
    yield Check(level, "clock", f"{apart:.1f} s from the database's", "set both machines' clocks by NTP")
    found = await workers.listed(engine.database)
    if not found:
        yield Check(
            Level.WARN, "workers", "none is there, so nothing is sent", "start caesura serve, or caesura worker"
        )
    for row in found:
        silent = now() - row.seen_at
        detail = f"process {row.process_id} on {row.host}, {row.slots} slots"
        if silent > workers.SILENT_AFTER:
            detail += f", silent for {silent.total_seconds():.0f} s"
            advice = "if it is gone, what it had is recovered by itself; if it hangs, end it and start another"
            yield Check(Level.WARN, "worker", detail, advice)
        else:
            yield Check(Level.OK, "worker", detail)


async def _mailboxes(settings: Settings, engine: Engine, workspace_id: int) -> AsyncIterator[Check]:
    for hold in await diagnosis.kill_switches(engine.database, workspace_id):
        detail = f"everything is on hold, by {hold.actor} ({hold.reason or hold.cause})"
        yield Check(Level.FAIL, "workspace", detail, f"caesura hold release hld_{hold.id}")
    found = await diagnosis.mailboxes_in_use(engine.database, engine.plans, workspace_id)
    if not found:
        yield Check(Level.WARN, "mailboxes", "there are none", "make some with caesura apply FILE.toml")
    turns = asyncio.Semaphore(_SMTP_AT_ONCE)
    for checks in await asyncio.gather(*(_mailbox(settings, one, turns) for one in reversed(found))):
        for check in checks:
            yield check


async def _mailbox(settings: Settings, found: MailboxFindings, turns: asyncio.Semaphore) -> list[Check]:
    subject = f"mailbox {found.row.name}"
    checks = [
        Check(
            Level.FAIL,
            subject,
            f"on hold, by {hold.actor}: {hold.reason or hold.cause}",
            f"mend the cause, then: caesura hold release hld_{hold.id}",
        )
        for hold in found.holds
    ]
    if found.plan is None:
        detail = found.error.detail if found.error else "it cannot be read"
        return [*checks, Check(Level.FAIL, subject, detail, "apply the mailbox again")]
    transport = found.plan.transport
    place = f"{transport.host}:{transport.port}"
    async with turns:
        failure = await reach(transport, settings.helo_name, settings.ca_file, _SMTP_SECONDS)
    if failure is not None:
        detail = failure.detail if failure.kind is FailureKind.SECRET else f"{place}: {failure.detail}"
        return [*checks, Check(Level.FAIL, subject, detail, _advice(failure, place))]
    secured = "without TLS" if transport.tls == "none" else f"with TLS ({transport.tls})"
    logged_in = f", logged in as {transport.username}" if transport.username else ", no login"
    return [*checks, Check(Level.OK, subject, f"{place} answers, {secured}{logged_in}")]


def _advice(failure: SessionFailure, place: str) -> str:
    match failure.kind:
        case FailureKind.AUTHENTICATION:
            return "look at username, password and auth; many providers want an app password, or xoauth2"
        case FailureKind.TLS:
            return (
                "look at tls (starttls is for port 587, implicit for 465), the host's name, and its certificate;"
                " CAESURA_CA_FILE names an authority of your own, for this and for the server"
            )
        case FailureKind.POLICY:
            return "the server does not want this machine: ask its operator, and look at CAESURA_HELO_NAME"
        case FailureKind.PERMANENT:
            return "look at host and port: is that a mail server for submission?"
        case FailureKind.TEMPORARY:
            return f"is a server running at {place}, and does a firewall let you through?"
        case FailureKind.SECRET:
            return "bring back the secret.key it was sealed with, or apply the mailbox again with its secrets"
