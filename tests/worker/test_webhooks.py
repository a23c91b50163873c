"""Webhooks over real HTTP: signed, in order, tried again, and safe from receivers of every kind."""

import asyncio
import json
import os
import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError
from webhook_desk import KEYRING, Hooks, receiving

from caesura.domain.destinations import Destinations
from caesura.domain.errors import Invalid
from caesura.service import webhook_delivery, webhooks, workspaces
from caesura.service.webhooks import Changes
from caesura.store.events import Entry, append
from caesura.worker import webhooks as courier_module
from caesura.worker.webhooks import AddressRefused, Courier, Resolver, guarded_socket

BODIES = "select body from webhook_delivery order by id"


@pytest.fixture
def hooks(engine: Any) -> Hooks:
    engine.now = datetime.now(UTC)  # whoever verifies a signature looks at the clock on the wall
    return Hooks(engine)


async def test_what_happens_is_told_and_signed_as_standard_webhooks_say(hooks: Hooks) -> None:
    async with receiving() as receiver:
        issued = await hooks.create(receiver.url, "campaign.paused")
        await hooks.happen(Entry("campaign.paused", 12, data={"cause": "manual"}), "campaign.resumed")
        assert await hooks.deliver() == 1
    [got] = receiver.got
    payload = Webhook(issued.secret).verify(got.body, dict(got.headers))
    assert payload["type"] == "campaign.paused"
    assert datetime.fromisoformat(payload["timestamp"]) == hooks.engine.now
    assert payload["data"]["campaign_id"] == "cmp_12"
    assert payload["data"]["data"] == {"cause": "manual"}
    assert got.headers["Content-Type"] == "application/json"
    [delivery] = await hooks.log(issued.row.id)
    assert (delivery.state, delivery.attempts, delivery.status_code, delivery.error) == ("delivered", 1, 200, None)
    assert got.headers["webhook-id"] == delivery.key == f"evt_{delivery.event_ids[0]}"
    assert delivery.response == b"thank you"
    row = await webhooks.get(hooks.database, hooks.workspace, "native", issued.row.id)
    assert (row.last_status, row.last_at) == ("delivered", hooks.engine.now)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 44).verify(got.body, dict(got.headers))


async def test_both_secrets_sign_while_a_rotation_lasts(hooks: Hooks) -> None:
    async with receiving() as receiver:
        first = await hooks.create(receiver.url, "campaign.paused")
        second = await webhooks.rotate(
            hooks.database,
            KEYRING,
            hooks.forms["native"],
            os.urandom,
            hooks.workspace,
            first.row.id,
            "t",
            hooks.engine.now - webhooks.ROTATION + timedelta(minutes=1),
        )
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        hooks.engine.wait(minutes=2)
        await hooks.happen("campaign.paused")
        await hooks.deliver()
    during, after = receiver.got
    for secret in (first.secret, second.secret):
        Webhook(secret).verify(during.body, dict(during.headers))
    Webhook(second.secret).verify(after.body, dict(after.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(first.secret).verify(after.body, dict(after.headers))


async def test_retries_follow_the_plan_with_the_same_id_and_bytes_and_then_end(hooks: Hooks) -> None:
    async with receiving(status=500) as receiver:
        issued = await hooks.create(receiver.url, "campaign.paused")
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        plan = hooks.forms["native"].retries
        for number, seconds in enumerate(plan, 2):
            hooks.engine.wait(seconds=seconds - 0.1)
            assert await hooks.deliver() == 0, f"attempt {number} came too early"
            hooks.engine.wait(seconds=seconds * 0.1 + 0.2)
            assert await hooks.deliver() == 1
        hooks.engine.wait(days=30)
        assert await hooks.deliver() == 0
    assert len(receiver.got) == len(plan) + 1
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.got}) == len(receiver.got)
    [delivery] = await hooks.log(issued.row.id)
    assert (delivery.state, delivery.attempts, delivery.due_at) == ("failed", len(receiver.got), None)
    assert (await hooks.attempts(issued.row.id))[-1] == (10, 500, "http_error")
    assert 2.9 < sum(plan) / 86_400 < 3.3


async def test_a_receiver_that_mends_gets_it_at_the_next_attempt(hooks: Hooks) -> None:
    async with receiving(status=503) as receiver:
        issued = await hooks.create(receiver.url, "campaign.paused")
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        receiver.status = 204
        hooks.engine.wait(seconds=6)
        await hooks.deliver()
    assert await hooks.attempts(issued.row.id) == [(1, 503, "http_error"), (2, 204, None)]


async def test_retry_after_is_heeded(hooks: Hooks) -> None:
    async def busy(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "60"})

    async with receiving(answer=busy) as receiver:
        await hooks.create(receiver.url, "campaign.paused")
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        hooks.engine.wait(seconds=59)
        assert await hooks.deliver() == 0
        hooks.engine.wait(seconds=2)
        assert await hooks.deliver() == 1


@pytest.mark.parametrize("asked", ["9" * 400, "9" * 30, "99999999999"])
async def test_a_retry_after_beyond_the_calendar_is_a_day(hooks: Hooks, asked: str) -> None:
    async def busy(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": asked})

    async with receiving(answer=busy) as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        await hooks.happen("campaign.paused")
        await hooks.deliver()
    [delivery] = await hooks.log(row.id)
    assert (delivery.attempts, delivery.due_at) == (1, hooks.engine.now + timedelta(days=1))


async def test_410_disables_the_webhook_and_that_is_told_to_others(hooks: Hooks) -> None:
    async with receiving(status=410) as gone, receiving() as other:
        first = await hooks.create(gone.url, "campaign.paused")
        await hooks.create(other.url, "webhook.disabled")
        await hooks.happen("campaign.paused")
        await hooks.deliver(first.row.id)
        await hooks.happen("campaign.paused")
        await hooks.deliver()
    row = await webhooks.get(hooks.database, hooks.workspace, "native", first.row.id)
    assert (row.active, row.disabled_cause) == (False, "unsubscribed")
    assert len(gone.got) == 1
    [told] = other.got
    assert told.json["data"]["data"] == {"webhook_id": first.row.id, "cause": "unsubscribed"}


async def fail_for(hooks: Hooks, days: float, hours: float = 12) -> None:
    """An event now and then, and every attempt that falls due."""
    end = hooks.engine.now + timedelta(days=days)
    while hooks.engine.now < end:
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        hooks.engine.wait(hours=hours)


async def standing(hooks: Hooks, webhook_id: int) -> Any:
    return await webhooks.get(hooks.database, hooks.workspace, "native", webhook_id)


async def test_five_days_of_nothing_but_failures_disable_a_webhook_until_it_is_enabled(hooks: Hooks) -> None:
    async with receiving(status=500) as receiver, receiving() as other:
        began = hooks.engine.now
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        await hooks.create(other.url, "webhook.disabled")
        await fail_for(hooks, 4.9)
        row = await standing(hooks, row.id)
        assert (row.active, row.failing_since) == (True, began)
        await fail_for(hooks, 0.5)
        row = await standing(hooks, row.id)
        assert (row.active, row.disabled_cause, row.failing_since) == (False, "failing", began)
        assert {one.state for one in await hooks.log(row.id)} <= {"failed", "cancelled"}
        await hooks.deliver()
        [told] = other.got
        said = told.json["data"]["data"]
        assert (said["webhook_id"], said["cause"]) == (row.id, "failing")
        assert datetime.fromisoformat(said["failing_since"]) == began
        receiver.got.clear()
        receiver.status = 200
        change = hooks.forms["native"], hooks.destinations, hooks.workspace, row.id, Changes(active=True), None, "t"
        row = await webhooks.change(hooks.database, *change, hooks.engine.now)
        assert (row.active, row.disabled_cause, row.failing_since) == (True, None, None)
        replay = hooks.database, hooks.forms["native"], hooks.workspace, row.id, None
        made = await webhook_delivery.replay(*replay, (began, hooks.engine.now), hooks.engine.now)
        assert made == 11
        await hooks.deliver()
    assert len(receiver.got) == 11


async def test_one_success_or_a_long_silence_begins_the_five_days_anew(hooks: Hooks) -> None:
    async with receiving(status=500) as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        await fail_for(hooks, 4.5)
        receiver.status = 200
        await fail_for(hooks, 0.5)
        assert (await standing(hooks, row.id)).failing_since is None
        receiver.status = 500
        await fail_for(hooks, 0.1)
        while any(one.state == "pending" for one in await hooks.log(row.id)):
            hooks.engine.wait(hours=2)
            await hooks.deliver()
        hooks.engine.wait(days=7)
        began = hooks.engine.now
        await fail_for(hooks, 0.1)
        row = await standing(hooks, row.id)
        assert (row.active, row.failing_since) == (True, began)


async def test_a_receiver_that_has_been_dead_for_a_while_gets_one_request_a_second_until_it_is_back(
    hooks: Hooks,
) -> None:
    async with receiving(status=500) as receiver:
        await hooks.create(receiver.url, "message.sent")
        await hooks.happen(Entry("message.sent", 1, 1, 1))
        await hooks.deliver()
        hooks.engine.wait(seconds=90)
        await hooks.happen(*(Entry("message.sent", 1, lead, 1) for lead in range(2, 52)))
        assert [await hooks.deliver(), await hooks.deliver()] == [1, 0]
        hooks.engine.wait(seconds=1)
        assert await hooks.deliver() == 1
        hooks.engine.wait(seconds=1)
        receiver.status = 200
        assert await hooks.deliver() == 49
        assert await hooks.deliver() == 0


async def test_one_that_was_disabled_is_told_only_what_happens_once_it_is_enabled(hooks: Hooks) -> None:
    async with receiving() as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused", active=False)).row
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        await webhooks.change(
            hooks.database,
            hooks.forms["native"],
            hooks.destinations,
            hooks.workspace,
            row.id,
            Changes(active=True),
            None,
            "t",
            hooks.engine.now,
        )
        await hooks.deliver()
        assert receiver.got == []
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        assert len(receiver.got) == 1


async def test_a_replay_by_event_and_by_time_sends_the_same_id_again(hooks: Hooks) -> None:
    async with receiving() as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        began = hooks.engine.now
        for _ in range(3):
            hooks.engine.wait(minutes=1)
            await hooks.happen("campaign.paused", "campaign.resumed")
        await hooks.deliver()
        log = await hooks.log(row.id)
        replayed = [
            await webhook_delivery.replay(
                hooks.database, hooks.forms["native"], hooks.workspace, row.id, event_ids, span, hooks.engine.now
            )
            for event_ids, span in (
                (log[1].event_ids, None),
                (None, (began + timedelta(minutes=2), began + timedelta(minutes=3))),
                (None, (began, began + timedelta(minutes=10))),
            )
        ]
        assert replayed == [1, 1, 3]
        await hooks.deliver()
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert sorted(ids[3:]) == sorted([ids[1], ids[1], *ids[:3]])
    assert len({got.body for got in receiver.got}) == 3


async def test_a_replay_by_time_finds_what_was_written_while_the_clock_was_wrong(hooks: Hooks) -> None:
    row = (await hooks.create("https://hooks.example.com/", "campaign.paused")).row
    right = hooks.engine.now
    names = [f"{hours:+}h" for hours in (0, 5, -30, 1, 26, -2, 0)]
    for name, hours in zip(names, (0, 5, -30, 1, 26, -2, 0), strict=True):
        hooks.engine.now = right + timedelta(hours=hours)
        await hooks.happen(Entry("campaign.paused", data={"name": name}))
    found = [
        await webhook_delivery.replay(
            hooks.database,
            hooks.forms["native"],
            hooks.workspace,
            row.id,
            None,
            (right + timedelta(hours=since), right + timedelta(hours=until)),
            right,
        )
        for since, until in ((-31, -29), (-3, -1), (0, 0.5), (4, 6), (25, 27), (-40, 40), (-29, -3))
    ]
    assert found == [1, 1, 2, 1, 1, 7, 0]
    replayed = [json.loads(one["body"])["data"]["data"]["name"] for one in await hooks.engine.rows(BODIES)]
    assert replayed[-7:] == names  # in the order in which it was written down


async def test_a_replay_that_ends_before_it_begins_is_refused(hooks: Hooks) -> None:
    row = (await hooks.create("https://hooks.example.com/", "campaign.paused")).row
    now = hooks.engine.now
    with pytest.raises(Invalid) as caught:
        await webhook_delivery.replay(
            hooks.database,
            hooks.forms["native"],
            hooks.workspace,
            row.id,
            None,
            (now, now - timedelta(seconds=1)),
            now,
        )
    assert [(one.code, one.pointer) for one in caught.value.problems] == [("range_reversed", "/until")]


async def test_what_is_about_one_lead_comes_in_order_even_when_the_first_attempt_fails(hooks: Hooks) -> None:
    failures = [True]

    async def once(_request: web.Request) -> web.Response:
        return web.Response(status=500 if failures and failures.pop() else 200)

    async with receiving(answer=once) as receiver:
        await hooks.create(receiver.url, "message.sent", "enrollment.finished")
        await hooks.happen(
            Entry("message.sent", 1, 10, 1), Entry("enrollment.finished", 1, 10), Entry("message.sent", 1, 11, 1)
        )
        await hooks.deliver()
        hooks.engine.wait(seconds=6)
        await hooks.deliver()
    told = [(got.json["type"], got.json["data"]["enrollment_id"]) for got in receiver.got]
    of_lead = [kind for kind, enrollment in told if enrollment == "enr_10"]
    assert of_lead == ["message.sent", "message.sent", "enrollment.finished"]
    assert told.index(("message.sent", "enr_11")) < 2


async def test_many_events_are_all_told_once(hooks: Hooks) -> None:
    async with receiving() as receiver:
        await hooks.create(receiver.url, "message.sent")
        await hooks.happen(*(Entry("message.sent", 1, number, 1) for number in range(1, 1202)))
        assert await hooks.deliver() == 1201
        assert await hooks.deliver() == 0
    told = [got.json["data"]["enrollment_id"] for got in receiver.got]
    assert sorted(told) == sorted(f"enr_{number}" for number in range(1, 1202))


async def slow(_request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def trickle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(600):
        await response.write(b"x")
        await asyncio.sleep(0.1)
    return response


async def huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
    await response.prepare(request)
    for _ in range(10_000):
        await response.write(b"x" * 10_000)
    return response


async def huge_headers(_request: web.Request) -> web.Response:
    return web.Response(headers={"X-Big": "x" * 100_000})


async def test_bad_receivers_harm_no_good_one(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(hooks.forms["native"]), "timeout", 1.0)
    monkeypatch.setattr(courier_module, "BODY_SECONDS", 0.5)
    dead = socket.create_server(("127.0.0.1", 0))
    dead_url = f"http://127.0.0.1:{dead.getsockname()[1]}/"
    dead.close()
    async with (
        receiving() as good,
        receiving(answer=slow) as sleeping,
        receiving(answer=trickle) as trickling,
        receiving(answer=huge) as big,
        receiving(answer=huge_headers) as headers,
        receiving(answer=redirect_to(good.url)) as redirecting,
    ):
        urls = {
            "good": good.url,
            "slow": sleeping.url,
            "trickle": trickling.url,
            "huge": big.url,
            "headers": headers.url,
            "redirect": redirecting.url,
            "dead": dead_url,
        }
        ids = {name: (await hooks.create(url, "campaign.paused")).row.id for name, url in urls.items()}
        await hooks.happen(*(Entry("campaign.paused", number) for number in range(1, 6)))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await hooks.deliver()
        assert loop.time() - began < 15
    assert len(good.got) == 5
    outcomes = {name: {(status, error) for _, status, error in await hooks.attempts(one)} for name, one in ids.items()}
    assert outcomes == {
        "good": {(200, None)},
        "slow": {(None, "timeout")},
        "trickle": {(200, None)},
        "huge": {(200, None)},
        "headers": {(None, "answer_malformed")},
        "redirect": {(307, "redirected")},
        "dead": {(None, "connection_refused")},
    }
    [kept, *_] = await hooks.log(ids["huge"])
    assert kept.response is not None
    assert 0 < len(kept.response) <= courier_module.RESPONSE_BYTES


def redirect_to(url: str) -> Any:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": url})

    return answer


async def test_a_slow_receiver_gets_few_requests_at_a_time(hooks: Hooks) -> None:
    at_once, most = 0, 0

    async def counted(_request: web.Request) -> web.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1
        return web.Response()

    async with receiving(answer=counted) as receiver:
        await hooks.create(receiver.url, "message.sent")
        await hooks.happen(*(Entry("message.sent", 1, number, 1) for number in range(1, 30)))
        await hooks.deliver()
    assert most == courier_module.PER_WEBHOOK


@pytest.mark.parametrize("host", ["hooks.test", "127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
async def test_a_host_inside_is_never_reached(hooks: Hooks, host: str) -> None:
    async with receiving() as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        # Whoever runs the server takes back what was named; the URL is one that could not be made any more.
        await hooks.engine.rows("update webhook set url = $1", f"https://{host}:{receiver.port}/")
        hooks.destinations = Destinations()
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        assert receiver.got == []
    [(_, status, error)] = await hooks.attempts(row.id)
    assert status is None
    assert error in {"address_refused", "dns_failure", "url_invalid"}


async def test_a_name_that_changes_its_address_is_looked_at_each_time_and_never_reached_inside(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["203.0.113.9", "127.0.0.1", "127.0.0.1"])
    asked: list[str] = []
    connected: list[str] = []

    def rebinding(host: str, port: int, *_rest: Any, **_more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def pretend_open(address: str) -> bool:
        return address == "203.0.113.9"

    real = courier_module.guarded_socket

    def watched(info: Any) -> socket.socket:
        connected.append(info[4][0])
        made = real(info)
        made.close()
        raise ConnectionRefusedError("not in a test")

    monkeypatch.setattr(courier_module.socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(courier_module, "is_open", pretend_open)
    monkeypatch.setattr(courier_module, "guarded_socket", watched)
    row = (await hooks.create("https://rebind.example/", "campaign.paused")).row
    await hooks.happen("campaign.paused")
    async with hooks.courier() as courier:
        await hooks.fan_out()
        await courier.deliver(hooks.workspace, row.id)
        hooks.engine.wait(seconds=6)
        await courier.deliver(hooks.workspace, row.id)
    assert asked == ["rebind.example"] * 2  # once for each connection: what was looked at is what is connected to
    assert connected == ["203.0.113.9"]
    assert [error for _, _, error in await hooks.attempts(row.id)] == ["connection_refused", "address_refused"]


async def test_names_that_nobody_answers_for_keep_no_other_name_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    asked: list[str] = []

    def ask(host: str, port: int, *_rest: Any) -> list[Any]:
        asked.append(host)
        if host.startswith("dead"):
            answered.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    monkeypatch.setattr(courier_module.socket, "getaddrinfo", ask)
    resolver = Resolver()
    # A workspace has at most so many webhooks, and each has some requests under way.
    hosts = [f"dead{number}.example" for number in range(webhooks.MAXIMUM)] * courier_module.PER_WEBHOOK
    waiting = [asyncio.create_task(resolver.resolve(host, 443)) for host in hosts]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert [one["host"] for one in await resolver.resolve("good.example", 443)] == ["8.8.8.8"]
            # Who gives up on a name leaves it to those who still wait for it.
            waiting[0].cancel()
            answered.set()
            found = await asyncio.gather(*waiting, return_exceptions=True)
    finally:
        answered.set()
        await resolver.close()
    assert [type(one) for one in found] == [asyncio.CancelledError] + [list] * (len(hosts) - 1)
    assert len(asked) == webhooks.MAXIMUM + 1


async def test_a_name_with_one_address_inside_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(host: str, port: int, *_rest: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(courier_module.socket, "getaddrinfo", both)
    resolver = Resolver()
    with pytest.raises(AddressRefused):
        await resolver.resolve("both.example", 443)
    await resolver.close()


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::1"]
)
def test_no_socket_is_made_to_an_address_inside_whoever_asked(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(AddressRefused):
        guarded_socket((family, socket.SOCK_STREAM, 6, "", (address, 443)))


async def test_a_door_that_cannot_put_an_event_into_words_misses_that_one_only(hooks: Hooks) -> None:
    class Stumbling(type(hooks.forms["native"])):
        def translate(self, event: Any, facts: Any) -> Any:
            if event.kind == "campaign.resumed":
                raise KeyError("a fault of a door")
            return super().translate(event, facts)

        def body(self, notices: Any) -> bytes:
            if notices[0].name == "campaign.stopped":
                raise TypeError("another")
            made: bytes = super().body(notices)
            return made

    hooks.forms = {"native": Stumbling()}
    async with receiving() as receiver:
        await hooks.create(receiver.url)
        await hooks.happen("campaign.resumed", "campaign.stopped", "campaign.paused")
        await hooks.deliver()
    assert [got.json["type"] for got in receiver.got] == ["campaign.paused"]


async def test_a_webhook_of_a_door_that_is_not_there_yet_keeps_no_other_workspace_waiting(hooks: Hooks) -> None:
    other = Hooks(hooks.engine)
    other.workspace = await workspaces.named(hooks.database, "another", hooks.engine.now)
    async with receiving() as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        await other.create(receiver.url, "campaign.resumed")
        await hooks.engine.rows("update webhook set dialect = 'leadterra' where id = $1", row.id)
        forms, other.forms = hooks.forms, {"native": hooks.forms["native"]}
        await hooks.happen("campaign.paused")
        await other.happen("campaign.resumed")
        await other.deliver()
        assert [got.json["type"] for got in receiver.got] == ["campaign.resumed"]
        # Once it is there, nothing was lost.
        other.forms = {**forms, "leadterra": forms["native"]}
        await other.fan_out()
    assert [one.name for one in await hooks.log(row.id, "leadterra")] == ["campaign.paused"]


async def test_a_door_that_batches_gets_one_event_of_one_campaign_in_each_request(hooks: Hooks) -> None:
    class Batching(type(hooks.forms["native"])):
        batch = 100

        def body(self, notices: Any) -> bytes:
            import msgspec

            return msgspec.json.encode([{"type": one.name, "lead": one.enrollment_id} for one in notices])

    hooks.forms = {"native": Batching()}
    async with receiving() as receiver:
        await hooks.create(receiver.url, "message.sent", "message.rejected")
        await hooks.happen(
            *(Entry("message.sent", 1, number, 1) for number in range(1, 151)),
            Entry("message.rejected", 1, 500, 1),
            Entry("message.sent", 2, 600, 1),
        )
        await hooks.deliver()
    sizes = sorted((got.json[0]["type"], len(got.json)) for got in receiver.got)
    assert sizes == [("message.rejected", 1), ("message.sent", 1), ("message.sent", 50), ("message.sent", 100)]


async def test_two_couriers_note_one_attempt_once(hooks: Hooks) -> None:
    """As when a job is begun again elsewhere: at least once on the wire, and one line of state."""
    async with receiving() as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        await hooks.happen("campaign.paused")
        await hooks.fan_out()
        async with hooks.courier() as first, hooks.courier() as second:
            await asyncio.gather(*(one.deliver(hooks.workspace, row.id) for one in (first, second)))
    [delivery] = await hooks.log(row.id)
    assert (delivery.state, delivery.attempts) == ("delivered", 1)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


async def test_a_courier_that_stops_begins_nothing_more(hooks: Hooks) -> None:
    async with receiving() as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        await hooks.happen("campaign.paused")
        await hooks.fan_out()
        async with hooks.courier() as courier:
            assert isinstance(courier, Courier)
            courier.stop()
            assert await courier.deliver(hooks.workspace, row.id) == 0
    assert receiver.got == []


async def test_old_deliveries_are_forgotten(hooks: Hooks) -> None:
    async with receiving() as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        await hooks.happen("campaign.paused")
        await hooks.deliver()
        hooks.engine.wait(days=29)
        await webhook_delivery.prune(hooks.database, hooks.engine.now)
        assert len(await hooks.log(row.id)) == 1
        hooks.engine.wait(days=2)
        await webhook_delivery.prune(hooks.database, hooks.engine.now)
        assert await hooks.log(row.id) == []


async def test_an_event_of_a_transaction_that_lasts_is_told_though_later_ones_were_committed_before(
    hooks: Hooks,
) -> None:
    async with receiving() as receiver:
        await hooks.create(receiver.url, "campaign.paused")
        async with hooks.database.transaction() as tx:
            await append(tx, hooks.workspace, hooks.engine.now, "test", [Entry("campaign.paused", 1)])
            await hooks.happen(Entry("campaign.paused", 2))
            await hooks.deliver()
        await hooks.deliver()
        await hooks.happen(Entry("campaign.paused", 3))
        await hooks.deliver()
    assert sorted(got.json["data"]["campaign_id"] for got in receiver.got) == ["cmp_1", "cmp_2", "cmp_3"]


async def test_two_servers_that_fan_out_at_once_make_each_delivery_once(hooks: Hooks) -> None:
    row = (await hooks.create("https://hooks.example.com/", "message.sent")).row
    for number in range(1, 21):
        await hooks.happen(*(Entry("message.sent", number, lead, 1) for lead in range(1, 51)))
    await asyncio.gather(*(hooks.fan_out() for _ in range(4)))
    await hooks.fan_out()
    keys = [one.key for one in await hooks.log(row.id)]
    assert len(keys) == len(set(keys)) == 1000
