"""The driver beside another client on the same server, and against Postfix's own test server."""

import re
from collections import Counter
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from caesura.protocol.smtp import Envelope, Kind, Stage, TlsMode
from caesura.worker.connections import ConnectionPool
from caesura.worker.transport import ConnectionSettings, SessionFailed, connect

CONTENT = b"Subject: x\r\n\r\nhello\r\n.dot\r\n..\r\n"


def settings(port: int, **changes: Any) -> ConnectionSettings:
    return ConnectionSettings(
        **{"host": "127.0.0.1", "port": port, "tls": TlsMode.NONE, "helo_name": "client.example", **changes}
    )


# Beside aiosmtplib


async def our_verdict(port: int) -> str:
    try:
        connection = await connect(settings(port))
    except SessionFailed as failed:
        reply = failed.failure.reply
        return f"session {reply.code}" if reply is not None else "lost"
    outcome = await connection.submit(Envelope("s@example.com", "r@example.com", CONTENT))
    await connection.quit()
    if outcome.kind in (Kind.DEFERRED, Kind.REJECTED) and outcome.reply is not None:
        return f"{outcome.kind.value} {outcome.reply.code}"
    return "lost" if outcome.kind in (Kind.DEFERRED, Kind.UNKNOWN) else outcome.kind.value


async def their_verdict(port: int) -> str:
    client = aiosmtplib.SMTP(
        hostname="127.0.0.1", port=port, start_tls=False, local_hostname="client.example", timeout=10
    )
    try:
        await client.connect()
        await client.sendmail("s@example.com", ["r@example.com"], CONTENT)
    except aiosmtplib.SMTPRecipientsRefused as refused:
        code = refused.recipients[0].code
    except (aiosmtplib.SMTPConnectResponseError, aiosmtplib.SMTPHeloError) as refused:
        return f"session {refused.code}"
    except aiosmtplib.SMTPResponseException as refused:
        code = refused.code
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPConnectError):
        return "lost"
    else:
        return "accepted"
    finally:
        client.close()
    return f"{'rejected' if code // 100 == 5 else 'deferred'} {code}"


CODES = (421, 450, 451, 452, 454, 500, 501, 503, 530, 550, 551, 552, 553, 554, 571)


def scripts(faults: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {"all well": {}, "in many lines": {"CONTENT": "250-a\r\n250-b\r\n250 c"}}
    for stage in ("MAIL", "RCPT", "DATA", "CONTENT"):
        found |= {f"{code} at {stage}": {stage: f"{code} no"} for code in CODES}
        found[f"dropped at {stage}"] = {stage: faults.drop}
        found[f"reset at {stage}"] = {stage: faults.reset}
    found |= {f"greeted with {code}": {"GREETING": f"{code} no"} for code in (421, 450, 554)}
    found["dropped at the greeting"] = {"GREETING": faults.drop}
    found["only HELO"] = {"EHLO": "502 what?"}
    found["neither EHLO nor HELO"] = {"EHLO": "502 what?", "HELO": "550 no"}
    found["251 at RCPT"] = {"RCPT": "251 forwarded"}
    return found


@pytest.mark.parametrize("offers", [("PIPELINING", "SIZE 100000", "8BITMIME"), ("8BITMIME",)])
async def test_another_client_comes_to_the_same_verdict_on_the_same_server(
    faults: Any, offers: tuple[str, ...]
) -> None:
    ours, theirs = {}, {}
    for name, script in scripts(faults).items():
        first, second = await faults.start(script, offers=offers), await faults.start(script, offers=offers)
        ours[name] = await our_verdict(first.port)
        theirs[name] = await their_verdict(second.port)
        assert first.accepted == second.accepted, name
    assert ours == theirs
    assert Counter(verdict.split(" ")[0] for verdict in ours.values()) == {
        "accepted": 4,
        "deferred": 20,
        "rejected": 40,
        "lost": 9,
        "session": 4,
    }


# Against smtp-sink


async def send_all(port: int, count: int, connections: int = 1, **changes: Any) -> list[Any]:
    pool = ConnectionPool()
    outcomes = []
    for start in range(0, count, 50):
        numbers = range(start, min(count, start + 50))
        async with pool.lend(start % connections, settings(port, **changes), connections) as connection:
            futures = [
                connection.submit(
                    Envelope("s@example.com", f"r{n}@example.com", b"X-Number: %d\r\n\r\nhi\r\n.\r\n" % n)
                )
                for n in numbers
            ]
            outcomes += [await future for future in futures]
    await pool.close()
    return outcomes


async def test_smtp_sink_has_every_message_once_and_unchanged(smtp_sink: Any) -> None:
    port, folder = smtp_sink("-d", "message-%M.")
    outcomes = await send_all(port, 300, connections=3)
    assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
    files = [file.read_bytes() for file in Path(folder).glob("message-*")]
    recipients = [re.search(rb"X-Rcpt-Args: <(.*)>", file) for file in files]
    assert Counter(found[1] for found in recipients if found) == {b"r%d@example.com" % n: 1 for n in range(300)}
    for file, found in zip(files, recipients, strict=True):
        assert found is not None
        number = parseaddr(found[1].decode())[1].removeprefix("r").split("@")[0].encode()
        assert b"X-Number: " + number in file
        assert file.replace(b"\r\n", b"\n").rstrip().endswith(b"\n\nhi\n.")


SINK = [
    (["-p"], Kind.ACCEPTED, Stage.CONTENT),
    (["-e"], Kind.ACCEPTED, Stage.CONTENT),
    (["-E", "-8", "-N"], Kind.ACCEPTED, Stage.CONTENT),
    (["-f", "MAIL"], Kind.REJECTED, Stage.MAIL),
    (["-f", "RCPT"], Kind.REJECTED, Stage.RCPT),
    (["-f", "DATA"], Kind.REJECTED, Stage.DATA),
    (["-f", "."], Kind.REJECTED, Stage.CONTENT),
    (["-r", "MAIL"], Kind.DEFERRED, Stage.MAIL),
    (["-r", "RCPT"], Kind.DEFERRED, Stage.RCPT),
    (["-r", "DATA"], Kind.DEFERRED, Stage.DATA),
    (["-r", "."], Kind.DEFERRED, Stage.CONTENT),
    (["-Q", "MAIL"], Kind.DEFERRED, Stage.MAIL),
    (["-Q", "RCPT"], Kind.DEFERRED, Stage.RCPT),
    (["-Q", "DATA"], Kind.DEFERRED, Stage.DATA),
    (["-Q", "."], Kind.DEFERRED, Stage.CONTENT),
    (["-q", "MAIL"], Kind.DEFERRED, Stage.MAIL),
    (["-q", "RCPT"], Kind.DEFERRED, Stage.RCPT),
    (["-q", "DATA"], Kind.DEFERRED, Stage.DATA),
    (["-q", "."], Kind.UNKNOWN, Stage.CONTENT),
]


async def test_every_way_in_which_smtp_sink_can_fail_has_its_outcome(smtp_sink: Any) -> None:
    for options, kind, stage in SINK:
        port, _ = smtp_sink(*options)
        [outcome] = await send_all(port, 1)
        assert (outcome.kind, outcome.stage) == (kind, stage), options


async def test_smtp_sink_can_refuse_the_session(smtp_sink: Any) -> None:
    for option, stage in (("CONNECT", Stage.GREETING), ("EHLO,HELO", Stage.EHLO)):
        port, _ = smtp_sink("-f", option)
        with pytest.raises(SessionFailed) as caught:
            await connect(settings(port))
        assert caught.value.failure.stage is stage
