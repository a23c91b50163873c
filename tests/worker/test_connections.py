"""The pool: never more than the limit, reuse while it is sound, and everything closed in the end."""

import asyncio
from typing import Any

import pytest

from caesura.protocol.smtp import Envelope, Kind, TlsMode
from caesura.worker.connections import ConnectionPool
from caesura.worker.transport import ConnectionSettings, SessionFailed, Timeouts


def settings(server: Any, **changes: Any) -> ConnectionSettings:
    return ConnectionSettings(
        **{"host": "127.0.0.1", "port": server.port, "tls": TlsMode.NONE, "helo_name": "x.example", **changes}
    )


def envelope() -> Envelope:
    return Envelope("sender@example.com", "r@example.com", b"x\r\n")


async def send(pool: ConnectionPool, server: Any, limit: int = 1, mailbox: str = "m", **changes: Any) -> Kind:
    async with pool.lend(mailbox, settings(server, **changes), limit) as connection:
        return (await connection.submit(envelope())).kind


async def test_a_connection_is_reused_and_closed_in_the_end(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    for _ in range(3):
        assert await send(pool, server) is Kind.ACCEPTED
    assert (server.connections, pool.lent, pool.idle) == (1, 0, 1)
    await pool.close()
    assert (pool.lent, pool.idle) == (0, 0)
    await server.until(lambda: server.open == 0)
    assert server.commands[-1] == "QUIT"


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_a_mailbox_never_has_more_connections_than_its_limit(faults: Any, limit: int) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    kinds = await asyncio.gather(*(send(pool, server, limit, messages_max=2) for _ in range(40)))
    assert set(kinds) == {Kind.ACCEPTED}
    assert server.most_open == limit
    await pool.close()


async def test_each_mailbox_has_its_own_limit(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    async with pool.lend("a", settings(server), 1), pool.lend("b", settings(server), 1):
        assert (pool.lent, server.open) == (2, 2)
    await pool.close()


async def test_a_borrower_waits_for_its_turn_in_order(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    order: list[int] = []

    async def borrow(number: int) -> None:
        async with pool.lend("m", settings(server), 1):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(borrow(number) for number in range(6)))
    assert order == list(range(6))
    await pool.close()


async def test_a_borrower_that_gives_up_waiting_leaves_its_turn_to_the_next(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    async with pool.lend("m", settings(server), 1):
        impatient = asyncio.create_task(send(pool, server))
        patient = asyncio.create_task(send(pool, server))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
    assert await patient is Kind.ACCEPTED
    assert pool.lent == 0
    await pool.close()


async def test_a_borrower_cancelled_just_as_its_turn_comes_gives_it_back(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    async with pool.lend("m", settings(server), 1):
        unlucky = asyncio.create_task(send(pool, server))
        await asyncio.sleep(0)
    unlucky.cancel()
    with pytest.raises(asyncio.CancelledError):
        await unlucky
    assert pool.lent == 0
    assert await send(pool, server) is Kind.ACCEPTED
    await pool.close()


async def test_a_higher_limit_lets_those_in_who_wait(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    async with pool.lend("m", settings(server), 1):
        waiting = asyncio.create_task(send(pool, server, 1))
        await asyncio.sleep(0)
        assert await send(pool, server, 3) is Kind.ACCEPTED
        assert await waiting is Kind.ACCEPTED
    await pool.close()


async def test_a_refused_session_frees_its_place(faults: Any) -> None:
    server = await faults.start({"GREETING": ["421 busy"]})
    pool = ConnectionPool()
    with pytest.raises(SessionFailed):
        await send(pool, server)
    assert pool.lent == 0
    assert await send(pool, server) is Kind.ACCEPTED
    await pool.close()


async def test_a_connection_with_other_settings_is_closed_before_a_new_one_is_opened(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    await send(pool, server)
    await send(pool, server, helo_name="other.example")
    assert (server.connections, server.most_open) == (2, 1)
    assert [line for line in server.commands if line.startswith(("EHLO", "QUIT"))] == [
        "EHLO x.example",
        "QUIT",
        "EHLO other.example",
    ]
    await pool.close()


async def test_a_connection_that_died_while_idle_is_not_lent(faults: Any) -> None:
    server = await faults.start({"CONTENT": [faults.say_and_drop(b"250 Ok\r\n")]})
    pool = ConnectionPool()
    async with pool.lend("m", settings(server), 1) as connection:
        assert (await connection.submit(envelope())).kind is Kind.ACCEPTED
    while connection.is_usable:
        await asyncio.sleep(0)
    assert await send(pool, server) is Kind.ACCEPTED
    assert server.connections == 2
    await pool.close()


async def test_a_connection_idle_for_long_is_asked_for_a_sign_of_life(faults: Any) -> None:
    server = await faults.start({"NOOP": ["250 Ok", faults.drop]})
    pool = ConnectionPool(check_seconds=0)
    for connections in (1, 1, 2):
        assert await send(pool, server) is Kind.ACCEPTED
        assert server.connections == connections
    assert server.commands.count("NOOP") == 2
    await pool.close()


async def test_a_borrower_cancelled_during_the_check_leaves_nothing_open(faults: Any) -> None:
    server = await faults.start({"NOOP": [faults.say(b"250-wait\r\n")]})
    pool = ConnectionPool(check_seconds=0)
    await send(pool, server)
    waiting = asyncio.create_task(send(pool, server))
    await server.until(lambda: "NOOP" in server.commands)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await server.until(lambda: server.open == 0)
    assert (pool.lent, pool.idle) == (0, 0)
    await pool.close()


async def test_an_idle_connection_is_closed_after_its_time(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool(idle_seconds=0.01)
    await send(pool, server)
    await server.until(lambda: server.open == 0)
    assert (pool.idle, server.commands[-1]) == (0, "QUIT")
    await pool.close()


async def test_a_connection_holds_its_place_until_it_is_closed(faults: Any) -> None:
    server = await faults.start({"QUIT": [faults.be_silent]})
    pool = ConnectionPool()
    short = {"timeouts": Timeouts(goodbye=0.05)}
    await send(pool, server, messages_max=1, **short)
    assert pool.lent == 1
    await send(pool, server, **short)
    assert server.connections == 2
    await pool.close()


async def test_a_spent_connection_is_not_kept(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    await send(pool, server, messages_max=1)
    assert pool.idle == 0
    await send(pool, server, messages_max=1)
    assert (server.connections, server.most_open) == (2, 1)
    await pool.close()


async def test_a_connection_given_back_busy_is_finished_and_closed(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    async with pool.lend("m", settings(server), 1) as connection:
        begun, queued = connection.submit(envelope()), connection.submit(envelope())
    assert (await begun).kind is Kind.ACCEPTED
    assert (await queued).kind is Kind.NOT_SENT
    await pool.close()
    assert server.connections == 1


async def test_forgetting_a_mailbox_closes_what_is_idle(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    await send(pool, server)
    await send(pool, server, mailbox="other")
    await pool.forget("m")
    await pool.forget("never seen")
    assert pool.idle == 1
    await server.until(lambda: server.open == 1)
    await pool.close()


async def test_closing_waits_for_what_is_lent_and_turns_away_what_waits(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool()
    async with pool.lend("m", settings(server), 1) as connection:
        waiting = asyncio.create_task(send(pool, server))
        await asyncio.sleep(0)
        closing = asyncio.create_task(pool.close())
        with pytest.raises(RuntimeError, match="closed"):
            await waiting
        assert not closing.done()
        assert (await connection.submit(envelope())).kind is Kind.ACCEPTED
    await closing
    await server.until(lambda: server.open == 0)
    with pytest.raises(RuntimeError, match="closed"):
        await send(pool, server)


async def test_no_connection_at_all_is_no_limit(faults: Any) -> None:
    server = await faults.start()
    with pytest.raises(ValueError, match="at least one"):
        await send(ConnectionPool(), server, 0)


# The limit of all mailboxes together


async def test_many_mailboxes_never_have_more_connections_open_than_the_pool_allows(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool(most=5)
    kinds = await asyncio.gather(*(send(pool, server, 2, f"m{number % 60}") for number in range(180)))
    assert set(kinds) == {Kind.ACCEPTED}
    assert server.most_open <= 5 and pool.idle <= 5
    await pool.close()
    await server.until(lambda: server.open == 0)


async def test_that_which_has_been_idle_longest_is_closed_for_one_more(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool(most=3)
    for mailbox in ("a", "b", "c", "a", "d"):
        await send(pool, server, mailbox=mailbox)
    assert server.connections == 4
    for mailbox in ("c", "a", "d"):
        await send(pool, server, mailbox=mailbox)
    assert (server.connections, server.most_open) == (4, 3)
    await send(pool, server, mailbox="b")
    assert (server.connections, server.most_open) == (5, 3)
    await pool.close()


async def test_a_server_that_fails_gives_its_room_back(faults: Any) -> None:
    server = await faults.start(replies={"GREETING": "421 busy"})
    good = await faults.start()
    pool = ConnectionPool(most=1)
    for _ in range(3):
        with pytest.raises(SessionFailed):
            await send(pool, server)
    assert await send(pool, good, mailbox="n") is Kind.ACCEPTED
    await pool.close()


async def test_a_borrower_that_gives_up_waiting_for_room_leaves_it_to_the_next(faults: Any) -> None:
    server = await faults.start()
    pool = ConnectionPool(most=1)
    async with pool.lend("a", settings(server), 1):
        impatient = asyncio.create_task(send(pool, server, mailbox="b"))
        patient = asyncio.create_task(send(pool, server, mailbox="c"))
        await asyncio.sleep(0.05)
        impatient.cancel()
    assert await patient is Kind.ACCEPTED
    assert server.most_open == 1
    await pool.close()
    assert (pool.lent, pool.idle) == (0, 0)
