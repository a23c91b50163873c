"""The loop that one would write: Jinja2 and EmailMessage, aiosmtplib on connections that stay open, asyncpg in batches.

    python -m bench.rivals.aiosmtplib_loop PORT FIRST COUNT DSN

Leads come from memory, and what was sent is recorded in a table `sent` by a hundred at a time: a row for each message
with its Message-ID. It claims nothing, so that it would send twice after a crash, and it cannot pause. Prints the
seconds from the first message to the last one recorded.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

import aiosmtplib
import asyncpg
import uvloop
from jinja2 import Environment

from bench import letter

CONNECTIONS = 50
BATCH = 100

Sent = tuple[str, str, datetime]

_PLAIN = Environment(autoescape=False)
_ESCAPED = Environment(autoescape=True)
_SUBJECT, _TEXT = _PLAIN.from_string(letter.SUBJECT), _PLAIN.from_string(letter.TEXT)
_HTML = _ESCAPED.from_string(letter.HTML)


def compose(lead: dict[str, str], number: int) -> EmailMessage:
    """The message to one lead."""
    url = f"https://mail.bench.example/u/{number:032x}"
    fields = lead | {"unsubscribe_url": url}
    message = EmailMessage(policy=SMTP)
    message["From"] = "Kim Sender <kim@sender.example>"
    message["To"] = lead["email"]
    message["Subject"] = _SUBJECT.render(fields)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain="sender.example")
    message["List-Unsubscribe"] = f"<{url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(_TEXT.render(fields))
    message.add_alternative(_HTML.render(fields), subtype="html")
    return message


async def _send(port: int, work: Iterator[tuple[int, dict[str, str]]], sent: asyncio.Queue[Sent]) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="bench.example")
    await client.connect()
    for number, lead in work:
        message = compose(lead, number)
        await client.send_message(message)
        sent.put_nowait((lead["email"], message["Message-ID"], datetime.now(UTC)))
    await client.quit()


async def _record(pool: asyncpg.Connection, count: int, sent: asyncio.Queue[Sent]) -> None:
    recorded = 0
    while recorded < count:
        batch = [await sent.get() for _ in range(min(BATCH, count - recorded))]
        await pool.executemany("insert into sent (recipient, message_id, sent_at) values ($1, $2, $3)", batch)
        recorded += len(batch)


async def main(port: int, first: int, count: int, dsn: str) -> float:
    """Sends and records; answers the seconds."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "create table if not exists sent "
        "(id bigint generated always as identity primary key, recipient text, message_id text, sent_at timestamptz)"
    )
    work = enumerate(list(letter.leads(first, count)))
    sent: asyncio.Queue[Sent] = asyncio.Queue()
    began = time.perf_counter()
    await asyncio.gather(_record(connection, count, sent), *(_send(port, work, sent) for _ in range(CONNECTIONS)))
    took = time.perf_counter() - began
    await connection.close()
    return took


if __name__ == "__main__":
    print(uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
