import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from caesura.domain.errors import Invalid
from caesura.http.limits import bounded


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
