import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import Message

from caesura.domain.errors import Invalid
from caesura.http.limits import Limiter, bounded


class Sender:
    """Sends a body in parts; counts what was asked of it."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.asked = 0

    async def __call__(self) -> Message:
        self.asked += 1
        body = self.parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self.parts)}


async def test_a_body_that_declares_too_much_is_refused_before_it_is_read() -> None:
    sender = Sender(b"x")
    with pytest.raises(Invalid) as caught:
        await bounded(sender, Headers({"content-length": "11"}), 10)()
    assert caught.value.code == "body_too_large"
    assert sender.asked == 0


@pytest.mark.parametrize("declared", ["9" * 5000, "11"])
async def test_a_declared_length_of_any_size_is_compared(declared: str) -> None:
    with pytest.raises(Invalid):
        await bounded(Sender(b"x"), Headers({"content-length": declared}), 10)()


async def test_a_body_that_declares_nothing_is_refused_where_it_passes_the_limit() -> None:
    sender = Sender(b"12345", b"67890", b"1", b"never read")
    receive = bounded(sender, Headers({}), 10)
    await receive()
    await receive()
    with pytest.raises(Invalid):
        await receive()
    assert sender.asked == 3


async def test_a_body_of_exactly_the_limit_passes() -> None:
    message = await bounded(Sender(b"1234567890"), Headers({"content-length": "10"}), 10)()
    assert message["body"] == b"1234567890"


def test_a_burst_passes_and_the_next_must_wait_for_one_gap() -> None:
    limiter = Limiter(rate=2, burst=3)
    taken = [limiter.take(1, 100.0) for _ in range(4)]
    assert [quota.retry_after for quota in taken] == [0, 0, 0, 0.5]
    assert [quota.remaining for quota in taken] == [2, 1, 0, 0]
    assert [quota.reset for quota in taken] == [1, 1, 2, 2]
    assert limiter.take(1, 100.4).retry_after == pytest.approx(0.1)
    assert limiter.take(1, 100.5).retry_after == 0


def test_keys_do_not_share_their_pace() -> None:
    limiter = Limiter(rate=1, burst=1)
    assert limiter.take(1, 0.0).retry_after == 0
    assert limiter.take(1, 0.0).retry_after == 1
    assert limiter.take(2, 0.0).retry_after == 0


@given(
    rate=st.sampled_from([0.5, 1.0, 3.0, 1000.0]),
    burst=st.integers(1, 20),
    waits=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_no_more_pass_than_burst_and_rate_allow(rate: float, burst: int, waits: list[float]) -> None:
    limiter, now, passed = Limiter(rate, burst), 1_000.0, 0
    for wait in waits:
        now += wait
        passed += limiter.take(1, now).retry_after == 0
    assert passed <= burst + rate * (now - 1_000.0) + 1e-3


@given(waits=st.lists(st.floats(0, 3), max_size=50), burst=st.integers(1, 5))
def test_who_waits_as_told_passes(waits: list[float], burst: int) -> None:
    limiter, now = Limiter(2.0, burst), 1_000.0
    for wait in waits:
        now += wait
        if (told := limiter.take(1, now).retry_after) > 0:
            now += told
            assert limiter.take(1, now).retry_after == 0


def test_a_clock_set_back_a_year_locks_nobody_out_for_longer_than_a_burst() -> None:
    limiter = Limiter(rate=1, burst=5)
    limiter.take(1, 40_000_000.0)
    assert limiter.take(1, 0.0).retry_after <= 5
    assert limiter.take(1, 5.0).retry_after == 0


def test_keys_that_are_idle_are_forgotten() -> None:
    limiter = Limiter(rate=1, burst=5)
    for key_id in range(10_050):
        limiter.take(key_id, float(key_id))
    assert len(limiter._arrivals) < 10_002
