"""The whole of the send suite, with few leads."""

from contextlib import ExitStack

import pytest
from bench.scene import Scene
from bench.stage import Failed, folder, program
from bench.suites import send


# It starts a dozen processes, which takes long where the machine has other work.
@pytest.mark.timeout(900)
def test_a_round_sends_and_counts_every_message_and_the_others_follow() -> None:
    try:
        program("smtp-source")
    except Failed as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        report = send.measure(Scene(stack.enter_context(folder()), stack, scale=0.001, rounds=1))
    assert report.broken == []
    rates = {one.name: one.median for one in report.figures if one.unit == "/s"}
    assert list(rates) == [
        "caesura",
        "smtp-source, 50 sessions",
        "smtp-source -d, 50 sessions",
        "aiosmtplib, 50 sessions",
        "caesura, from the start call",
    ]
    assert all(rate > 0 for rate in rates.values())
