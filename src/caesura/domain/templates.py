"""Templates and conditions: checked when they are saved, compiled once, filled per lead in microseconds.

The language is in `template_language`. A value that is missing or blank never leaves a hole: either the template says
what to write instead (`default`, `or`, `if`), or rendering raises MissingVariable.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TypeAlias

from minijinja import TemplateError

from caesura.domain import spintax
from caesura.domain.template_expressions import Expressions
from caesura.domain.template_language import read_condition, read_template
from caesura.domain.template_tree import (
    Branch,
    Node,
    Spin,
    Text,
    combinations,
    draw_name,
    environment,
    variable,
    walk,
    write,
)
from caesura.domain.unsendable import MissingVariable, OutputTooLarge, Unsendable, UnusableField

FieldValue: TypeAlias = str | int | float | bool
Fields: TypeAlias = Mapping[str, FieldValue]

MAX_OUTPUT = 1_000_000  # characters
_MAX_WORK = 16_000_000  # characters that filling could make before it is measured; refused unrendered above
_MAX_INT = 2**127
_SURROGATES = re.compile("[\ud800-\udfff]")  # JSON can spell them, UTF-8 cannot
_SEPARATOR = "\x1e"
_NO_FIELDS: Fields = {}


class Program:
    """Several checked sources with one call into minijinja for all of them, since the call costs more than a value.

    `names` are the fields it may need, `required` those without which it does not run, `groups` the spintax groups as
    (scope, index), `weight` bounds how many times the longest field can come out.
    """

    __slots__ = ("_draws", "_environment", "_names", "_required", "_sources", "_weight")

    def __init__(
        self,
        sources: Sequence[str],
        names: Iterable[str],
        required: Iterable[str],
        groups: Iterable[tuple[str, int]],
        weight: int,
    ) -> None:
        self._sources = tuple(sources)
        self._names = tuple((name, variable(name)) for name in sorted(names))
        self._required = tuple(sorted(required))
        self._draws = tuple((draw_name(scope, index), scope, index) for scope, index in sorted(set(groups)))
        self._weight = weight
        self._environment = environment()
        self._environment.add_template("all", _SEPARATOR.join(self._sources))

    def run(self, fields: Fields, seed: Sequence[object] = (), automatic: Fields = _NO_FIELDS) -> list[str]:
        """What each source renders to; `automatic` values go before fields. Raises the kinds of Unsendable."""
        context = self._context(fields, automatic)
        if self._draws:
            sealed = spintax.seal(*seed)
            for name, scope, index in self._draws:
                context[name] = spintax.draw(sealed, index, scope)
        try:
            rendered = self._environment.render_template("all", **context).split(_SEPARATOR)
            if len(rendered) != len(self._sources):  # a field holds the separator
                rendered = [self._environment.render_str(source, **context) for source in self._sources]
        except TemplateError as error:
            raise Unsendable("template_failed", f"the template fails for this lead: {error.message}") from None
        return rendered

    def missing(self, fields: Fields) -> tuple[str, ...]:
        """The required names for which there is no value, or a blank one."""
        return tuple(name for name in self._required if not _has_value(fields.get(name)))

    def _context(self, fields: Fields, automatic: Fields) -> dict[str, FieldValue]:
        context: dict[str, FieldValue] = {}
        longest = 0
        for name, key in self._names:
            value = automatic[name] if name in automatic else fields.get(name)
            if type(value) is str:
                if value and not value.isspace():
                    context[key] = value
                    if len(value) > longest:
                        longest = len(value)
                    if not value.isascii() and _SURROGATES.search(value):
                        raise UnusableField(name, "it is not Unicode text")  # minijinja would drop it without a word
            elif value is not None:
                context[key] = _checked(name, value)
        if len(context) < len(self._names):
            missing = [name for name in self._required if variable(name) not in context]
            if missing:
                raise MissingVariable(missing)
        if longest * self._weight > _MAX_WORK:
            raise OutputTooLarge("the text", MAX_OUTPUT)
        return context


def _has_value(value: FieldValue | None) -> bool:
    return value is not None and not (isinstance(value, str) and (not value or value.isspace()))


def _checked(name: str, value: object) -> FieldValue:
    """Only the plain types get in: a subclass could bring its own idea of how it is written."""
    if type(value) is bool:
        return value
    if type(value) is int and -_MAX_INT <= value < _MAX_INT:
        return value
    if type(value) is float and isfinite(value):
        return value
    raise UnusableField(name, f"a {type(value).__name__} that is not a text, a number or a truth value of usual size")


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template. `required` and `optional` are its variables: see `compile_template`."""

    nodes: tuple[Node, ...]
    required: frozenset[str]
    optional: frozenset[str]
    html: bool
    scope: str
    weight: int
    _program: Program = field(repr=False, compare=False)

    @property
    def combinations(self) -> int:
        """How many texts spintax can make out of it for one lead, at most."""
        return combinations(self.nodes)

    @property
    def groups(self) -> frozenset[tuple[str, int]]:
        """Its spintax groups as (scope, index)."""
        return frozenset((self.scope, node.index) for node in walk(self.nodes) if isinstance(node, Spin))

    def missing(self, fields: Fields) -> tuple[str, ...]:
        """The required variables for which a lead has no value, or a blank one, sorted."""
        return self._program.missing(fields)

    def render(self, fields: Fields, *seed: object) -> str:
        """The text for a lead; line ends are \\n. `seed` (numbers, strings) decides the options of spintax.

        Raises MissingVariable, UnusableField, OutputTooLarge (over 1,000,000 characters) or Unsendable.
        """
        (text,) = self._program.run(fields, seed)
        if len(text) > MAX_OUTPUT:
            raise OutputTooLarge("the text", MAX_OUTPUT)
        return text


def compile_template(source: str, pointer: str, autoescape: bool, single_line: bool = False) -> Template:
    """Check and compile a source. With `autoescape` it is HTML; with `single_line` it is a subject.

    A variable is optional if every use of it is one of these: under `default` (filters between allowed), a side of
    `or` or `and` that is not the last, a test (of `if`, `elif`, `a if b`, `not`, a comparison), or inside a branch
    that is reached only when the variable has a value, as told by its test: the variable itself, `x is defined`, a
    comparison with a literal, or these under `and`, `or`, `not`. All other variables are required. A variable that is
    in one option of a spintax group counts as used, whichever option a lead gets.

    Blocks alone on a line leave no blank line. In HTML, values are escaped, must be in quotes inside a tag and may not
    be in a script; spintax does not apply in style, script and comments.

    Raises Invalid with at most 20 problems, each with the pointer and, where there is one, the line: `template_syntax`,
    `template_forbidden`, `template_too_large` (500,000 characters, 5,000 tags), `spintax_unbalanced`,
    `spintax_too_deep`, `spintax_too_many`.
    """
    expressions = Expressions(pointer, single_line)
    nodes = read_template(source, expressions, html=autoescape)
    required = frozenset(expressions.required)
    optional = frozenset(expressions.used) - required
    scope = "subject" if single_line else "body"
    return assemble(nodes, required, optional, autoescape, scope, expressions.weight)


def assemble(
    nodes: tuple[Node, ...], required: frozenset[str], optional: frozenset[str], html: bool, scope: str, weight: int
) -> Template:
    """A template out of a tree that was checked already."""
    groups = ((scope, node.index) for node in walk(nodes) if isinstance(node, Spin))
    program = Program([write(nodes, html, scope)], required | optional, required, groups, weight)
    return Template(nodes, required, optional, html, scope, weight, program)


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition; `variables` are the fields that it looks at."""

    variables: frozenset[str]
    _program: Program = field(repr=False, compare=False)

    def holds(self, fields: Fields) -> bool:
        """Whether it is true for a lead. A missing or blank field is false, and equal to nothing.

        Raises UnusableField or OutputTooLarge for fields that no template could use either.
        """
        return self._program.run(fields) == ["1"]


def compile_condition(expression: str, pointer: str) -> Condition:
    """Check and compile an expression such as `country == "DE" and employees > 10`.

    A field that looks like a number is compared as one with numbers. Raises Invalid as `compile_template` does; the
    limit is 2,000 characters.
    """
    expressions = Expressions(pointer, single_line=False)
    test = read_condition(expression, expressions)
    names = frozenset(expressions.used)
    source = write([Branch(((test, (Text("1"),)),))], html=False, scope="body")
    return Condition(names, Program([source], names, (), (), expressions.weight))
