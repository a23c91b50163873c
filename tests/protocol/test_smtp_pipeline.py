"""What is written when, which reply settles which message, and what a break at any byte leaves behind."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesura.protocol.smtp import Envelope, FailureKind, Kind, Outcome, Phase, Reply, Stage, Wait
from caesura.protocol.smtp.pipeline import PIECE_BYTES

BOTH = ("PIPELINING", "CHUNKING", "SIZE 1000000")
MODES = {
    "pipelined": {"offers": ("PIPELINING", "SIZE 1000000")},
    "lockstep": {"offers": ("SIZE 1000000",)},
    "chunked": {"offers": BOTH, "chunking": True},
    "chunked_lockstep": {"offers": ("CHUNKING",), "chunking": True},
}
MODE_AND_STAGE = pytest.mark.parametrize(
    ("mode", "stage"),
    [
        (mode, stage)
        for mode in MODES
        for stage in ("MAIL", "RCPT", "DATA", "CONTENT")
        if stage != "DATA" or "chunked" not in mode
    ],
)
MODE = pytest.mark.parametrize("mode", list(MODES))
CONTENT = b"Subject: x\r\n\r\nhello\r\n.dot\r\n"


def envelopes(count: int) -> list[Envelope]:
    return [Envelope(name(number), name(number), CONTENT) for number in range(count)]


def name(number: int) -> str:
    return f"r{number}@example.com"


# The order of things


def writes(wire: Any, messages: Sequence[Envelope]) -> list[bytes]:
    written = []
    take = wire.server.take
    wire.server.take = lambda data: (written.append(data), take(data))[1]
    wire.run(messages)
    return written


DOTTED = b"Subject: x\r\n\r\nhello\r\n..dot\r\n.\r\n"


def mail(number: int) -> bytes:
    return b"MAIL FROM:<r%d@example.com> SIZE=27\r\n" % number


def rcpt(number: int) -> bytes:
    return b"RCPT TO:<r%d@example.com>\r\n" % number


def test_with_pipelining_the_next_envelope_goes_behind_the_content(wiring: Any) -> None:
    assert writes(wiring.wire(**MODES["pipelined"]), envelopes(3))[1:] == [
        mail(0) + rcpt(0) + b"DATA\r\n",
        DOTTED + mail(1) + rcpt(1) + b"DATA\r\n",
        DOTTED + mail(2) + rcpt(2) + b"DATA\r\n",
        DOTTED,
        b"QUIT\r\n",
    ]


def test_without_pipelining_each_command_waits_for_its_reply(wiring: Any) -> None:
    assert writes(wiring.wire(**MODES["lockstep"]), envelopes(1))[1:] == [
        mail(0),
        rcpt(0),
        b"DATA\r\n",
        DOTTED,
        b"QUIT\r\n",
    ]


def test_with_chunking_a_whole_message_is_one_write(wiring: Any) -> None:
    assert writes(wiring.wire(**MODES["chunked"]), envelopes(2))[1:] == [
        mail(0) + rcpt(0) + b"BDAT 27 LAST\r\n" + CONTENT,
        mail(1) + rcpt(1) + b"BDAT 27 LAST\r\n" + CONTENT,
        b"QUIT\r\n",
    ]


def test_chunking_is_off_unless_asked_for(wiring: Any) -> None:
    wire = wiring.wire(offers=BOTH).run(envelopes(1))
    assert b"BDAT" not in wire.handed


@MODE
def test_every_message_arrives_unchanged_and_in_order(wiring: Any, mode: str) -> None:
    wire = wiring.wire(**MODES[mode]).run(envelopes(5))
    assert wire.server.accepted == [(name(number), CONTENT) for number in range(5)]
    assert list(wire.outcomes) == [name(number) for number in range(5)]
    assert set(wire.outcomes.values()) == {Outcome(Kind.ACCEPTED, Stage.CONTENT, Reply(250, ("2.0.0 queued",)))}


# Copies


def copied(number: int = 0, *copies: str) -> Envelope:
    return Envelope(name(number), name(number), CONTENT, False, copies or ("one@example.com", "two@example.com"))


def test_with_copies_content_is_asked_for_once_all_recipients_are_answered(wiring: Any) -> None:
    one, two = b"RCPT TO:<one@example.com>\r\n", b"RCPT TO:<two@example.com>\r\n"
    assert writes(wiring.wire(**MODES["pipelined"]), [*envelopes(1), copied(1), *envelopes(3)[2:]])[1:] == [
        mail(0) + rcpt(0) + b"DATA\r\n",
        DOTTED + mail(1),
        rcpt(1),
        one,
        two,
        b"DATA\r\n",
        DOTTED + mail(2) + rcpt(2) + b"DATA\r\n",
        DOTTED,
        b"QUIT\r\n",
    ]


@MODE
def test_a_server_that_closes_at_a_copy_has_taken_nothing_and_the_message_is_put_off(wiring: Any, mode: str) -> None:
    wire = wiring.wire({"RCPT": ["250 2.1.5 Ok", "421 closing"]}, **MODES[mode]).run([copied(0)])
    told = wire.outcomes[name(0)]
    assert told.kind is Kind.DEFERRED
    assert wire.server.accepted == []


@MODE
@pytest.mark.parametrize("code", [450, 452, 550, 552, 554])
def test_a_copy_that_is_refused_is_told_and_keeps_the_message_from_nobody_else(
    wiring: Any, mode: str, code: int
) -> None:
    replies = {"RCPT": ["250 2.1.5 Ok", f"{code} no", "250 2.1.5 Ok"]}
    wire = wiring.wire(replies, **MODES[mode]).run([copied(0), *envelopes(2)[1:]])
    told = wire.outcomes[name(0)]
    assert (told.kind, told.refused) == (Kind.ACCEPTED, (("one@example.com", Reply(code, ("no",))),))
    assert wire.outcomes[name(1)].refused == ()
    assert [recipient for recipient, _ in wire.server.accepted] == [name(0), name(1)]
    asked = [line for line in wire.server.commands if line.startswith("RCPT")]
    assert asked == [f"RCPT TO:<{one}>" for one in (name(0), "one@example.com", "two@example.com", name(1))]


@MODE
@pytest.mark.parametrize("code", [450, 550])
def test_where_the_recipient_is_refused_nobody_gets_a_copy(wiring: Any, mode: str, code: int) -> None:
    wire = wiring.wire({"RCPT": [f"{code} no"]}, **MODES[mode]).run([copied(0), *envelopes(2)[1:]])
    assert wire.kinds == {name(0): Kind.DEFERRED if code == 450 else Kind.REJECTED, name(1): Kind.ACCEPTED}
    assert wire.server.accepted == [(name(1), CONTENT)]
    assert not any("one@example.com" in line for line in wire.server.commands)


@MODE
def test_a_session_that_closes_at_a_copy_has_sent_nobody_anything(wiring: Any, mode: str) -> None:
    wire = wiring.wire({"RCPT": ["250 Ok", "421 closing"]}, **MODES[mode]).run([copied(0)])
    assert (wire.kinds, wire.server.accepted) == ({name(0): Kind.DEFERRED}, [])


# Refusals


@MODE_AND_STAGE
def test_every_code_at_every_stage_is_an_outcome_and_the_next_message_goes_on_if_it_can(
    wiring: Any, mode: str, stage: str
) -> None:
    for code in range(100, 600):
        expected = {2: Kind.ACCEPTED, 4: Kind.DEFERRED, 5: Kind.REJECTED}.get(code // 100, Kind.DEFERRED)
        if stage == "CONTENT" and code // 100 in (1, 3):
            expected = Kind.UNKNOWN
        is_wanted = code // 100 == (3 if stage == "DATA" else 2)
        if is_wanted:
            expected = Kind.ACCEPTED
        elif stage == "DATA" and code // 100 == 2:
            expected = Kind.DEFERRED
        goes_on = is_wanted or (code // 100 in (4, 5) and code != 421)

        wire = wiring.wire({stage: [f"{code} x"]}, **MODES[mode]).run(envelopes(3))

        first = wire.outcomes[name(0)]
        assert first.kind is expected, code
        assert first.stage is (Stage.CONTENT if is_wanted else Stage[stage])
        if not is_wanted or stage == "CONTENT":
            assert first.reply == Reply(code, ("x",))
        assert (name(0) in dict(wire.server.accepted)) == (first.kind is Kind.ACCEPTED)
        if goes_on:
            assert [wire.outcomes[name(number)].kind for number in (1, 2)] == [Kind.ACCEPTED] * 2, code
            assert wire.session.failure is None
        else:
            assert {wire.outcomes[name(number)].kind for number in (1, 2)} <= {Kind.DEFERRED, Kind.NOT_SENT}
            assert wire.outcomes[name(2)].kind is Kind.NOT_SENT
            assert wire.session.failure.kind is FailureKind.TEMPORARY
            assert wire.session.failure.code == ("service_closing" if code == 421 else "unexpected_reply")
            assert wire.server.accepted == []


@MODE_AND_STAGE
@pytest.mark.parametrize("refused", [[0], [1], [2], [0, 1, 2], [0, 2]])
def test_a_refused_envelope_harms_no_other_message(wiring: Any, mode: str, stage: str, refused: list[int]) -> None:
    replies = {
        stage: [
            "550 5.1.1 no" if number in refused else f"{'354' if stage == 'DATA' else '250'} x" for number in range(3)
        ]
    }
    wire = wiring.wire(replies, **MODES[mode]).run(envelopes(3))
    kinds = [wire.outcomes[name(number)].kind for number in range(3)]
    assert kinds == [Kind.REJECTED if number in refused else Kind.ACCEPTED for number in range(3)]
    assert [recipient for recipient, _ in wire.server.accepted] == [
        n for n in map(name, range(3)) if n not in map(name, refused)
    ]
    assert wire.server.accepted == [(recipient, CONTENT) for recipient, _ in wire.server.accepted]


def test_a_reset_stands_between_a_refused_envelope_and_the_next_in_the_same_write(wiring: Any) -> None:
    wire = wiring.wire({"RCPT": ["550 no"], "DATA": ["554 no valid recipients"]}, **MODES["pipelined"])
    assert writes(wire, envelopes(2))[2] == b"RSET\r\n" + mail(1) + rcpt(1) + b"DATA\r\n"


def test_a_refused_envelope_whose_data_is_taken_gets_an_empty_content(wiring: Any) -> None:
    wire = wiring.wire({"RCPT": ["550 5.1.1 no"]}, **MODES["pipelined"])
    written = writes(wire, envelopes(2))
    assert written[2] == b".\r\n"
    assert written[3].startswith(b"RSET\r\nMAIL")
    assert wire.outcomes[name(0)] == Outcome(Kind.REJECTED, Stage.RCPT, Reply(550, ("5.1.1 no",)))
    assert [recipient for recipient, _ in wire.server.accepted] == [name(1)]


@pytest.mark.parametrize("code", [250, 354, 421, 451, 554])
def test_whatever_the_server_says_to_the_empty_content_the_refusal_stands(wiring: Any, code: int) -> None:
    class Server(wiring.server):
        def _finish(self, content: bytes) -> None:
            if content:
                super()._finish(content)
            else:
                self._say(f"{code} x")

    wire = wiring.wire(**MODES["pipelined"])
    wire.server = Server({"RCPT": ["550 5.1.1 no"]}, **MODES["pipelined"])
    wire.run(envelopes(2))
    assert wire.outcomes[name(0)].kind is Kind.REJECTED
    assert wire.outcomes[name(1)].kind is (Kind.NOT_SENT if code == 421 else Kind.ACCEPTED)


def test_an_empty_content_is_never_sent_to_a_recipient_that_was_taken(wiring: Any) -> None:
    class Server(wiring.server):
        def _obey(self, line: str) -> None:
            super()._obey(line)
            self._has_sender = True

    wire = wiring.wire(**MODES["pipelined"])
    wire.server = Server({"MAIL": ["451 later"]}, **MODES["pipelined"])
    wire.run(envelopes(2))
    assert list(wire.kinds.values()) == [Kind.DEFERRED, Kind.NOT_SENT]
    assert wire.session.failure.code == "unexpected_reply"
    assert (wire.server.accepted, wire.server.ended) == ([], [])


def test_a_refused_reset_ends_the_session_and_blames_no_message(wiring: Any) -> None:
    replies = {"RCPT": ["550 no"], "DATA": ["554 no"], "RSET": "500 what?"}
    wire = wiring.wire(replies, **MODES["pipelined"]).run(envelopes(3))
    assert list(wire.kinds.values()) == [Kind.REJECTED, Kind.DEFERRED, Kind.NOT_SENT]
    assert wire.outcomes[name(1)].reply is None
    assert wire.session.failure.stage is Stage.RSET


@MODE_AND_STAGE
@pytest.mark.parametrize("garbage", ["what?", "2", "250-one\r\n550 two", "250 " + "x" * 3000])
def test_garbage_defers_until_the_contents_end_and_is_unknown_after_it(
    wiring: Any, mode: str, stage: str, garbage: str
) -> None:
    wire = wiring.wire({stage: ["354 x" if stage == "DATA" else "250 x", garbage]}, **MODES[mode])
    wire.run(envelopes(3))
    is_written = stage == "CONTENT" or mode == "chunked"
    assert wire.kinds == {
        name(0): Kind.ACCEPTED,
        name(1): Kind.UNKNOWN if is_written else Kind.DEFERRED,
        name(2): wire.kinds[name(2)],
    }
    behind = Kind.DEFERRED if stage == "CONTENT" and mode == "pipelined" else Kind.NOT_SENT
    assert wire.kinds[name(2)] is behind
    assert wire.session.failure.kind is FailureKind.TEMPORARY


# Our own refusals


def test_a_message_refused_by_ourselves_writes_nothing_and_takes_no_room(wiring: Any) -> None:
    wire = wiring.wire(offers=["PIPELINING", "SIZE 100"], messages_max=1)
    bad = [
        Envelope("a@b", "ü@b", b""),
        Envelope("a@b", "x@y\r\nRCPT TO:<z@z>", b""),
        Envelope("a@b", "large@b", b"x" * 101),
        Envelope("a@b", "eight@b", b"\xff\r\n"),
        Envelope("a@b", "bare@b", b"\n.\n"),
    ]
    wire.run([*bad, *envelopes(1)])
    stages = [outcome.stage for outcome in wire.outcomes.values()]
    assert stages == [Stage.SMTPUTF8, Stage.RECIPIENT, Stage.SIZE, Stage.EIGHT_BIT, Stage.FORM, Stage.CONTENT]
    assert [kind for kind in wire.kinds.values()] == [Kind.REJECTED] * 5 + [Kind.ACCEPTED]
    assert wire.server.begun == [name(0)]


def test_no_more_than_the_limit_go_over_one_connection(wiring: Any) -> None:
    wire = wiring.wire(messages_max=2, **MODES["pipelined"]).run(envelopes(4))
    assert list(wire.kinds.values()) == [Kind.NOT_SENT, Kind.NOT_SENT, Kind.ACCEPTED, Kind.ACCEPTED]
    assert wire.session.room == 0
    assert wire.outcomes[name(2)].stage is Stage.QUEUE


# Withdrawing


@MODE
def test_a_message_can_be_withdrawn_until_its_first_byte_is_handed_out(wiring: Any, mode: str) -> None:
    messages = envelopes(3)
    wire = wiring.wire(**MODES[mode]).run(quits=False)
    for message in messages:
        wire.session.submit(message, message.recipient)
    room = wire.session.room
    assert wire.session.withdraw(messages[1])
    assert wire.session.room == room + 1
    wire.server.take(wire.session.output())
    assert not wire.session.withdraw(messages[0])
    assert not wire.session.withdraw(messages[1])
    assert wire.session.withdraw(messages[2])
    assert dict(wire.session.take_finished()) == {
        name(number): Outcome(Kind.NOT_SENT, Stage.QUEUE, None, "withdrawn") for number in (1, 2)
    }


def test_an_equal_envelope_is_not_the_same_one(wiring: Any) -> None:
    wire = wiring.wire().run(quits=False)
    message, other = envelopes(1)[0], envelopes(1)[0]
    wire.session.submit(message, "tag")
    assert not wire.session.withdraw(other)


def test_a_withdrawn_message_never_reaches_the_server(wiring: Any) -> None:
    messages = envelopes(3)
    wire = wiring.wire(**MODES["pipelined"]).run(quits=False)
    for message in messages:
        wire.session.submit(message, message.recipient)
    wire.session.withdraw(messages[1])
    while data := wire.session.output():
        wire.session.receive(wire.server.take(data))
    assert [recipient for recipient, _ in wire.server.accepted] == [name(0), name(2)]


# Large contents


def large(number: int = 0) -> Envelope:
    return Envelope(name(number), name(number), b"x" * 70 * 1024 + b"\r\n" + b"y" * 70 * 1024 + b"\r\n")


def until_content(wiring: Any, mode: str) -> Any:
    wire = wiring.wire(**MODES[mode]).run(quits=False)
    wire.session.submit(large(), name(0))
    while not (piece := wire.session.output()).endswith(b"x"):
        wire.session.receive(wire.server.take(piece))
    return wire


@MODE
def test_a_large_content_is_handed_out_in_pieces_and_the_end_in_the_last(wiring: Any, mode: str) -> None:
    wire = wiring.wire(**MODES[mode]).run([large()])
    assert wire.server.accepted == [(name(0), large().content)]
    wire = until_content(wiring, mode)
    assert wire.session.wait is (Wait.COMMAND if mode == "chunked" else Wait.CONTENT)
    second, third = wire.session.output(), wire.session.output()
    assert len(second) == PIECE_BYTES
    assert 0 < len(third) < PIECE_BYTES
    assert wire.session.output() == b""


@MODE
def test_a_line_lost_before_the_last_piece_is_handed_out_defers(wiring: Any, mode: str) -> None:
    for pieces, kind in [(0, Kind.DEFERRED), (1, Kind.DEFERRED), (2, Kind.UNKNOWN)]:
        wire = until_content(wiring, mode)
        for _ in range(pieces):
            wire.session.output()
        wire.session.lose()
        [(_, outcome)] = wire.session.take_finished()
        assert (outcome.kind, outcome.reply, outcome.detail) == (kind, None, "the line was lost")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"552 5.3.4 too large\r\n", Kind.REJECTED),
        (b"451 no\r\n", Kind.DEFERRED),
        (b"421 no\r\n", Kind.DEFERRED),
        (b"250 taken?\r\n", Kind.DEFERRED),
        (b"354 again\r\n", Kind.DEFERRED),
    ],
)
@pytest.mark.parametrize("mode", ["pipelined", "lockstep", "chunked_lockstep"])
def test_a_reply_before_the_contents_end_is_never_an_acceptance(
    wiring: Any, mode: str, reply: bytes, kind: Kind
) -> None:
    wire = until_content(wiring, mode)
    wire.session.receive(reply)
    [(_, outcome)] = wire.session.take_finished()
    assert (outcome.kind, outcome.stage, outcome.reply.code) == (kind, Stage.CONTENT, int(reply[:3]))
    assert wire.session.phase is Phase.ENDED
    assert wire.session.output() == b""


# The line breaks


SCRIPTS: dict[str, dict[str, Any]] = {
    "all taken": {},
    "one unknown, its DATA taken": {f"RCPT {name(1)}": "550 5.1.1 no"},
    "one unknown, its DATA refused": {f"RCPT {name(1)}": "550 5.1.1 no", f"DATA {name(1)}": "554 none"},
    "a sender put off": {"MAIL": ["250 x", "451 4.3.0 later"]},
    "contents refused": {f"CONTENT {name(0)}": "552 5.3.4 too large", f"CONTENT {name(2)}": "451 later"},
    "closed at the second content": {f"CONTENT {name(1)}": "421 4.3.2 closing"},
    "closed at the second recipient": {f"RCPT {name(1)}": "421 4.3.2 closing"},
    "in many lines": {"CONTENT": "250-2.0.0 one\r\n250-2.0.0 two\r\n250 2.0.0 three"},
}
SCRIPT = pytest.mark.parametrize("script", list(SCRIPTS))


def expected(wire: Any, count: int) -> dict[str, Kind]:
    """What must have become of each message, judged from both byte streams alone, by another reading of them."""
    seen = type(wire.server)(SCRIPTS_OF[id(wire)], wire.server.offers)
    seen.greet()
    seen.take(wire.handed)
    kinds = {}
    for recipient in map(name, range(count)):
        at, kind = wire.server.decided.get(recipient, (0, None))
        if kind is not None and at <= wire.heard:
            kinds[recipient] = kind
        elif recipient in seen.ended:
            kinds[recipient] = Kind.UNKNOWN
        else:
            kinds[recipient] = Kind.DEFERRED if recipient in seen.begun else Kind.NOT_SENT
    return kinds


SCRIPTS_OF: dict[int, Any] = {}


def broken(wiring: Any, script: str, mode: str, count: int, **run: Any) -> Any:
    wire = wiring.wire(SCRIPTS[script], **MODES[mode])
    SCRIPTS_OF.clear()
    SCRIPTS_OF[id(wire)] = SCRIPTS[script]
    return wire.run(envelopes(count), **run)


@MODE
@SCRIPT
def test_a_line_lost_at_any_byte_from_the_server_gives_exactly_the_right_kind(
    wiring: Any, mode: str, script: str
) -> None:
    whole = broken(wiring, script, mode, 4)
    seen: set[Kind] = set()
    for heard in range(len(whole.server.sent) + 1):
        wire = broken(wiring, script, mode, 4, server_bytes=heard)
        if wire.outcomes:
            assert wire.kinds == expected(wire, 4), heard
            assert all(
                wire.server.accepted.count((r, CONTENT)) == 1 for r, kind in wire.kinds.items() if kind is Kind.ACCEPTED
            )
        seen |= set(wire.kinds.values())
    # A chunked message is one write: once begun, its end is written. That is why CHUNKING is off by default.
    assert seen >= {Kind.UNKNOWN, Kind.NOT_SENT} | ({Kind.DEFERRED} if mode != "chunked" else set())


@MODE
@SCRIPT
def test_a_line_lost_at_any_byte_from_the_client_never_claims_what_is_not_so(
    wiring: Any, mode: str, script: str
) -> None:
    whole = broken(wiring, script, mode, 4)
    for arrived in range(len(whole.handed) + 1):
        wire = broken(wiring, script, mode, 4, client_bytes=arrived, quits=False)
        taken = dict(wire.server.accepted)
        if wire.outcomes:
            assert wire.kinds == expected(wire, 4), arrived
        for recipient, kind in wire.kinds.items():
            assert kind is Kind.UNKNOWN or (kind is Kind.ACCEPTED) == (recipient in taken), (arrived, recipient)


def test_the_kinds_by_hand_for_two_pipelined_messages(wiring: Any) -> None:
    """The oracle above, checked once against places counted by hand."""
    whole = broken(wiring, "all taken", "pipelined", 2).server.sent
    first_data = whole.index(b"354 go on\r\n") + len(b"354 go on\r\n")
    first_final = whole.index(b"250 2.0.0 queued\r\n") + len(b"250 2.0.0 queued\r\n")
    second_data = whole.rindex(b"354 go on\r\n") + len(b"354 go on\r\n")
    second_final = whole.rindex(b"250 2.0.0 queued\r\n") + len(b"250 2.0.0 queued\r\n")
    for heard, first, second in [
        (first_data - 1, Kind.DEFERRED, Kind.NOT_SENT),
        (first_data, Kind.UNKNOWN, Kind.DEFERRED),
        (first_final - 1, Kind.UNKNOWN, Kind.DEFERRED),
        (first_final, Kind.ACCEPTED, Kind.DEFERRED),
        (second_data - 1, Kind.ACCEPTED, Kind.DEFERRED),
        (second_data, Kind.ACCEPTED, Kind.UNKNOWN),
        (second_final - 1, Kind.ACCEPTED, Kind.UNKNOWN),
        (second_final, Kind.ACCEPTED, Kind.ACCEPTED),
    ]:
        wire = broken(wiring, "all taken", "pipelined", 2, server_bytes=heard)
        assert list(map(wire.kinds.get, map(name, range(2)))) == [first, second], heard


def test_the_stage_of_a_lost_message_is_where_it_stood(wiring: Any) -> None:
    whole = broken(wiring, "all taken", "lockstep", 1).server.sent
    stages = []
    for heard in range(len(whole)):
        wire = broken(wiring, "all taken", "lockstep", 1, server_bytes=heard)
        if name(0) in wire.outcomes and wire.outcomes[name(0)].kind is not Kind.ACCEPTED:
            stages.append(wire.outcomes[name(0)].stage)
    assert list(dict.fromkeys(stages)) == [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT]


# Cutting the bytes


def cutter(seed: int) -> Any:
    dice = random.Random(seed)

    def cut(data: bytes) -> Iterator[bytes]:
        while data:
            size = dice.randint(1, max(1, min(len(data), dice.choice([1, 3, 20, 500]))))
            yield data[:size]
            data = data[size:]

    return cut


@MODE
@SCRIPT
def test_500_ways_of_cutting_the_servers_bytes_give_the_same_outcomes(wiring: Any, mode: str, script: str) -> None:
    whole = broken(wiring, script, mode, 4)
    for seed in range(500 // len(SCRIPTS) // len(MODES) + 16):
        wire = broken(wiring, script, mode, 4, cut=cutter(seed))
        assert (wire.outcomes, wire.handed) == (whole.outcomes, whole.handed)


CODES = st.sampled_from(
    ["250 x", "250 2.0.0 y", "354 z", "421 c", "450 4.2.1 g", "550 5.1.1 u", "552 5.3.4 l", "199 o"]
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(list(MODES)),
    st.dictionaries(st.sampled_from(["MAIL", "RCPT", "DATA", "CONTENT", "RSET"]), st.lists(CODES, max_size=4)),
    st.integers(0, 2**32),
    st.integers(0, 400),
)
def test_any_server_any_cut_any_break_leaves_one_true_outcome_for_each_message(
    mode: str, replies: dict[str, list[str]], seed: int, heard: int
) -> None:
    wiring = WIRING[0]

    def run(**how: Any) -> Any:
        return wiring.wire(replies, **MODES[mode]).run(envelopes(4), **how)

    whole = run()
    cut = run(cut=cutter(seed))
    assert (cut.outcomes, cut.handed) == (whole.outcomes, whole.handed)
    assert set(whole.kinds) == set(map(name, range(4)))
    for wire in (whole, run(cut=cutter(seed), server_bytes=heard)):
        taken = dict(wire.server.accepted)
        for recipient, kind in wire.kinds.items():
            assert kind is Kind.UNKNOWN or (kind is Kind.ACCEPTED) == (recipient in taken)


WIRING: list[Any] = []


@pytest.fixture(autouse=True)
def _keep_wiring(wiring: Any) -> None:
    WIRING[:] = [wiring]


# Idle, checking, quitting


def test_a_check_is_a_noop_and_the_session_is_idle_again_after_it(wiring: Any) -> None:
    wire = wiring.wire().run(quits=False)
    wire.session.check()
    assert not wire.session.is_idle
    assert wire.session.wait is Wait.COMMAND
    with pytest.raises(RuntimeError):
        wire.session.check()
    wire.session.receive(wire.server.take(wire.session.output()))
    assert wire.session.is_idle
    assert wire.server.commands[-1] == "NOOP"


@pytest.mark.parametrize("said", [b"421 4.4.2 idle too long\r\n", b"250 what?\r\n", b"junk\r\n"])
def test_a_server_that_speaks_unasked_ends_an_idle_session_and_nothing_is_lost(wiring: Any, said: bytes) -> None:
    wire = wiring.wire().run(quits=False)
    wire.session.receive(said)
    assert wire.session.phase is Phase.ENDED
    wire.session.submit(envelopes(1)[0], "tag")
    [(_, outcome)] = wire.session.take_finished()
    assert (outcome.kind, outcome.stage) == (Kind.NOT_SENT, Stage.QUEUE)


def test_quitting_gives_back_what_is_not_begun_and_finishes_what_is(wiring: Any) -> None:
    wire = wiring.wire(**MODES["pipelined"]).run(quits=False)
    for message in envelopes(4):
        wire.session.submit(message, message.recipient)
    data = wire.session.output()
    wire.session.receive(wire.server.take(data))
    data = wire.session.output()
    wire.session.quit()
    while data:
        wire.session.receive(wire.server.take(data))
        data = wire.session.output()
    assert dict((tag, outcome.kind) for tag, outcome in wire.session.take_finished()) == {
        name(0): Kind.ACCEPTED,
        name(1): Kind.ACCEPTED,
        name(2): Kind.NOT_SENT,
        name(3): Kind.NOT_SENT,
    }
    assert wire.server.commands[-1] == "QUIT"
    assert (wire.session.phase, wire.session.failure) == (Phase.ENDED, None)


def test_each_wait_has_its_name(wiring: Any) -> None:
    wire = wiring.wire(**MODES["lockstep"]).run(quits=False)
    wire.session.submit(envelopes(1)[0], "tag")
    waits = []
    while data := wire.session.output():
        waits.append(wire.session.wait)
        wire.session.receive(wire.server.take(data))
    wire.session.quit()
    wire.session.output()
    assert [*waits, wire.session.wait] == [Wait.COMMAND, Wait.COMMAND, Wait.DATA, Wait.FINAL, Wait.GOODBYE]


@pytest.mark.parametrize(("stop", "kind"), [(2, Kind.DEFERRED), (3, Kind.UNKNOWN)])
def test_a_time_limit_ends_a_message_by_how_far_it_had_come(wiring: Any, stop: int, kind: Kind) -> None:
    wire = wiring.wire(**MODES["lockstep"]).run(quits=False)
    wire.session.submit(envelopes(1)[0], "tag")
    for _ in range(stop):
        wire.session.receive(wire.server.take(wire.session.output()))
    wire.session.output()
    wire.session.time_out()
    [(_, outcome)] = wire.session.take_finished()
    assert outcome.kind is kind
    assert outcome.detail.startswith("timed out")
