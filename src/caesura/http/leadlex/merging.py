"""The vendor's merge variables in our templates. A lead without a value gets nothing in its place."""

import re

from caesura.http.merge_fields import MergeField, field_name, translated

# The older pages have other names for some.
_OURS = {"name": "first_name", "title": "job_title", "company_name": "company"}
_TOKEN = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_ .-]{0,63}?)\s*\}\}")
_HTML = re.compile(r"</?[a-zA-Z][^<>]*>|<!--|<!DOCTYPE", re.IGNORECASE)


def is_html(body: str) -> bool:
    """Whether a body has a tag in it."""
    return _HTML.search(body) is not None


def merged(source: str, html: bool) -> str:
    """The template of ours that renders as `source` would."""
    return translated(source, _TOKEN, _meaning, html)


def content(subject: str, body: str) -> dict[str, str]:
    """The only variant of a step."""
    html = is_html(body)
    return {"subject": merged(subject, False), "html" if html else "text": merged(body, html)}


def _meaning(token: re.Match[str]) -> MergeField:
    name = field_name(token[1])
    return MergeField(_OURS.get(name, name) if name else None)
