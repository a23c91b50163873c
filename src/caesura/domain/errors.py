"""Every error that a caller can meet, in one tree, by what the caller can do about it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in the input, and its place.

    `code` is a stable snake_case word; `detail` a sentence for a person. The place is a JSON
    `pointer` (RFC 6901) into a request body, or a `file` with a 1-based `line`, or both unset.
    """

    code: str
    detail: str
    pointer: str | None = None
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}" if place else f"line {self.line}"
        if self.pointer is not None:
            place += f" {self.pointer}" if place else self.pointer
        return f"{place}: {self.detail} [{self.code}]" if place else f"{self.detail} [{self.code}]"


class CaesuraError(Exception):
    """The root. `code` is a stable snake_case word, `detail` a sentence for a person."""

    def __init__(self, code: str, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.problems = tuple(problems)


class Invalid(CaesuraError):
    """The input is wrong: mend it and ask again. Nothing was changed."""

    @classmethod
    def of(cls, *problems: Problem) -> "Invalid":
        """One error out of one or more problems; takes the first one's code and detail."""
        return cls(problems[0].code, problems[0].detail, problems)


class Unauthenticated(CaesuraError):
    """The key is missing, malformed, revoked or expired."""


class Forbidden(CaesuraError):
    """The key is good and lacks the permission."""


class NotFound(CaesuraError):
    """There is no such thing in this workspace (it may exist in another: that is not told)."""


class Conflict(CaesuraError):
    """The thing is in a state that does not allow this; `allowed` names the verbs that it does."""

    def __init__(self, code: str, detail: str, state: str | None = None, allowed: Sequence[str] = ()) -> None:
        super().__init__(code, detail)
        self.state = state
        self.allowed = tuple(allowed)


class LimitReached(CaesuraError):
    """Too much at once: try again after `retry_after` seconds."""

    def __init__(self, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class Unavailable(CaesuraError):
    """Something that Caesura needs does not answer (the database, a file): try again later."""
