"""What came through the wire: once, whole, from the right mailbox, in the right thread."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import TYPE_CHECKING

from simulation.history import Arrival, Violation

if TYPE_CHECKING:
    from simulation.world import World


def everything_arrives_once(world: "World") -> Iterator[Violation]:
    """G2: no step reaches a lead twice. Told by the text itself, not by any id."""
    seen: dict[tuple[str, bytes], Arrival] = {}
    for arrival in world.history.arrivals:
        text = arrival.content.replace(b"=\r\n", b"")
        start = text.find(b"STEP ")
        marker = text[start : text.find(b" EDITION", start)]
        key = (arrival.recipient, marker)
        if start < 0 or key in seen:
            yield Violation("G2", f"{arrival.recipient} got {marker!r} again: {arrival.mark} after {seen.get(key)}")
        seen[key] = arrival


def what_arrives_was_marked_and_is_whole(world: "World") -> Iterator[Violation]:
    """G9: nothing arrives that is not in the ledger; and what arrives is, to the byte, what was composed."""
    history = world.history
    for arrival in history.arrivals:
        mark = arrival.mark
        if mark is None:
            yield Violation("G9", f"something arrived that was never marked, from mailbox {arrival.mailbox}")
            continue
        enrolled = history.enrolled[mark.enrollment]
        box = world.parameters.mailboxes[arrival.mailbox - 1]
        if (arrival.mailbox, arrival.recipient) != (mark.mailbox, enrolled.address):
            yield Violation("wire", f"{mark} went to {arrival.recipient} by mailbox {arrival.mailbox}")
        if arrival.sender != box["address"]:
            yield Violation("wire", f"{mark} came from {arrival.sender}")
        composed = history.composed.get((mark.enrollment, mark.step, mark.attempt))
        if composed is None or composed.rstrip(b"\r\n") != arrival.content.rstrip(b"\r\n"):
            yield Violation("wire", f"the bytes of {mark} changed on the way")


def follow_ups_stay_with_their_mailbox_and_thread(world: "World") -> Iterator[Violation]:
    """Once a message came to the wire, all later tries and steps leave from its mailbox, and answer what was sent."""
    history = world.history
    boxes: dict[int, int] = {}
    for mark in history.written():
        if boxes.setdefault(mark.enrollment, mark.mailbox) != mark.mailbox:
            yield Violation("thread", f"{mark} is not from mailbox {boxes[mark.enrollment]}")
    for arrival in history.arrivals:
        if arrival.mark is not None:
            header, _, _ = arrival.content.partition(b"\r\n\r\n")
            yield from _thread(world, arrival, message_from_bytes(header + b"\r\n\r\n"))


def _thread(world: "World", arrival: Arrival, message: Message) -> Iterator[Violation]:
    mark = arrival.mark
    assert mark is not None
    edition = world.history.edition_at(mark.campaign, mark.moment.commit)
    is_thread = edition.definition["steps"][mark.step - 1].get("thread", True)
    earlier = [one for one in world.history.settled if one.enrollment == mark.enrollment and one.step < mark.step]
    claimed = [one for one in earlier if one.moment.commit < mark.moment.commit]
    # What was sent or unknown at any time before may be answered; what was sent for sure must be.
    may = {one.step for one in claimed if one.state in ("sent", "unknown")} if is_thread else set()
    must = {one.step for one in claimed if one.state == "sent" and one.before == "sending"} if is_thread else set()
    ids = {one.message_id: one.step for one in world.history.marks if one.enrollment == mark.enrollment}
    references = [ids.get(one) for one in (message["References"] or "").split()]
    answered = ids.get((message["In-Reply-To"] or "").strip())
    good = set(references) <= may and must <= set(references) and references == sorted(set(references), key=str)
    if not good or answered != (references[-1] if references else None):
        yield Violation("thread", f"{mark} answers {answered} and refers to {references}; sent before: {must} of {may}")
    if message["From"] is None or str(edition.definition["name"]) == "":
        yield Violation("thread", f"{mark} has no sender")


def ids_do_not_change(world: "World") -> Iterator[Violation]:
    """The Message-ID on the wire is the ledger's, and the same for every try of which something came to the wire."""
    history = world.history
    marked: dict[tuple[int, int], set[str]] = {}
    written: dict[tuple[int, int], set[str]] = {}
    for mark in history.marks:
        marked.setdefault(mark.key, set()).add(mark.message_id)
    for mark in history.written():
        written.setdefault(mark.key, set()).add(mark.message_id)
    for key in sorted(marked.keys() | history.seen_ids.keys()):
        ids, seen = marked.get(key, set()), history.seen_ids.get(key, set())
        if len(written.get(key, ())) > 1 or not seen <= ids:
            yield Violation("message-id", f"{key} had {ids} in the ledger, {seen} outside")
