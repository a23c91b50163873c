"""Vendors' merge fields (`{{firstName}}`) in our template language, and everything around them to the letter.

What a vendor takes for plain text may mean something here: blocks, comments, values, the braces of spintax. All of it
is written so that it comes out as it was.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from caesura.domain.html_context import HtmlContext
from caesura.domain.literals import literal
from caesura.domain.template_expressions import RESERVED

MAXIMUM_NAME_LENGTH = 64

_WORDS = RESERVED | {"and", "or", "not", "is", "in", "if", "else", "true", "false", "none"}
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "(": "\\x28"})


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
            written += [literal(source[position : found.start()], context), _put(field)]
            position = found.end()
    return "".join([*written, literal(source[position:], context)])


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
        return literal(field.choices[0], None)
    if field.choices:
        return f"{{{'|'.join(literal(choice, None) for choice in field.choices)}}}"
    if field.missing is None:
        return f"{{{{ {field.name} }}}}" if field.name is not None else ""
    missing = f'"{field.missing.translate(_ESCAPES)}"'
    if field.name is None:
        return f"{{{{ {missing} }}}}" if field.missing else ""
    return f"{{{{ {field.name} | default({missing}) }}}}"
