"""The vendor's merge variables in our templates. A lead without a value gets nothing in its place."""

import re

from caesura.domain.html_context import HtmlContext, Place
from caesura.http.merge_fields import MergeField, field_name, translated

# The older pages have other names for some.
_OURS = {"name": "first_name", "title": "job_title", "company_name": "company"}
_TOKEN = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_ .-]{0,63}?)\s*\}\}")
_HTML = re.compile(r"</?[a-zA-Z][^<>]*>|<!--|<!DOCTYPE", re.IGNORECASE)

# The first line end behind a tag is not part of the text.
_FOOTER_TEXT = "{% if unsubscribe_url %}\n\n\nUnsubscribe: {{ unsubscribe_url }}{% endif %}"
_FOOTER_HTML = '{% if unsubscribe_url %}<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>{% endif %}'


def is_html(body: str) -> bool:
    """Whether a body has a tag in it."""
    return _HTML.search(body) is not None


def merged(source: str, html: bool) -> str:
    """The template of ours that renders as `source` would."""
    return translated(source, _TOKEN, _meaning, html)


def content(subject: str, body: str, has_footer: bool = False) -> dict[str, str]:
    """The only variant of a step; the footer has the lead's unsubscribe link, where this installation has one."""
    html = is_html(body)
    written = merged(body, html)
    if has_footer:
        written = _with_footer(written) if html else written + _FOOTER_TEXT
    return {"subject": merged(subject, False), "html" if html else "text": written}


def _with_footer(html: str) -> str:
    """Before the body ends. HTML that ends within a tag or a comment gets none: nobody would see it."""
    lowered = html.lower()
    ends = [place for end in ("</body", "</html") if (place := lowered.rfind(end)) >= 0]
    place = min(ends, default=len(html))
    context = HtmlContext()
    for _ in context.feed(html[:place]):
        pass
    if context.place is not Place.TEXT:
        return html
    return f"{html[:place]}{_FOOTER_HTML}{html[place:]}"


def _meaning(token: re.Match[str]) -> MergeField:
    name = field_name(token[1])
    return MergeField(_OURS.get(name, name) if name else None)
