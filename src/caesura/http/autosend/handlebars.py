"""Handlebars, as far as it can be told in our template language: values, `#if`, `#unless`, `else`, comments.

A value that is missing renders as nothing, as Handlebars has it. All other text is literal: what our language would
read in it, such as `{%` and the braces of spintax, is escaped.
"""

import re
from collections.abc import Callable, Iterator

from caesura.domain.errors import Invalid, Problem
from caesura.domain.html_context import HtmlContext
from caesura.http import merge_fields

_TAG = re.compile(r"\{\{!--.*?--~?\}\}|\{\{\{.*?\}\}\}|\{\{.*?\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@\[\]-]*", re.ASCII)
_SIGNS = re.compile(r"[{|}]")
_JINJA = re.compile(r"\{(?=[%#{])")
_LITERAL_BRACE = '{{ "{" }}'

# Objects that the vendor's data may stand in: a lead's fields are flat.
_ROOTS = ("contact.", "customfields.", "this.", "@root.", "data.")
_UNSUBSCRIBE = frozenset({"unsubscribe", "unsubscribe_url", "unsubscribe_link"})


def field_name(name: str) -> str:
    """Our name of a lead's field: `firstName` is `first_name`. Empty where no letter or digit is left."""
    return merge_fields.field_name(name) or ""


def translate(source: str, pointer: str, html: bool) -> str:
    """A Handlebars text as one of our templates; `html` as in `compile_template`.

    Raises Invalid `template_unsupported` for `{{{...}}}`, `#each`, `#with`, partials, and helpers with arguments.
    """
    return "".join(_pieces(source, pointer, html))


def _pieces(source: str, pointer: str, html: bool) -> Iterator[str]:
    literal = _literal(html)
    place = 0
    for found in _TAG.finditer(source):
        yield literal(source[place : found.start()])
        yield _tag(source, found, pointer)
        place = found.end()
    yield literal(source[place:])


def _literal(html: bool) -> Callable[[str], str]:
    """Escapes literal text; in HTML it must be given all of it, in order, to know what is style and what is text."""
    context = HtmlContext() if html else None

    def escape(text: str) -> str:
        if context is None:
            return _escaped(text)
        return "".join(
            _escaped(part) if visible else _JINJA.sub(_LITERAL_BRACE, part) for part, visible in context.feed(text)
        )

    return escape


def _escaped(text: str) -> str:
    marked = _JINJA.sub("\x00", text)
    return _SIGNS.sub(r"\\\g<0>", marked).replace("\x00", _LITERAL_BRACE)


def _tag(source: str, found: "re.Match[str]", pointer: str) -> str:
    text = found[0]
    if text.startswith("{{!"):
        return ""
    inner = text[2:-2].strip("~").strip()
    if text.startswith("{{{") or inner.startswith("&"):
        raise _unsupported(text, pointer)
    word, _, rest = inner.partition(" ")
    rest = rest.strip()
    match word:
        case "#if" | "#unless" if _NAME.fullmatch(rest):
            test = _variable(rest)
            return _block(source, found, f"if {test}" if word == "#if" else f"if not {test}")
        case "else" | "^" if not rest:
            return _block(source, found, "else")
        case "else" if rest.startswith("if ") and _NAME.fullmatch(rest[3:].strip()):
            return _block(source, found, f"elif {_variable(rest[3:].strip())}")
        case "/if" | "/unless" if not rest:
            return _block(source, found, "endif")
    if rest or _NAME.fullmatch(word) is None:
        raise _unsupported(text, pointer)
    name = _variable(word)
    return f"{{{{ {name} }}}}" if name == "unsubscribe_url" else f'{{{{ {name} | default("") }}}}'


def _block(source: str, found: "re.Match[str]", statement: str) -> str:
    """A block that stands alone on its line takes the line with it; any other leaves all blanks as they are."""
    before = source[source.rfind("\n", 0, found.start()) + 1 : found.start()]
    after, end, _ = source[found.end() :].partition("\n")
    if not before.strip() and not after.strip() and end:
        return f"{{% {statement} %}}"
    return f"{{%+ {statement} +%}}"


def _variable(path: str) -> str:
    lowered = path.casefold()
    for root in _ROOTS:
        if lowered.startswith(root):
            path, lowered = path[len(root) :], lowered[len(root) :]
    name = field_name(path)
    return "unsubscribe_url" if name in _UNSUBSCRIBE else name or "_"


def _unsupported(tag: str, pointer: str) -> Invalid:
    detail = (
        f"{tag[:60]} is not supported: there are {{{{name}}}}, {{{{#if name}}}}, {{{{#unless name}}}}, {{{{else}}}}"
    )
    return Invalid.of(Problem("template_unsupported", detail, pointer))
