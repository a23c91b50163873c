"""What was said on a connection, for support: bounded, and without secrets or content."""

from collections import deque

from caesura.protocol.smtp.replies import Reply

LINES_MAX = 200
REDACTED = "<redacted>"


class Transcript:
    """The last lines of a dialogue, "C: " for ours and "S: " for the server's."""

    __slots__ = ("_lines", "_secrets")

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._lines: deque[str] = deque(maxlen=LINES_MAX)
        self._secrets = secrets

    def wrote(self, line: str) -> None:
        """Note a line of ours; the caller has left out what is secret."""
        self._lines.append(f"C: {line}")

    def read(self, reply: Reply) -> None:
        """Note a reply, with any echo of a secret taken out."""
        self._lines.extend(f"S: {reply.code} {line}" for line in self.redacted(reply).lines)

    def redacted(self, reply: Reply) -> Reply:
        """The same reply without any echo of a secret."""
        lines = tuple(self.clean(line) for line in reply.lines)
        return reply if lines == reply.lines else Reply(reply.code, lines)

    def clean(self, text: str) -> str:
        """The same text without any echo of a secret."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines, oldest first, at most `LINES_MAX`."""
        return tuple(self._lines)
