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
from caesura.http.attachments import read_attachments
from caesura.http.autosend.values import Body
from caesura.http.context import Fetch

_FIELDS = {
    "name": "fileName",
    "content_type": "contentType",
    "content": "content",
    "url": "fileUrl",
    "content_id": "contentId",
}


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


async def attachments(body: Body, fetch: Fetch) -> Sequence[Attachment]:
    """The files of a mail. Notes what is wrong; those with a fileUrl are fetched unless something is wrong already."""
    given = _attachment_definitions(body)
    if body.problems:
        return ()
    try:
        files = await read_attachments(given, fetch)
        check_attachments(files, 1)
    except Invalid as error:
        for problem in error.problems:
            _refuse_file(body, "", problem)
        return ()
    return files


def _attachment_definitions(body: Body) -> Sequence[AttachmentDefinition]:
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
        about = {ours: one[theirs] for ours, theirs in _FIELDS.items() if one.get(theirs) is not None}
        if "url" in about:  # what is there need not be fetched
            about.pop("url" if about.get("content") else "content", None)
        try:
            found.append(validate(AttachmentDefinition, about))
        except Invalid as error:
            _refuse_file(body, f"/attachments/{place}", error.problems[0])
    return found


def _refuse_file(body: Body, before: str, problem: Problem) -> None:
    """Notes what is wrong with a file, in the vendor's words; `before` leads to where the problem's pointer begins."""
    *place, ours = f"{before}{problem.pointer or ''}".strip("/").split("/")
    theirs = _FIELDS.get(ours, ours)
    said = f"{theirs}: {problem.detail}" if ours in _FIELDS else problem.detail
    said = f"{theirs} is required" if problem.code == "missing_field" else said
    body.refuse("/".join([*place, theirs]), said, problem.code)


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
