"""What each mailbox may have in transit: little at first, more by each answer, little again after a silence."""

from typing import Any, cast

from caesura.worker.allowances import Allowances


class Limits:
    connections = 1


class Mailbox:
    limits = Limits()


def test_an_allowance_grows_by_answers_and_falls_back_by_silence() -> None:
    time, key, mailbox = [0.0], (1, 1), cast(Any, Mailbox())
    allowances = Allowances(80, 80, 3.0, lambda: time[0])
    assert allowances.room(key, mailbox, 50) == 2 and allowances.is_short
    for _ in range(4):
        allowances.began(key, mailbox)
        allowances.ended(key, is_answered=True)
    for _ in range(6):
        assert allowances.room(key, mailbox, 1) == 1
        allowances.began(key, mailbox)
    assert allowances.room(key, mailbox, 1) == 0
    assert allowances.take_back() == {}
    time[0] = 3.1
    assert allowances.take_back() == {key: 4}
