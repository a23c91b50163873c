"""Files of mailings, as a request gives them: in it, or by a URL, which is fetched when the mailing is accepted."""

from collections.abc import Sequence
from dataclasses import replace

from caesura.domain.enclosures import MAXIMUM_ATTACHED_BYTES, Attachment, AttachmentDefinition
from caesura.domain.errors import Invalid, Problem
from caesura.http.context import Fetch


async def read_attachments(given: Sequence[AttachmentDefinition], fetch: Fetch) -> list[Attachment]:
    """The files, those with a URL fetched now, each URL once.

    Raises Invalid with all problems, under pointers as /attachments/0/url.
    """
    urls = {one.url for one in given if one.url is not None}
    fetched = await fetch(urls, MAXIMUM_ATTACHED_BYTES) if urls else {}
    problems = []
    files = []
    for place, one in enumerate(given):
        found = fetched[one.url] if one.url is not None else None
        if isinstance(found, Problem):
            problems.append(replace(found, pointer=f"/attachments/{place}/url"))
        else:
            files.append(one.read(found))
    if problems:
        raise Invalid.of(*problems)
    return files
