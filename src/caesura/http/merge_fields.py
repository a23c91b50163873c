"""Vendors' merge fields (`{{firstName}}`) in our template language, and everything around them to the letter.

What a vendor takes for plain text may mean something here: blocks, comments, values, the braces of spintax. All of it
is written so that it comes out as it was.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from caesura.domain.html_context import HtmlContext
from caesura.domain.template_expressions import RESERVED

MAXIMUM_NAME_LENGTH = 64

_WORDS = RESERVED | {"and", "or", "not", "is", "in", "if", "else", "true", "false", "none"}
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")

_SPINTAX = re.compile(r"[{}]|(?<=\\)\|")
# What Jinja reads, or would together with the brace of what follows.
_TAG = re.compile(r"\{(?:[{%#]|\Z)")
# The end of a raw block is cut in two behind its brace; brackets are cut before there are as many as are refused.
_CUTS = re.compile(r"\{(?=%[-+]?\s*endraw)|(?:\(\s*){20}")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "(": "\\x28"})
_RAW, _END_RAW = "{% raw %}", "{%+ endraw %}"


@dataclass(frozen=True, slots=True)
class MergeField:
    """What a token stands for: one of our fields (None: nothing that a lead can have), and the text to write where a
    lead has no value for it, or a blank one; None: such a lead is held. Or, by `choices`, one of several texts."""

    name: str | None
    missing: str | None = ""
    choices: tuple[str, ...] = ()


def translated(
    source: str, token: re.Pattern[str], meaning: Callable[[re.Match[str]], MergeField | None], html: bool
) -> str:
    """The source of a template of ours that renders as the vendor would have rendered `source`.

    `token` finds the vendor's tokens, `meaning` says what one stands for: None is no token, but text. All else
    comes out unchanged but for line ends, which are \\n. With `html`, values and missing texts are escaped. What no
    template may hold (control characters, a value in a script, or in a tag without quotes) is for `compile_template` to
    refuse.
    """
    context = HtmlContext() if html else None
    written, position = [], 0
    for found in token.finditer(source):
        field = meaning(found)
        if field is not None:
            written += [_literal(source[position : found.start()], context), _put(field)]
            position = found.end()
    return "".join([*written, _literal(source[position:], context)])


def field_name(text: str) -> str | None:
    """Our name for a vendor's lead field: `firstName`, `FIRST_NAME` and `First Name` are `first_name`.

    A name that no template could use gets something before or behind it. None where nothing is left of the text.
    """
    name = _BETWEEN.sub("_", _HUMPS.sub("_", text).lower()).strip("_")
    if not name:
        return None
    if name[0].isdigit():
        name = f"field_{name}"
    return f"{name}_" if name in _WORDS else name[:MAXIMUM_NAME_LENGTH].rstrip("_")


def _put(field: MergeField) -> str:
    if len(field.choices) == 1:
        return _literal(field.choices[0], None)
    if field.choices:
        return f"{{{'|'.join(_literal(choice, None) for choice in field.choices)}}}"
    if field.missing is None:
        return f"{{{{ {field.name} }}}}" if field.name is not None else ""
    missing = f'"{field.missing.translate(_ESCAPES)}"'
    if field.name is None:
        return f"{{{{ {missing} }}}}" if field.missing else ""
    return f"{{{{ {field.name} | default({missing}) }}}}"


def _literal(text: str, context: HtmlContext | None) -> str:
    """Text as a source that renders to it; where spintax does not apply (style, script, comments), nothing escapes."""
    pieces = context.feed(text) if context else ((text, True),)
    escaped = "".join(_SPINTAX.sub(r"\\\g<0>", piece) if visible else piece for piece, visible in pieces)
    cuts = [found.end() for found in _CUTS.finditer(escaped)]
    if not cuts and _TAG.search(escaped) is None:
        return escaped
    parts = (escaped[start:end] for start, end in zip([0, *cuts], [*cuts, len(escaped)], strict=True))
    return "".join(f"{_RAW}{part}{_END_RAW}" for part in parts)
