r"""Spintax: `{Hi|Hello}` in the text of a message. The option is a hash of who gets it, so a retry says the same.

Single braces with at least one `|` between them are a group; groups nest. `{word}` without a `|` is plain text, and
so is anything after a backslash: `\{`, `\|`, `\}`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count, groupby
from math import prod
from typing import Generic, TypeAlias, TypeVar

from caesura.domain.errors import Invalid, Problem

MAX_DEPTH = 8
MAX_OPTIONS = 100

_SIGNS = re.compile(r"\\[{|}]|[{|}]|[^\\{|}]+|\\")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Run:
    """Text in which spintax is looked for; `line` is that of its first character, from 1."""

    text: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class Atom(Generic[Value]):
    """Something between two runs that is carried along unread, such as a variable."""

    value: Value


@dataclass(frozen=True, slots=True)
class Group(Generic[Value]):
    """A choice. `index` is its place in the source: together with the seed it decides the option."""

    index: int
    options: tuple[tuple["Piece[Value]", ...], ...]


Piece: TypeAlias = str | Atom[Value] | Group[Value]


class _Open(Generic[Value]):
    """A brace that is not closed yet (or the whole text, at the bottom of the stack)."""

    __slots__ = ("line", "options")

    def __init__(self, line: int) -> None:
        self.line = line
        self.options: list[list[Piece[Value]]] = [[]]

    def add(self, piece: Piece[Value]) -> None:
        self.options[-1].append(piece)


def parse(
    tokens: Iterable[Run | Atom[Value]], pointer: str | None = None, indexes: Iterator[int] | None = None
) -> tuple[Piece[Value], ...]:
    """Runs and atoms in, text, atoms and groups out.

    `indexes` numbers the groups; pass one iterator for several calls to keep numbers apart. Raises Invalid with the
    pointer and the line: `spintax_unbalanced`, `spintax_too_deep` (over 8 braces) or `spintax_too_many` (over 100
    options).
    """
    indexes = count() if indexes is None else indexes
    stack: list[_Open[Value]] = [_Open(1)]
    for token in tokens:
        if isinstance(token, Atom):
            stack[-1].add(token)
            continue
        line = token.line
        for sign in _SIGNS.findall(token.text):
            _take(sign, line, stack, pointer, indexes)
            line += sign.count("\n")
    if len(stack) > 1:
        line = stack[-1].line
        raise _problem("spintax_unbalanced", "a { is never closed; write \\{ for a plain brace", pointer, line)
    return _joined(stack[0].options[0])


def _take(sign: str, line: int, stack: list[_Open[Value]], pointer: str | None, indexes: Iterator[int]) -> None:
    if sign == "{":
        if len(stack) > MAX_DEPTH:
            raise _problem("spintax_too_deep", f"braces are nested more than {MAX_DEPTH} deep", pointer, line)
        stack.append(_Open(line))
    elif sign == "}":
        if len(stack) == 1:
            raise _problem("spintax_unbalanced", "a } was never opened; write \\} for a plain brace", pointer, line)
        _close(stack, indexes)
    elif sign == "|" and len(stack) > 1:
        if len(stack[-1].options) == MAX_OPTIONS:
            raise _problem("spintax_too_many", f"a group has more than {MAX_OPTIONS} options", pointer, line)
        stack[-1].options.append([])
    else:
        stack[-1].add(sign[1:] if len(sign) == 2 and sign[0] == "\\" else sign)


def _close(stack: list[_Open[Value]], indexes: Iterator[int]) -> None:
    closed = stack.pop()
    if len(closed.options) > 1:
        stack[-1].add(Group(next(indexes), tuple(map(_joined, closed.options))))
        return
    stack[-1].add("{")
    for piece in closed.options[0]:
        stack[-1].add(piece)
    stack[-1].add("}")


def _joined(pieces: list[Piece[Value]]) -> tuple[Piece[Value], ...]:
    """Neighbouring texts as one (joined at the end: adding one by one is quadratic for a hostile source)."""
    merged: list[Piece[Value]] = []
    for is_text, run in groupby(pieces, lambda piece: isinstance(piece, str)):
        if is_text:
            merged.append("".join(piece for piece in run if isinstance(piece, str)))
        else:
            merged.extend(run)
    return tuple(merged)


def _problem(code: str, detail: str, pointer: str | None, line: int) -> Invalid:
    return Invalid.of(Problem(code, detail, pointer=pointer, line=line))


def seal(*seed: object) -> bytes:
    """The seed (numbers and strings) as bytes, for `draw`."""
    return b"\x1f".join(str(part).encode() for part in seed)


def draw(seed: bytes, index: int, scope: str = "") -> int:
    """A number from 0 to 2**48 - 1 for one group: the same for ever for the same arguments.

    `scope` keeps the groups of the subject apart from those of the body, which are numbered alike.
    """
    return int.from_bytes(blake2b(b"%s\x1f%d\x1f%s" % (scope.encode(), index, seed), digest_size=6).digest())


def choose(pieces: Iterable[Piece[object]], *seed: object) -> str:
    """The text for this seed; atoms are written with str()."""
    return _write(pieces, seal(*seed))


def _write(pieces: Iterable[Piece[object]], seed: bytes) -> str:
    text = ""
    for piece in pieces:
        if isinstance(piece, Group):
            text += _write(piece.options[draw(seed, piece.index) % len(piece.options)], seed)
        else:
            text += piece if isinstance(piece, str) else str(piece.value)
    return text


def combinations(pieces: Iterable[Piece[object]]) -> int:
    """How many ways there are to choose (not all need differ in text)."""
    return prod(sum(map(combinations, piece.options)) for piece in pieces if isinstance(piece, Group))
