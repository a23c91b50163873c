"""`ETag` and `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1): an edit says which version it was made from."""

import re
from typing import Annotated, TypeAlias

from fastapi import Depends, Header

from caesura.domain.errors import Conflict
from caesura.http.problems import misplaced

HEADER = "ETag"

_TAG = re.compile(r'(?P<weak>W/)?"(?P<text>[!#-~\x80-\xff]*)"')
_VERSION = re.compile(r"[1-9][0-9]{0,8}")

MISMATCH = Conflict("version_mismatch", "it was changed since you read it: read it again")
"""What is answered when another version than the current one is meant; services raise it by this code."""


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


async def expected_version(
    if_match: Annotated[
        str | None,
        Header(
            description="The ETag of what was read and is acted upon; without it, whatever is there will do.",
            json_schema_extra={"type": "string", "examples": ['"7"']},
        ),
    ] = None,
) -> int | None:
    """The version that must be the current one, or None when any will do (no header, or `*`).

    Raises Conflict `version_mismatch` for a tag that is none of ours, and RequestValidationError for what is not one
    entity tag; a list of several is not taken.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise misplaced("header", "If-Match", "invalid_value", 'This must be one entity tag, such as "7", or *.')
    # If-Match compares strongly: a weak tag matches nothing.
    if tag["weak"] or _VERSION.fullmatch(tag["text"]) is None:
        raise Conflict(MISMATCH.code, MISMATCH.detail)
    return int(tag["text"])


ExpectedVersion: TypeAlias = Annotated[int | None, Depends(expected_version)]
