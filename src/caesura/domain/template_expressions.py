"""The expressions that a template may use, checked on Jinja2's syntax tree and written anew for minijinja.

Allowed: names, text and number literals, `and or not`, one comparison, `a if b else c`, `~`, `x is defined`, `in` with
a literal list, and the filters below with literal arguments. Everything else is refused by not being listed.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Final

from jinja2 import nodes

from caesura.domain.errors import Problem
from caesura.domain.template_tree import FORBIDDEN_CHARACTERS, variable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 20
MAX_PROBLEMS = 20
MAX_LITERAL = 2_000  # characters
MAX_LIST = 100
MAX_GROWTH = 200  # how many times longer than a field its filtered value may be

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
# Jinja2's own words: harmless here, but a template that holds them expects something else
RESERVED = frozenset(
    ("self", "loop", "super", "caller", "varargs", "kwargs", "range", "dict", "lipsum", "cycler", "joiner", "namespace")
)
_LARGEST = 10**15  # of a number literal, either sign

# filter without arguments -> how many times longer it can make a text
_PLAIN_FILTERS: Final[Mapping[str, int]] = {
    "upper": 3,
    "lower": 3,
    "title": 3,
    "capitalize": 3,
    "trim": 1,
    "urlencode": 12,
}
_OPERATORS: Final[Mapping[str, str]] = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}
_WORDS: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Call: "calling a function or method",
    nodes.Getattr: "the dot (attributes)",
    nodes.Getitem: "square brackets after a name (items)",
    nodes.BinExpr: "arithmetic",
    nodes.UnaryExpr: "arithmetic",
    nodes.List: "a list outside of `in`",
    nodes.Tuple: "a tuple outside of `in`",
    nodes.Dict: "a dictionary",
    nodes.For: "a loop",
    nodes.Macro: "a macro",
    nodes.CallBlock: "a call block",
    nodes.FilterBlock: "a filter block",
    nodes.With: "a with block",
    nodes.Block: "a block",
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Scope: "autoescape",
}
_NOTHING: Final[frozenset[str]] = frozenset()


def words_for(node: nodes.Node) -> str:
    """What to call a node that is not allowed, for a person."""
    for kind in type(node).__mro__:
        if kind in _WORDS:
            return _WORDS[kind]
    return type(node).__name__.lower()


def guards(test: nodes.Expr) -> tuple[frozenset[str], frozenset[str]]:
    """The variables that surely have a value when the test is true, and when it is false."""
    match test:
        case nodes.Not(node=inner):
            return guards(inner)[::-1]
        case nodes.And() | nodes.Or():
            sides = [guards(side) for side in _flat(test)]
            every = frozenset.intersection if isinstance(test, nodes.Or) else frozenset.union
            other = frozenset.union if isinstance(test, nodes.Or) else frozenset.intersection
            return every(*(side[0] for side in sides)), other(*(side[1] for side in sides))
        case nodes.Test(name="defined", node=nodes.Name(name=name)):
            return frozenset((name,)), _NOTHING
        case nodes.Test(name="undefined", node=nodes.Name(name=name)):
            return _NOTHING, frozenset((name,))
        case nodes.Compare(expr=left, ops=[nodes.Operand(op=operator, expr=right)]):
            return _comparison_guards(left, operator, right)
        case _:
            subject = subject_of(test)
            return frozenset((subject,)) if subject else _NOTHING, _NOTHING


def _comparison_guards(left: nodes.Expr, operator: str, right: nodes.Expr) -> tuple[frozenset[str], frozenset[str]]:
    """A missing value is equal to no literal, before none and in none; a filter makes it an empty text."""
    literal = isinstance(right, nodes.Const | nodes.List | nodes.Tuple | nodes.Neg)
    name = subject_of(left)
    if name is None or not literal:
        return _NOTHING, _NOTHING
    unfiltered = isinstance(left, nodes.Name)
    holds = frozenset((name,))
    if operator in ("eq", "ne") and (unfiltered or (isinstance(right, nodes.Const) and right.value != "")):
        return (holds, _NOTHING) if operator == "eq" else (_NOTHING, holds)
    if unfiltered:
        return (_NOTHING, holds) if operator == "notin" else (holds, _NOTHING)
    return _NOTHING, _NOTHING


def subject_of(node: nodes.Expr | None) -> str | None:
    """The variable under a chain of filters (none of them `default`), if that is all there is."""
    while isinstance(node, nodes.Filter) and node.name != "default":
        node = node.node
    return node.name if isinstance(node, nodes.Name) else None


def _flat(node: nodes.Expr) -> list[nodes.Expr]:
    """a or b or c, which Jinja2 nests to the left, as [a, b, c]."""
    kind = type(node)
    sides: list[nodes.Expr] = []
    while isinstance(node, nodes.And | nodes.Or) and type(node) is kind:
        sides.append(node.right)
        node = node.left
    return [node, *reversed(sides)]


def quoted(text: str) -> str:
    """A text literal in minijinja's syntax."""
    for raw, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(raw, escaped)
    return f'"{text}"'


class Expressions:
    """Reads expressions, collects what they use and what is wrong with them.

    `required` are the names that some expression prints with nothing to fall back on: not behind `default`, not the
    left side of `or`, not a test only, and not where a test on the same name has made sure of it. `weight` bounds how
    often, and how much longer, fields can come out.
    """

    def __init__(self, pointer: str, single_line: bool) -> None:
        self.pointer = pointer
        self.single_line = single_line
        self.problems: list[Problem] = []
        self.used: set[str] = set()
        self.required: set[str] = set()
        self.weight = 0
        self._growth = 1
        self._depth = 0
        self._readers: Mapping[type[nodes.Expr], Callable[..., str]] = {
            nodes.Name: self._name,
            nodes.Const: self._const,
            nodes.Neg: self._negative,
            nodes.Filter: self._filter,
            nodes.Compare: self._compare,
            nodes.And: self._and_or,
            nodes.Or: self._and_or,
            nodes.Not: self._not,
            nodes.CondExpr: self._conditional,
            nodes.Concat: self._concat,
            nodes.Test: self._test,
        }

    def refuse(self, what: str, line: int) -> str:
        """Note a problem; the answer stands in for the expression, which is never used."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem("template_forbidden", what, pointer=self.pointer, line=line))
        return '""'

    def read(self, node: nodes.Expr, sure: frozenset[str], asks: bool = False) -> str:
        """The expression in minijinja's syntax. `sure` have a value here; with `asks` a missing value does no harm."""
        reader = self._readers.get(type(node))
        if reader is None:
            return self.refuse(f"{words_for(node)} is not allowed in a template", node.lineno)
        if self._depth == MAX_DEPTH:
            return self.refuse(f"an expression is nested more than {MAX_DEPTH} deep", node.lineno)
        self._depth += 1
        source = reader(node, sure, asks)
        self._depth -= 1
        return source

    @contextmanager
    def _grown(self, factor: int, line: int) -> "Iterator[None]":
        before, self._growth = self._growth, self._growth * factor
        if self._growth > MAX_GROWTH:
            self.refuse("these filters together could make a text far too long", line)
        yield
        self._growth = before

    def _name(self, node: nodes.Name, sure: frozenset[str], asks: bool) -> str:
        if not _NAME.fullmatch(node.name) or node.name in RESERVED:
            return self.refuse(f"{node.name[:80]} is not a name that a variable may have", node.lineno)
        self.used.add(node.name)
        self.weight += self._growth
        if not asks and node.name not in sure:
            self.required.add(node.name)
        return variable(node.name)

    def _const(self, node: nodes.Const, sure: frozenset[str], asks: bool) -> str:
        value = node.value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return self._literal_number(value, node.lineno)
        if isinstance(value, str):
            return self._literal_text(value, node.lineno)
        return self.refuse(
            "none is not allowed in a template; test the variable alone, or with `is defined`", node.lineno
        )

    def _literal_number(self, value: int | float, line: int) -> str:
        written = repr(value) if abs(value) <= _LARGEST else "e"
        return written if "e" not in written else self.refuse("a number literal is too large or too small", line)

    def _literal_text(self, value: str, line: int) -> str:
        if len(value) > MAX_LITERAL:
            return self.refuse(f"a text literal is longer than {MAX_LITERAL:,} characters", line)
        if FORBIDDEN_CHARACTERS.search(value) or (self.single_line and not value.isprintable()):
            return self.refuse("a text literal holds a control character", line)
        return quoted(value)

    def _negative(self, node: nodes.Neg, sure: frozenset[str], asks: bool) -> str:
        inner = node.node
        if isinstance(inner, nodes.Const) and type(inner.value) in (int, float):
            return f"-{self._const(inner, sure, asks)}"
        return self.refuse("arithmetic is not allowed in a template", node.lineno)

    def _and_or(self, node: nodes.And | nodes.Or, sure: frozenset[str], asks: bool) -> str:
        """All sides but the last are tests; the last one is reached when they hold (`and`) or do not (`or`)."""
        is_and = isinstance(node, nodes.And)
        written = []
        sides = _flat(node)
        for side in sides[:-1]:
            written.append(self.read(side, sure, asks=True))
            sure |= guards(side)[0 if is_and else 1]
        written.append(self.read(sides[-1], sure, asks))
        return f"({(' and ' if is_and else ' or ').join(written)})"

    def _not(self, node: nodes.Not, sure: frozenset[str], asks: bool) -> str:
        return f"(not {self.read(node.node, sure, asks=True)})"

    def _conditional(self, node: nodes.CondExpr, sure: frozenset[str], asks: bool) -> str:
        test = self.read(node.test, sure, asks=True)
        when_true, when_false = guards(node.test)
        chosen = self.read(node.expr1, sure | when_true, asks)
        other = self.read(node.expr2, sure | when_false, asks) if node.expr2 is not None else '""'
        return f"({chosen} if {test} else {other})"

    def _concat(self, node: nodes.Concat, sure: frozenset[str], asks: bool) -> str:
        return f"({' ~ '.join(self.read(part, sure, asks) for part in node.nodes)})"

    def _test(self, node: nodes.Test, sure: frozenset[str], asks: bool) -> str:
        plain = not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
        if node.name in ("defined", "undefined") and isinstance(node.node, nodes.Name) and plain:
            return f"({self.read(node.node, sure, asks=True)} is {node.name})"
        return self.refuse("only `is defined` and `is undefined`, after a name, are allowed", node.lineno)

    def _compare(self, node: nodes.Compare, sure: frozenset[str], asks: bool) -> str:
        if len(node.ops) != 1:
            return self.refuse("write two comparisons joined by `and` instead of one chain", node.lineno)
        (operand,) = node.ops
        left = self.read(node.expr, sure, asks=True)
        if operand.op in ("in", "notin") and isinstance(operand.expr, nodes.List | nodes.Tuple):
            right = self._literal_list(operand.expr, sure)
        else:
            right = self.read(operand.expr, sure, asks=True)
        operator = _OPERATORS[operand.op]
        if operator in ("==", "!=") and isinstance(operand.expr, nodes.Const) and isinstance(operand.expr.value, str):
            return f"({left} {operator} {right})"  # the usual one: minijinja does it alone, and five times as fast
        return f"({left}|compare({quoted(operator)}, {right}))"

    def _literal_list(self, node: nodes.List | nodes.Tuple, sure: frozenset[str]) -> str:
        items = node.items
        if len(items) > MAX_LIST:
            return self.refuse(f"a list has more than {MAX_LIST} items", node.lineno)
        if not all(isinstance(item, nodes.Const | nodes.Neg) for item in items):
            return self.refuse("a list after `in` may hold only texts and numbers", node.lineno)
        return f"[{', '.join(self.read(item, sure) for item in items)}]"

    def _filter(self, node: nodes.Filter, sure: frozenset[str], asks: bool) -> str:
        if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
            return self.refuse(f"the filter {node.name} cannot be used in this way", node.lineno)
        match node.name, node.args:
            case "default", [fallback]:
                return self._default(node, fallback, False, sure, asks)
            case "default", [fallback, nodes.Const(value=bool(also_false))]:
                return self._default(node, fallback, also_false, sure, asks)
            case "truncate", [nodes.Const(value=int(length))] if 4 <= length <= 10_000:
                return f'(({self.read(node.node, sure, asks)} ~ "")|truncate(length={length}, leeway=0))'
            case "replace", [nodes.Const(value=str(old)), nodes.Const(value=str(new))] if 1 <= len(old) <= 100:
                return self._replace(node, old, new, sure, asks)
            case "first", []:
                return f'(({self.read(node.node, sure, asks)} ~ "")|first|default(""))'
            case name, [] if name in _PLAIN_FILTERS:
                with self._grown(_PLAIN_FILTERS[name], node.lineno):
                    return f"({self.read(node.node, sure, asks)}|{name})"
        return self.refuse(
            f"the filter {node.name} with these arguments is not allowed; allowed are default(value), truncate(4 to "
            f"10000), replace(text, text), first, {', '.join(_PLAIN_FILTERS)}",
            node.lineno,
        )

    def _default(
        self, node: nodes.Filter, fallback: nodes.Expr, also_false: bool, sure: frozenset[str], asks: bool
    ) -> str:
        covered = subject_of(node.node) is not None
        assert node.node is not None
        value = self.read(node.node, sure, asks or covered)
        # after another filter a missing value is an empty text, no longer undefined
        also_false = also_false or (covered and isinstance(node.node, nodes.Filter))
        return f"({value}|default({self.read(fallback, sure, asks)}, {'true' if also_false else 'false'}))"

    def _replace(self, node: nodes.Filter, old: str, new: str, sure: frozenset[str], asks: bool) -> str:
        assert node.node is not None
        if len(new) > 100:
            return self.refuse("a replacement is longer than 100 characters", node.lineno)
        with self._grown(max(1, ceil(len(new) / len(old))), node.lineno):
            value = self.read(node.node, sure, asks)
        arguments = [self._literal_text(text, node.lineno) for text in (old, new)]
        return f"({value}|replace({', '.join(arguments)}))"
