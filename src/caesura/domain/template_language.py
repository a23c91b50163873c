"""The language of templates: Jinja2's syntax, cut down to what a message needs, read into a tree or refused.

An author can print values, filter them and branch on them (`template_expressions`), write comments and raw blocks,
and choose texts by spintax. There is nothing that repeats, calls, assigns or loads.
"""

import re
from collections.abc import Iterable
from itertools import count

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from caesura.domain import spintax
from caesura.domain.errors import Invalid, Problem
from caesura.domain.html_context import HtmlContext, Place
from caesura.domain.template_expressions import MAX_PROBLEMS, Expressions, guards, words_for
from caesura.domain.template_tree import FORBIDDEN_CHARACTERS, Branch, Node, Put, Spin, Text

MAX_SOURCE = 500_000  # characters
MAX_TAGS = 5_000
MAX_NESTING = 20  # of branches and spintax groups
MAX_CONDITION = 2_000  # characters

# Brackets leave no trace in the tree, where depth is limited; how many of them Jinja2's parser bears depends on the
# caller's stack, and what was saved must also compile in a worker.
_BRACKETS = re.compile(r"(?:\(\s*){30}")

# A block tag alone on its line leaves no empty line behind.
_GRAMMAR = Environment(keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True)
# SyntaxError: Jinja2 takes the digits of any script for a number's, and Python's own reader then does not.
_UNREADABLE = (TemplateSyntaxError, RecursionError, ValueError, OverflowError, SyntaxError)
_NOTHING: frozenset[str] = frozenset()


class _Body:
    """Reads the bodies of one template."""

    def __init__(self, expressions: Expressions, html: bool) -> None:
        self.expressions = expressions
        self.context = HtmlContext() if html else None
        self.indexes = count()
        self.depth = 0

    def read(self, statements: Iterable[nodes.Node], sure: frozenset[str]) -> tuple[Node, ...]:
        """Spintax is looked for body by body, so a group cannot straddle the end of a branch."""
        self.depth += 1
        tokens: list[spintax.Run | spintax.Atom[Node]] = []
        for statement in statements:
            if self.depth > MAX_NESTING:
                self.expressions.refuse(f"branches are nested more than {MAX_NESTING} deep", statement.lineno)
            elif isinstance(statement, nodes.Output):
                for node in statement.nodes:
                    tokens += self._text(node) if isinstance(node, nodes.TemplateData) else [self._value(node, sure)]
            elif isinstance(statement, nodes.If):
                tokens.append(spintax.Atom(self._branch(statement, sure)))
            else:
                self.expressions.refuse(f"{words_for(statement)} is not allowed in a template", statement.lineno)
        self.depth -= 1
        return self._spin(tokens)

    def _spin(self, tokens: list[spintax.Run | spintax.Atom[Node]]) -> tuple[Node, ...]:
        try:
            pieces = spintax.parse(tokens, self.expressions.pointer, self.indexes)
        except Invalid as error:
            self.expressions.problems += error.problems
            return ()
        return tuple(map(_node, pieces))

    def _text(self, data: nodes.TemplateData) -> list[spintax.Run | spintax.Atom[Node]]:
        if self.context is None:
            return [spintax.Run(data.data, data.lineno)]
        tokens: list[spintax.Run | spintax.Atom[Node]] = []
        line = data.lineno
        for text, visible in self.context.feed(data.data):
            tokens.append(spintax.Run(text, line) if visible else spintax.Atom(Text(text)))
            line += text.count("\n")
        return tokens

    def _value(self, node: nodes.Expr, sure: frozenset[str]) -> spintax.Atom[Node]:
        place = self.context.place if self.context else Place.TEXT
        if place is Place.TAG:
            self.expressions.refuse("a value inside a tag must be within quotes", node.lineno)
        elif place is Place.SCRIPT:
            self.expressions.refuse("a value inside a script element is not allowed", node.lineno)
        return spintax.Atom(Put(self.expressions.read(node, sure)))

    def _branch(self, statement: nodes.If, sure: frozenset[str]) -> Branch:
        arms: list[tuple[str | None, tuple[Node, ...]]] = []
        for one in (statement, *statement.elif_):
            assert isinstance(one.test, nodes.Expr)  # Jinja2 says only that it is a node
            when_true, when_false = guards(one.test)
            test = self.expressions.read(one.test, sure, asks=True)
            arms.append((test, self.read(one.body, sure | when_true)))
            sure |= when_false
        if statement.else_:
            arms.append((None, self.read(statement.else_, sure)))
        return Branch(tuple(arms))


def _node(piece: spintax.Piece[Node]) -> Node:
    match piece:
        case str():
            return Text(piece)
        case spintax.Atom(value):
            return value
        case spintax.Group(index, options):
            return Spin(index, tuple(tuple(map(_node, option)) for option in options))


def read_template(source: str, expressions: Expressions, html: bool) -> tuple[Node, ...]:
    """The tree of a source. Raises Invalid with every problem found (at most 20): see `templates.compile_template`."""
    _check_size(source, expressions.pointer)
    _check_text(source, expressions.pointer)
    try:
        tree = _GRAMMAR.parse(source)
    except _UNREADABLE as error:
        raise _refusal(error, expressions.pointer) from None
    read = _Body(expressions, html).read(tree.body, _NOTHING)
    _raise(expressions)
    return read


def read_condition(source: str, expressions: Expressions) -> str:
    """The expression of a condition, for minijinja. Raises Invalid as `read_template` does."""
    if len(source) > MAX_CONDITION:
        detail = f"a condition is longer than {MAX_CONDITION:,} characters"
        raise Invalid.of(Problem("template_too_large", detail, pointer=expressions.pointer))
    _check_text(source, expressions.pointer)
    try:
        parser = Parser(_GRAMMAR, source, state="variable")
        node = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail("the condition goes on after its end", parser.stream.current.lineno)
    except _UNREADABLE as error:
        raise _refusal(error, expressions.pointer) from None
    read = expressions.read(node, _NOTHING, asks=True)
    _raise(expressions)
    return read


def _check_size(source: str, pointer: str) -> None:
    if len(source) > MAX_SOURCE:
        detail = f"the template is longer than {MAX_SOURCE:,} characters"
        raise Invalid.of(Problem("template_too_large", detail, pointer=pointer))
    if source.count("{{") + source.count("{%") > MAX_TAGS:
        detail = f"the template has more than {MAX_TAGS:,} tags"
        raise Invalid.of(Problem("template_too_large", detail, pointer=pointer))


def _check_text(source: str, pointer: str) -> None:
    if found := _BRACKETS.search(source):
        line = source.count("\n", 0, found.start()) + 1
        detail = "the template has 30 opening brackets in a row"
        raise Invalid.of(Problem("template_forbidden", detail, pointer=pointer, line=line))
    if found := FORBIDDEN_CHARACTERS.search(source):
        line = source.count("\n", 0, found.start()) + 1
        detail = f"the template holds the character U+{ord(found[0]):04X}, which is not text"
        raise Invalid.of(Problem("template_forbidden", detail, pointer=pointer, line=line))


def _refusal(error: Exception, pointer: str) -> Invalid:
    """What Jinja2's parser cannot read, or will not: a number of 5,000 digits, 3,000 open brackets."""
    if isinstance(error, TemplateSyntaxError):
        detail = error.message or "the template cannot be read"
        return Invalid.of(Problem("template_syntax", detail, pointer=pointer, line=error.lineno))
    if isinstance(error, RecursionError):
        return Invalid.of(Problem("template_forbidden", "the template is nested far too deep", pointer=pointer))
    return Invalid.of(Problem("template_forbidden", "a number or text literal cannot be read", pointer=pointer))


def _raise(expressions: Expressions) -> None:
    if expressions.problems:
        raise Invalid.of(*expressions.problems[:MAX_PROBLEMS])
