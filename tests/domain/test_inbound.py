from typing import Any

import pytest

from caesura.domain.inbound import (
    MAXIMUM_LINE,
    MAXIMUM_REFERENCES,
    BounceType,
    InboundKind,
    InboundReport,
    body,
    line,
    named,
    own_id,
)


def reply(**given: Any) -> InboundReport:
    return InboundReport(InboundKind.REPLY, **given)


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({}, []),
        ({"in_reply_to": "<a@x>"}, ["<a@x>"]),
        ({"in_reply_to": " a@x "}, ["<a@x>"]),
        ({"in_reply_to": "<a@x>", "references": ("<b@x>", "<c@x>")}, ["<a@x>", "<c@x>", "<b@x>"]),
        ({"references": ("<a@x>\r\n\t<b@x> <c@x>",)}, ["<c@x>", "<b@x>", "<a@x>"]),
        ({"in_reply_to": "<a@x>", "references": ("<a@x>", "<a@x>")}, ["<a@x>"]),
        ({"in_reply_to": "Your mail of <a@x> today"}, ["<a@x>"]),
        ({"in_reply_to": "", "references": ("", "<>", "< >", "<<", "two words")}, []),
        ({"in_reply_to": "<" + "\U0001f600" * 300 + ">"}, []),
    ],
)
def test_the_message_ids_that_it_names_come_with_the_likeliest_first(given: dict[str, Any], ids: list[str]) -> None:
    assert named(reply(**given)) == ids


def test_no_more_ids_are_looked_for_than_a_thread_can_have() -> None:
    many = tuple(f"<{number}@x>" for number in range(1_000))
    assert named(reply(references=many)) == [f"<{number}@x>" for number in range(999, 999 - MAXIMUM_REFERENCES, -1)]


def test_its_own_id_is_kept_in_brackets_or_not_at_all() -> None:
    assert own_id(reply(message_id="r@x")) == "<r@x>"
    assert own_id(reply(message_id="<r@x>")) == "<r@x>"
    for none in (None, "", "<>", "<" + "x" * 1_000 + ">"):
        assert own_id(reply(message_id=none)) is None


def test_a_line_is_one_line_and_a_body_keeps_its_own() -> None:
    assert line("Re:\r\n folded\tand\0\ud800 b\u2028c  d ") == "Re: folded and\ufffd\ufffd b c  d"
    assert len(line("x" * 10_000) or "") == MAXIMUM_LINE
    assert line(None) is None
    assert body("a\r\nb\0", 4) == "a\r\nb"
    assert body("\ud800", 4) == "\ufffd"
    assert body(None, 4) is None


def test_only_what_may_take_away_a_right_to_send_ends_something() -> None:
    ending = {kind for kind in InboundKind if InboundReport(kind).ends_something}
    assert ending == {InboundKind.REPLY, InboundKind.COMPLAINT, InboundKind.UNSUBSCRIBE}
    assert InboundReport(InboundKind.BOUNCE, bounce_type=BounceType.HARD).ends_something
    assert not InboundReport(InboundKind.BOUNCE, bounce_type=BounceType.SOFT).ends_something
