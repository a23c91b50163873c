"""A message as it goes over the wire: compiled once per step variant, filled per lead.

The subject and both bodies share one call into the template engine, and all that does not depend on the lead (the
literal text, already in its transfer encoding, and the sender's field) is kept as bytes.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from msgspec import Struct

from caesura.domain import headers, html_text, mime
from caesura.domain.errors import Invalid, Problem
from caesura.domain.template_tree import Node, Text, write
from caesura.domain.templates import MAX_OUTPUT, Fields, FieldValue, Program, Template, assemble, compile_template
from caesura.domain.unsendable import EmptySubject, OutputTooLarge

AUTOMATIC = frozenset({"unsubscribe_url"})
MAX_REFERENCES = 20
MAX_SUBJECT = 998  # characters

_OWN_ID = re.compile(r"<([0-9]{1,18})\.([0-9]{1,4})[.@]", re.ASCII)
_REPLY = re.compile(r"re\s*:", re.I)
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*", re.I
)


class Letter(Struct, frozen=True, gc=False, kw_only=True):
    """All that is particular to one message.

    Addresses are canonical: the local part may be UTF-8, the domain is ASCII (A-labels). `date` is aware. `seed`
    (numbers and strings) decides the options of spintax. A follow-up has `in_reply_to` and `references` (oldest
    first), all in angle brackets, and `thread_subject`, the first message's subject as it was sent; that is used, with
    "Re: ", where the variant has no subject of its own. `unsubscribe_url` is also a variable of the templates.
    """

    sender_name: str | None
    sender_address: str
    recipient_name: str | None
    recipient_address: str
    message_id: str
    date: datetime
    fields: Mapping[str, FieldValue]
    seed: tuple[object, ...] = ()
    reply_to: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    thread_subject: str | None = None
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None
    extra_headers: tuple[tuple[str, str], ...] = ()


class Composed(Struct, frozen=True, gc=False):
    """A message ready for the wire.

    `content` has CRLF line ends and lines of at most 998 octets, no dot-stuffing and no final dot. It is ASCII unless
    `smtputf8`: then an address has a local part that is not, and the server must offer SMTPUTF8 (RFC 6531).
    """

    content: bytes
    smtputf8: bool
    subject: str

    @property
    def size(self) -> int:
        """In octets, as for SIZE (RFC 1870)."""
        return len(self.content)


@dataclass(frozen=True, slots=True)
class CompiledVariant:
    """A step variant, checked and compiled.

    `required` are the fields that a lead must have, `optional` those that it may have; what Caesura fills in itself
    (`unsubscribe_url`) is in neither. `text` was derived from `html` if the author gave none.
    """

    subject: Template | None
    html: Template | None
    text: Template | None
    required: frozenset[str]
    optional: frozenset[str]
    _program: Program = field(repr=False, compare=False)
    _subject: tuple[mime.Segment, ...] = field(repr=False, compare=False)
    _parts: tuple[mime.Part, ...] = field(repr=False, compare=False)
    _body: tuple[mime.Segment, ...] = field(repr=False, compare=False)
    _bound: tuple[int, int] = field(repr=False, compare=False)  # characters of literal text; the most uses of a value

    def missing(self, fields: Fields) -> tuple[str, ...]:
        """The required fields for which a lead has no value, or a blank one, sorted: a lead with any is held."""
        return tuple(name for name in self._program.missing(fields) if name not in AUTOMATIC)


class _Sources:
    """The dynamic nodes of several templates, each different one once."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self._places: dict[str, int] = {}

    def segments(self, template: Template) -> Iterator[mime.Segment]:
        for node in template.nodes:
            if isinstance(node, Text):
                yield node.value
            else:
                yield self._place(node, template)

    def _place(self, node: Node, template: Template) -> int:
        source = write((node,), template.html, template.scope)
        if source not in self._places:
            self._places[source] = len(self.sources)
            self.sources.append(source)
        return self._places[source]


def compile_variant(subject: str | None, html: str | None, text: str | None, pointer: str) -> CompiledVariant:
    """Check and compile the sources of a variant.

    A blank source is as good as none. Without `text`, the text part is derived from the HTML (an HTML without any
    words goes alone); without `html`, the message is plain text. Without `subject` only follow-ups can be composed.
    Raises Invalid with all problems, under `pointer`/subject, /html and /text: those of `compile_template`,
    `step_without_content`, and `text_part_underivable` if the author must write the text.
    """
    problems: list[Problem] = []
    subject_template = _compiled(subject, f"{pointer}/subject", problems, single_line=True)
    html_template = _compiled(html, f"{pointer}/html", problems, autoescape=True)
    text_template = _compiled(text, f"{pointer}/text", problems)
    if not (html or "").strip() and not (text or "").strip():
        problems.append(Problem("step_without_content", "a step needs an HTML or a text part", pointer=pointer))
    if html_template and not (text or "").strip():
        text_template = _derived(html_template, f"{pointer}/text", problems)
    if problems:
        raise Invalid.of(*problems)
    return _assembled(subject_template, html_template, text_template)


def _compiled(
    source: str | None, pointer: str, problems: list[Problem], autoescape: bool = False, single_line: bool = False
) -> Template | None:
    if source is None or not source.strip():
        return None
    source = source.strip() if single_line else source
    if single_line and not source.isprintable():
        detail = "a subject is one line, without tabs and other control characters"
        problems.append(Problem("template_forbidden", detail, pointer=pointer))
        return None
    try:
        return compile_template(source, pointer, autoescape, single_line)
    except Invalid as error:
        problems += error.problems
        return None


def _derived(html: Template, pointer: str, problems: list[Problem]) -> Template | None:
    try:
        nodes = html_text.derive(html.nodes)
    except html_text.Underivable as error:
        detail = f"no text part could be made from the HTML ({error}): write one"
        problems.append(Problem("text_part_underivable", detail, pointer=pointer))
        return None
    if all(isinstance(node, Text) and not node.value.strip() for node in nodes):
        return None
    return assemble(nodes, html.required, html.optional, False, html.scope, html.weight)


def _assembled(subject: Template | None, html: Template | None, text: Template | None) -> CompiledVariant:
    sources = _Sources()
    subject_segments = tuple(sources.segments(subject)) if subject else ()
    parts: list[mime.Part] = []
    body: list[mime.Segment] = []
    for subtype, template in (("plain", text), ("html", html)):
        if template:
            segments = tuple(sources.segments(template))
            parts.append(mime.part(subtype, segments))
            body += segments
    templates = [template for template in (subject, text, html) if template]
    required = frozenset[str]().union(*(template.required for template in templates))
    names = required.union(*(template.optional for template in templates))
    groups = frozenset[tuple[str, int]]().union(*(template.groups for template in templates))
    weight = sum(template.weight for template in templates)
    literal = sum(len(segment) for segment in body if isinstance(segment, str))
    most_uses = max(Counter(segment for segment in body if isinstance(segment, int)).values(), default=1)
    return CompiledVariant(
        subject=subject,
        html=html,
        text=text,
        required=required - AUTOMATIC,
        optional=names - required - AUTOMATIC,
        _program=Program(sources.sources, names, required, groups, weight),
        _subject=subject_segments,
        _parts=tuple(parts),
        _body=tuple(body),
        _bound=(literal, most_uses),
    )


def compose(
    variant: CompiledVariant,
    letter: Letter,
    cc: Sequence[tuple[str | None, str]] = (),
    files: Sequence[mime.FilePart] = (),
) -> Composed:
    """The message for one lead: the same bytes whenever it is asked for the same.

    `cc` has names and addresses, `files` parts as `enclosures.mime_part` makes them.

    Raises a kind of Unsendable, by which the lead is held: MissingVariable, UnusableField, OutputTooLarge (the parts
    together over 1,000,000 characters, a subject over 998), HeaderInjection, EmptySubject. Raises Invalid for extra
    headers that `headers.check_extra` refuses.
    """
    automatic: dict[str, FieldValue] = {"unsubscribe_url": letter.unsubscribe_url or ""}
    values = variant._program.run(letter.fields, letter.seed, automatic)
    literal, most_uses = variant._bound
    if literal + most_uses * sum(map(len, values)) > MAX_OUTPUT:
        _check_size(variant, values)
    subject = _subject_of(variant, letter, values)
    head = _head(letter, subject)
    if files:
        body = _with_files(variant, values, files, letter.message_id)
    else:
        body = mime.multipart(variant._parts, values, letter.message_id)
    if cc:
        head += headers.addresses("Cc", cc)
    content = head.encode() + body
    return Composed(content, not head.isascii(), subject)


def _with_files(variant: CompiledVariant, values: list[str], files: Sequence[mime.FilePart], message_id: str) -> bytes:
    """Files that the HTML shows stand beside it; where there is none, they are attached like all others."""
    shown = [one.data for one in files if one.is_shown and variant.html]
    attached = [one.data for one in files if not (one.is_shown and variant.html)]
    if shown:
        body = mime.multipart_showing(variant._parts, values, shown, message_id)
    else:
        body = mime.multipart(variant._parts, values, message_id)
    return mime.mixed(body, attached, message_id) if attached else body


def _check_size(variant: CompiledVariant, values: list[str]) -> None:
    if sum(len(values[one] if isinstance(one, int) else one) for one in variant._body) > MAX_OUTPUT:
        raise OutputTooLarge("the body", MAX_OUTPUT)


def _subject_of(variant: CompiledVariant, letter: Letter, values: list[str]) -> str:
    if variant.subject is not None:
        subject = "".join([values[one] if isinstance(one, int) else one for one in variant._subject])
    else:
        subject = letter.thread_subject or ""
    if len(subject) > MAX_SUBJECT:
        raise OutputTooLarge("the subject", MAX_SUBJECT)
    headers.check("Subject", subject)  # before anything is stripped: a line break at the end is refused as well
    subject = subject.strip()
    if not subject:
        raise EmptySubject
    return subject if variant.subject is not None or _REPLY.match(subject) else f"Re: {subject}"


def _head(letter: Letter, subject: str) -> str:
    """The header but for its Content fields."""
    fields = [
        headers.date(letter.date),
        headers.identifiers("Message-ID", (letter.message_id,)),
        headers.sender("From", letter.sender_name, letter.sender_address),
        headers.address("To", letter.recipient_name, letter.recipient_address),
        headers.text("Subject", subject),
    ]
    if letter.reply_to is not None:
        fields.append(headers.sender("Reply-To", None, letter.reply_to))
    if letter.in_reply_to is not None:
        fields.append(headers.identifiers("In-Reply-To", (letter.in_reply_to,)))
    if references := letter.references:
        if len(references) > MAX_REFERENCES:  # the root and the latest keep a thread together
            references = (references[0], *references[1 - MAX_REFERENCES :])
        fields.append(headers.identifiers("References", references))
    fields.append(headers.unsubscribe(letter.unsubscribe_url, letter.unsubscribe_mailto))
    fields.append(headers.extra(letter.extra_headers))
    fields.append("MIME-Version: 1.0\r\n")
    return "".join(fields)


def message_id(secret: bytes, workspace: int, enrollment: int, step: int, domain: str) -> str:
    """The Message-ID of a step to an enrollment, in angle brackets: the same for every retry, and not to be guessed.

    What it is about stands in it (`named_by`), so that an answer finds its message without an index of all there were.
    `secret` is 16 to 64 bytes (ValueError). `domain` is ASCII; raises Invalid `domain_invalid` otherwise.
    """
    if not 16 <= len(secret) <= 64:
        raise ValueError("the secret for message ids has 16 to 64 bytes")
    digest = blake2b(b"%d.%d.%d" % (workspace, enrollment, step), key=secret, digest_size=16, person=b"message-id")
    return f"<{enrollment}.{step}.{digest.hexdigest()}@{_host(domain)}>"


def named_by(message_id: str) -> tuple[int, int] | None:
    """The (enrollment, step) that a Message-ID of ours stands for; None for one that is none of ours.

    Anybody can write such numbers: whose message it is, the whole of it must tell.
    """
    found = _OWN_ID.match(message_id)
    return (int(found[1]), int(found[2])) if found else None


@lru_cache(maxsize=4096)  # a mailbox sends many messages
def _host(domain: str) -> str:
    if not _DOMAIN.fullmatch(domain):
        raise Invalid.of(Problem("domain_invalid", "the domain of a message id is not a domain name in ASCII"))
    return domain.lower()
