"""Plain text in our template language: blocks, comments, values and the braces of spintax come out as they are."""

import re

from caesura.domain.html_context import HtmlContext

_SPINTAX = re.compile(r"[{}]|(?<=\\)\|")
# What Jinja reads, or would together with the brace of what follows.
_TAG = re.compile(r"\{(?:[{%#]|\Z)")
# The end of a raw block is cut in two behind its brace; brackets are cut before there are as many as are refused.
_CUTS = re.compile(r"\{(?=%[-+]?\s*endraw)|(?:\(\s*){20}")
_RAW, _END_RAW = "{% raw %}", "{%+ endraw %}"


def literal(text: str, context: HtmlContext | None) -> str:
    """Text as the source of a template that renders to it, but for line ends, which are \\n.

    Of HTML, `context` is where it stands, and goes on behind it; None: plain text. Where spintax does not apply (style,
    script, comments), nothing escapes.
    """
    pieces = context.feed(text) if context else ((text, True),)
    escaped = "".join(_SPINTAX.sub(r"\\\g<0>", piece) if visible else piece for piece, visible in pieces)
    cuts = [found.end() for found in _CUTS.finditer(escaped)]
    if not cuts and _TAG.search(escaped) is None:
        return escaped
    parts = (escaped[start:end] for start, end in zip([0, *cuts], [*cuts, len(escaped)], strict=True))
    return "".join(f"{_RAW}{part}{_END_RAW}" for part in parts)
