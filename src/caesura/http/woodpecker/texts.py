"""The vendor's tokens in subjects and messages, in our template language.

`{{FIRST_NAME | "there"}}` has a fallback. Without one the vendor does not write to a prospect whose value is missing,
and neither do we: the lead is held. `{{SPINTAX | "Hi" | "Hello"}}` is one of its options.
"""

import html as entities
import re

from caesura.http.door import Refusal
from caesura.http.merge_fields import MergeField, field_name, translated

_QUOTED = r'(?:"[^"]*"|&quot;.*?&quot;)'
_TOKEN = re.compile(
    r"\{\{\s*(?:CLICK\s*=\s*(?P<url>[^{}]*?)|(?P<name>[A-Z][A-Z0-9_]*)(?P<options>(?:\s*\|\s*"
    + _QUOTED
    + r")*))\s*\}\}"
)
_OPTION = re.compile(_QUOTED)
_SNIPPET = re.compile(r"SNIPPET_?(\d{1,2})")
_NAMES = {"TITLE": "job_title", "UNSUBSCRIBE": "unsubscribe_url", "EMAIL": "email"}


def template(source: str, html: bool) -> str:
    """A text of the vendor's as the source of a template of ours."""

    def meaning(found: re.Match[str]) -> MergeField | None:
        url, name = found["url"], found["name"]
        if url is not None:  # the link itself: clicks are not counted
            return MergeField(None, entities.unescape(url) if html else url)
        options = [_unquoted(one) for one in _OPTION.findall(found["options"])]
        if name == "SPINTAX":
            return _spintax(options)
        fallback = options[0] if options else None
        return MergeField(_field(name), entities.unescape(fallback) if fallback and html else fallback)

    return translated(source, _TOKEN, meaning, html)


def _unquoted(option: str) -> str:
    return option[1:-1] if option.startswith('"') else option.removeprefix("&quot;").removesuffix("&quot;")


def _spintax(options: list[str]) -> MergeField | None:
    if any("{{" in option for option in options):
        raise Refusal(409, "", "This is not supported here: tokens inside SPINTAX.")
    return MergeField(None, choices=tuple(options)) if options else None


def _field(name: str) -> str | None:
    snippet = _SNIPPET.fullmatch(name)
    return f"snippet{snippet[1]}" if snippet else _NAMES.get(name) or field_name(name)
