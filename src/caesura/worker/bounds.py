"""How much of what is large goes through a worker at once. Pure."""

from collections.abc import Iterable


def messages_within(most_bytes: int, held_bytes: int, message_bytes: int, wanted: int) -> int:
    """How many of `wanted` messages of this size may be composed while others hold so many of the bytes allowed.

    One at least where none are held, whatever its size: nothing else would ever make room for it.
    """
    room = (most_bytes - held_bytes) // message_bytes
    return min(wanted, max(room, 0 if held_bytes else 1))


def leading(copies: Iterable[int], most_recipients: int) -> int:
    """How many messages, from the first, have at most so many recipients, each with its copies; one at least."""
    recipients = count = 0
    for of_one in copies:
        recipients += 1 + of_one
        if count and recipients > most_recipients:
            break
        count += 1
    return count
