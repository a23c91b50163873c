import re
from typing import Any

import httpx
import pytest

from caesura.domain.lead_entry import LeadInput
from caesura.domain.tokens import unsubscribe_token
from caesura.service import inbound, leads, suppressions
from caesura.store.inbound import Selection

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def link(api: Any, address: str = "kim@example.com") -> str:
    """A lead's link, as its messages carry it."""
    workspace_id = api.issued.row.workspace_id
    row, _ = await leads.save(api.database, workspace_id, LeadInput(address), False, "test", api.clock())
    return f"/unsubscribe/{unsubscribe_token(api.context.keyring.message_secret, workspace_id, row.id)}"


async def suppressed(api: Any, address: str = "kim@example.com") -> list[tuple[str, str]]:
    rows = await suppressions.check(api.database, api.issued.row.workspace_id, address)
    return [(row.cause, row.actor) for row in rows]


@pytest.fixture
async def stranger(api: Any) -> Any:
    """A client without any key."""
    async with httpx.AsyncClient(transport=api.client._transport, base_url="http://api.test") as client:
        yield client


async def test_looking_at_the_page_unsubscribes_nobody(api: Any, stranger: Any) -> None:
    path = await link(api)
    page = await stranger.get(path)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert len(re.findall("<button", page.text)) == 1
    assert '<form method="post">' in page.text
    assert "<script" not in page.text
    await stranger.head(path)
    assert await suppressed(api) == []


async def test_one_click_unsubscribes_at_once_and_again_changes_nothing(api: Any, stranger: Any) -> None:
    path = await link(api)
    for _ in range(2):
        done = await stranger.post(path, data=ONE_CLICK)
        assert done.status_code == 200
        assert "Unsubscribed" in done.text
        assert await suppressed(api) == [("unsubscribed", "recipient")]
    assert (await stranger.get(path)).status_code == 200
    [row] = await inbound.page(api.database, api.issued.row.workspace_id, Selection(), None, 5)
    assert (row.kind, row.address) == ("unsubscribe", "kim@example.com")


@pytest.mark.parametrize("more", [{}, {"content": b"\xff" * 2_000_000}, {"files": {"List-Unsubscribe": "One-Click"}}])
async def test_a_no_is_a_no_whatever_its_body_looks_like(api: Any, stranger: Any, more: Any) -> None:
    assert (await stranger.post(await link(api), **more)).status_code == 200
    assert await suppressed(api) == [("unsubscribed", "recipient")]


async def test_it_counts_in_this_workspace_only_and_for_this_address_only(
    make_api: Any, api: Any, stranger: Any
) -> None:
    other = await make_api()
    await link(other)
    await link(api, "ben@example.com")
    await stranger.post(await link(api), data=ONE_CLICK)
    assert await suppressed(other) == []
    assert await suppressed(api, "ben@example.com") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_token_that_is_none_of_ours_is_not_found(api: Any, stranger: Any, method: str) -> None:
    path = await link(api)
    changed = path[:-1] + ("a" if path[-1] != "a" else "b")
    for wrong in (changed, path[:-1], path + "a", "/unsubscribe/x", "/unsubscribe/%00", "/unsubscribe/%FF%C3%A9"):
        answer = await stranger.request(method, wrong)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert await suppressed(api) == []


async def test_the_link_of_a_lead_that_is_gone_is_not_found(api: Any, stranger: Any) -> None:
    path = await link(api)
    [row] = await leads.page(api.database, api.issued.row.workspace_id, None, None, 5)
    await leads.delete(api.database, row.workspace_id, row.id, "test", api.clock())
    answer = await stranger.post(path, data=ONE_CLICK)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_the_real_server_takes_the_post_of_a_mail_program(served: Any) -> None:
    with httpx.Client(base_url=served.url) as client:
        assert client.post("/unsubscribe/nonsense", data=ONE_CLICK).status_code == 404
        assert client.get("/unsubscribe/").json()["code"] == "route_not_found"
