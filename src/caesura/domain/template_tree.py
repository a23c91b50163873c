"""What a checked template is made of, and how it is written out for minijinja.

minijinja never sees an author's source: it gets what is written here, out of the tree that the whitelist let through,
between marks that no source may hold. So it does not matter where its grammar differs from the one that was checked.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import TypeAlias, assert_never

from minijinja import Environment

# C0 and C1 controls but tab and line ends, the two marks of html_text, and lone surrogates, which UTF-8 cannot carry.
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\U000f0000\U000f0001]")

_OPEN, _CLOSE = "\x01%", "%\x02"
_OPEN_VALUE, _CLOSE_VALUE = "\x01=", "=\x02"
_FUEL = 2_000_000  # instructions; the language has no loops, so this is a second fence


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text; line ends are \\n."""

    value: str


@dataclass(frozen=True, slots=True)
class Put:
    """The value of a checked expression."""

    expression: str


@dataclass(frozen=True, slots=True)
class Branch:
    """if / elif / else: a checked test and what it leads to; the test of an else is None."""

    arms: tuple[tuple[str | None, tuple["Node", ...]], ...]


@dataclass(frozen=True, slots=True)
class Spin:
    """A spintax group: the option is the group's draw modulo their number."""

    index: int
    options: tuple[tuple["Node", ...], ...]


Node: TypeAlias = Text | Put | Branch | Spin


def variable(name: str) -> str:
    """A field's name inside minijinja: apart from every word and global that minijinja has or may get."""
    return f"v_{name}"


def draw_name(scope: str, index: int) -> str:
    """The name inside minijinja of a group's draw."""
    return f"s_{scope}_{index}"


def write(nodes: Iterable[Node], html: bool, scope: str) -> str:
    """The nodes as source for `environment()`. With `html`, values are escaped for text and quoted attributes."""
    return "".join(_write(node, html, scope) for node in nodes)


def _write(node: Node, html: bool, scope: str) -> str:
    match node:
        case Text(value):
            return value
        case Put(expression):
            # minijinja also escapes the slash, which would make every address in a message hard to read
            escape = '|e|replace("&#x2f;", "/")' if html else ""
            return f"{_OPEN_VALUE} ({expression}){escape} {_CLOSE_VALUE}"
        case Branch(arms):
            return _write_arms(arms, html, scope)
        case Spin(index, options):
            # one flat `if` for each: a chain of elif counts against the parser's nesting limit
            draw, size = draw_name(scope, index), len(options)
            return "".join(
                f"{_OPEN} if {draw} % {size} == {number} {_CLOSE}{write(option, html, scope)}{_OPEN} endif {_CLOSE}"
                for number, option in enumerate(options)
            )
        case _:
            assert_never(node)


def _write_arms(arms: tuple[tuple[str | None, tuple[Node, ...]], ...], html: bool, scope: str) -> str:
    written = ""
    for number, (test, body) in enumerate(arms):
        word = f"{'elif' if number else 'if'} {test}" if test is not None else "else"
        written += f"{_OPEN} {word} {_CLOSE}{write(body, html, scope)}"
    return f"{written}{_OPEN} endif {_CLOSE}"


def bodies(node: Node) -> tuple[tuple[Node, ...], ...]:
    """What is inside a branch or a group, arm by arm."""
    match node:
        case Text() | Put():
            return ()
        case Branch(arms):
            return tuple(body for _, body in arms)
        case Spin(_, options):
            return options
        case _:
            assert_never(node)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Every node, the outer ones first."""
    for node in nodes:
        yield node
        yield from walk(chain.from_iterable(bodies(node)))


def combinations(nodes: Iterable[Node]) -> int:
    """How many different choices spintax can make, at most, for one lead."""

    def of(node: Node) -> int:
        inside = list(map(combinations, bodies(node)))
        return sum(inside) if isinstance(node, Spin) else max(inside, default=1)

    return prod(map(of, nodes))


def environment() -> Environment:
    """A minijinja environment that knows no globals and no delimiters but ours."""
    env = Environment(
        debug=False,
        fuel=_FUEL,
        pycompat=False,
        keep_trailing_newline=True,
        block_start_string=_OPEN,
        block_end_string=_CLOSE,
        variable_start_string=_OPEN_VALUE,
        variable_end_string=_CLOSE_VALUE,
        comment_start_string="\x01#",
        comment_end_string="#\x02",
    )
    for name in list(env.globals):
        env.remove_global(name)
    env.add_filter("compare", compare)
    return env


_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?\s*")


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _equal(left: object, right: object) -> bool:
    """A number in a field is often text, since it comes out of a CSV file: the text "25" equals the number 25."""
    if isinstance(left, bool) or isinstance(right, bool) or (isinstance(left, str) and isinstance(right, str)):
        return type(left) is type(right) and left == right
    first, second = _number(left), _number(right)
    return first is not None and first == second


def _before(left: object, right: object) -> bool | None:
    """Whether left comes before right: as numbers if both are, else as texts; None if they cannot be compared."""
    first, second = _number(left), _number(right)
    if first is not None and second is not None:
        return first < second
    return left < right if isinstance(left, str) and isinstance(right, str) else None


def _among(left: object, right: object) -> bool:
    if isinstance(right, str):
        return isinstance(left, str) and left in right
    return isinstance(right, list | tuple) and any(_equal(left, one) for one in right)


def compare(left: object, operator: str, right: object) -> bool:
    """The language's comparisons. A missing value (None) is equal to nothing, before nothing and in nothing."""
    match operator:
        case "==":
            return _equal(left, right)
        case "!=":
            return not _equal(left, right)
        case "in":
            return _among(left, right)
        case "not in":
            return not _among(left, right)
        case "<":
            return _before(left, right) is True
        case ">":
            return _before(right, left) is True
        case "<=":
            return _before(right, left) is False
        case _:
            return _before(left, right) is False
