"""Files and headers of mails, and those who get copies of them, as this vendor writes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from caesura.domain.enclosures import (
    MAXIMUM_ATTACHMENTS,
    Attachment,
    AttachmentDefinition,
    Copy,
    CopyDefinition,
    check_attachments,
    read_copies,
)
from caesura.domain.errors import Invalid, Problem
from caesura.domain.headers import check_extra
from caesura.domain.validation import validate
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.values import Body

_FIELDS = {"name": "fileName", "content_type": "contentType", "content": "content", "content_id": "contentId"}


def people(body: Body, fields: Mapping[str, Any], name: str, prefix: str = "") -> list[CopyDefinition]:
    """Those of `cc` or `bcc`: a list of addresses with names, or only one. Notes what is wrong."""
    given = fields.get(name)
    if given is None:
        return []
    found = []
    for one in given if isinstance(given, list) else [given]:
        if not isinstance(one, dict) or not isinstance(one.get("email"), str):
            body.refuse(f"{prefix}{name}", f"{name} must be an array of objects with an email", "wrong_type")
            return []
        shown = one.get("name")
        try:
            about = {"address": one["email"], "name": shown if isinstance(shown, str) and shown.strip() else None}
            found.append(validate(CopyDefinition, about))
        except Invalid as error:
            body.refuse(f"{prefix}{name}", error.problems[0].detail)
    return found


def copies_for(
    body: Body,
    given: tuple[Iterable[CopyDefinition], Iterable[CopyDefinition]],
    recipients: Iterable[str],
    prefix: str = "",
) -> Sequence[Copy]:
    """The copies of a mail out of its (cc, bcc), but for who is a recipient already. Notes what is wrong."""
    try:
        return read_copies(*given, *recipients)
    except Invalid as error:
        body.refuse(f"{prefix}cc", error.problems[0].detail)
        return ()


def attachments(body: Body) -> Sequence[Attachment]:
    """The files of a mail. Notes what is wrong; raises a refusal for files that would have to be fetched."""
    given = body.fields.get("attachments")
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        body.refuse("attachments", "attachments must be an array of objects", "wrong_type")
        return ()
    if len(given) > MAXIMUM_ATTACHMENTS:
        body.refuse("attachments", f"attachments must contain at most {MAXIMUM_ATTACHMENTS} items", "too_long")
        return ()
    found = []
    for place, one in enumerate(given):
        if one.get("fileUrl") and not one.get("content"):
            raise AUTOSEND.unsupported("fetching an attachment from its fileUrl")
        about = {ours: one[theirs] for ours, theirs in _FIELDS.items() if one.get(theirs) is not None}
        try:
            found.append(validate(AttachmentDefinition, about).read())
        except Invalid as error:
            _refuse_file(body, f"/attachments/{place}", error.problems[0])
    try:
        check_attachments(found, 1)
    except Invalid as error:
        _refuse_file(body, "", error.problems[0])
    return found


def _refuse_file(body: Body, before: str, problem: Problem) -> None:
    """Notes what is wrong with a file, in the vendor's words; `before` leads to where the problem's pointer begins."""
    *place, ours = f"{before}{problem.pointer or ''}".strip("/").split("/")
    theirs = _FIELDS.get(ours, ours)
    body.refuse("/".join([*place, theirs]), f"{theirs}: {problem.detail}", problem.code)


def own_headers(body: Body) -> Sequence[tuple[str, str]]:
    """The headers that a mail brings along, by name and value. Notes what is wrong with each."""
    found = list(body.table("headers").items())
    for name, value in found:
        if not isinstance(value, str):
            body.refuse(f"headers/{name}", f"headers.{name} must be a string", "wrong_type")
            return ()
    try:
        check_extra(found, "")
    except Invalid as error:
        for problem in error.problems:
            place = (problem.pointer or "").removeprefix("/")
            body.refuse(f"headers/{found[int(place)][0]}" if place else "headers", problem.detail, problem.code)
    return found
