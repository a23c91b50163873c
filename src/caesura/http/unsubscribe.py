"""The door of unsubscribe links, `/unsubscribe/{token}`: for recipients and their mail programs (RFC 8058), no key."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from caesura.domain.errors import NotFound
from caesura.domain.tokens import read_unsubscribe_token
from caesura.http.context import ApiContext, context_of
from caesura.service import inbound, leads

# No link, picture, script or style: nothing of it can be turned against the reader.
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>Unsubscribe</title>
<main>{body}</main>
</html>
"""
_ASK = """
<h1>Unsubscribe</h1>
<p>You will get no more messages from this sender.</p>
<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button>Unsubscribe</button>
</form>
"""
_DONE = """
<h1>Unsubscribed</h1>
<p>You will get no more messages from this sender.</p>
"""
_UNKNOWN = """
<h1>Not found</h1>
<p>This link is not complete, or not one of ours. Please copy all of it from the message.</p>
"""


def router() -> APIRouter:
    """The two routes. They are for people: not part of the API's description."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/unsubscribe/{token}")
    async def ask(request: Request, token: str) -> HTMLResponse:
        """A page with a button. It changes nothing: programs that scan mail follow every link."""
        if await _lead(context_of(request), token) is None:
            return _page(_UNKNOWN, 404)
        return _page(_ASK)

    @routes.post("/unsubscribe/{token}")
    async def unsubscribe(request: Request, token: str) -> HTMLResponse:
        """Counts at once in all campaigns of the workspace; a second time changes nothing.

        RFC 8058 wants the body `List-Unsubscribe=One-Click`; a no without it is a no as well, so none is read.
        """
        context = context_of(request)
        lead = await _lead(context, token)
        if lead is None:
            return _page(_UNKNOWN, 404)
        await inbound.unsubscribe(context.database, *lead, context.clock())
        return _page(_DONE)

    return routes


async def _lead(context: ApiContext, token: str) -> tuple[int, int] | None:
    """The workspace and the lead that a token stands for; None if it is not one of ours, or the lead is gone."""
    named = read_unsubscribe_token(context.keyring.message_secret, token)
    if named is None:
        return None
    try:
        await leads.get(context.database, *named)
    except NotFound:
        return None
    return named


def _page(body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(body=body), status)
