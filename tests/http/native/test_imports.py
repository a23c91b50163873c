import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from caesura.http.context import MAXIMUM_IMPORTS
from caesura.http.native import imports

CSV = {"Content-Type": "text/csv; charset=utf-8"}
FILE = (
    "email;first_name;company\r\n"
    "kim@example.com;Kim;Acme\r\n"
    "\r\n"
    "nonsense;No;One\r\n"
    "KIM@example.com;Kim;Again\r\n"
    'zoë@bücher.example;"Zoë; ""Z""";Bücher\r\n'
    "x@shut.example;X;Shut\r\n"
).encode()


async def send(desk: Any, path: str, content: Any = FILE, **more: Any) -> Any:
    return await desk.api.client.post(f"/api/v1{path}", content=content, headers=CSV, **more)


async def test_a_file_is_imported_and_enrolled_and_every_row_accounted_for(desk: Any) -> None:
    await desk.post("/suppressions", {"value": "shut.example"})
    campaign_id = (await desk.campaign())["id"]
    answer = await send(desk, f"/campaigns/{campaign_id}/import", params={"file": "fair.csv"})
    report = answer.json()
    assert answer.status_code == 200
    assert (report["file"], report["rows"], report["created"], report["enrolled"]) == ("fair.csv", 5, 3, 2)
    assert (report["duplicates"], report["rejected"], report["suppressed"], report["truncated"]) == (1, 1, 1, False)
    assert [(row["line"], row["code"]) for row in report["problems"]] == [
        (4, "address_syntax"),
        (5, "duplicate_row"),
        (7, "suppressed"),
    ]
    assert report["problems"][0]["value"] == "nonsense"
    leads = await desk.every("/leads", address="zoë@bücher.example")
    assert leads[0]["fields"] == {"first_name": 'Zoë; "Z"', "company": "Bücher"}
    enrolled = await desk.every(f"/campaigns/{campaign_id}/enrollments")
    assert sorted(one["address"] for one in enrolled) == ["kim@example.com", "zoë@xn--bcher-kva.example"]
    [event] = [one for one in (await desk.get("/events?limit=200"))["items"] if one["kind"] == "lead.imported"]
    assert event["data"]["file"] == "fair.csv"


async def test_the_same_file_again_changes_nothing(desk: Any) -> None:
    path = f"/campaigns/{(await desk.campaign())['id']}/import"
    first = (await send(desk, path)).json()
    again = (await send(desk, path)).json()
    assert (first["created"], first["enrolled"]) == (3, 3)
    assert [again[name] for name in ("created", "updated", "unchanged", "enrolled", "already_enrolled")] == [
        0,
        0,
        3,
        0,
        3,
    ]
    assert again["file"] == "leads.csv"


async def test_a_file_is_imported_onto_a_list_without_enrolling(desk: Any) -> None:
    list_id = (await desk.post("/lists", {"name": "fair"}))["id"]
    report = (await send(desk, f"/lists/{list_id}/import")).json()
    assert (report["created"], report["listed"], report["enrolled"]) == (3, 3, 0)
    assert len(await desk.every(f"/lists/{list_id}/members")) == 3


async def test_the_list_of_wrong_rows_is_bounded(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "LISTED", 2)
    list_id = (await desk.post("/lists", {"name": "fair"}))["id"]
    rows = "email\na@example.com\n" + "nonsense\n" * 3
    report = (await send(desk, f"/lists/{list_id}/import", rows.encode())).json()
    assert (report["rejected"], report["truncated"]) == (3, True)
    assert [row["line"] for row in report["problems"]] == [3, 4]


async def test_a_file_may_be_larger_than_any_other_body(desk: Any) -> None:
    list_id = (await desk.post("/lists", {"name": "fair"}))["id"]
    header, text = b"email,note\n", b"x" * 50_000

    async def parts() -> AsyncIterator[bytes]:
        yield header
        for number in range(200):
            yield f"l{number}@example.com,".encode() + text + b"\n"

    answer = await send(desk, f"/lists/{list_id}/import", parts())
    assert (answer.status_code, answer.json()["created"]) == (200, 200)


@pytest.mark.parametrize("kind", [None, "application/json", "text/plain", "text/csvx", ""])
async def test_a_body_that_does_not_say_that_it_is_csv_is_refused(desk: Any, kind: str | None) -> None:
    list_id = (await desk.post("/lists", {"name": "fair"}))["id"]
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await desk.api.client.post(f"/api/v1/lists/{list_id}/import", content=FILE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert await desk.every("/leads") == []


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"name,company\nKim,Acme\n", "no_address_column", 1),
        (b'email,name\na@example.com,"open\n', "unclosed_quote", 2),
        (b"email,name\na@example.com,\xff\n", "wrong_encoding", 2),
        (b"email,name\na@example.com,\0\n", "null_byte", 2),
        ("email,name\na@example.com,Kim\n".encode("utf-32"), "wrong_encoding", 1),
    ],
)
async def test_what_spoils_a_whole_file_is_told_by_file_and_line_and_changes_nothing(
    desk: Any, content: bytes, code: str, line: int | None
) -> None:
    campaign_id = (await desk.campaign())["id"]
    answer = await send(desk, f"/campaigns/{campaign_id}/import", content, params={"file": "fair.csv"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    fault = answer.json()["errors"][0]
    assert (fault["file"], fault.get("line")) == ("fair.csv", line)
    assert await desk.every("/leads") == []


async def test_a_campaign_that_is_over_takes_no_file(desk: Any) -> None:
    campaign_id = (await desk.campaign())["id"]
    await desk.post(f"/campaigns/{campaign_id}/stop")
    answer = await send(desk, f"/campaigns/{campaign_id}/import")
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "campaign_stopped", "stopped")
    assert await desk.every("/leads") == []


async def test_files_are_not_imported_into_another_workspace(desk: Any, stranger: Any) -> None:
    campaign_id = (await stranger.campaign())["id"]
    list_id = (await stranger.post("/lists", {"name": "fair"}))["id"]
    for path, code in (
        (f"/campaigns/{campaign_id}/import", "campaign_not_found"),
        (f"/lists/{list_id}/import", "list_not_found"),
    ):
        answer = await send(desk, path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert await stranger.every("/leads") == []


async def test_importing_needs_leads_write(desk: Any) -> None:
    headers = {**CSV, **await desk.api.bearing("leads:read", "campaigns:write")}
    for path in ("/campaigns/cmp_1/import", "/lists/lst_1/import"):
        answer = await desk.api.client.post(f"/api/v1{path}", content=FILE, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("query", ["file=", "file=" + "x" * 256, "file=%00", "fiel=x", "file=%ff"])
async def test_a_bad_name_of_a_file_is_refused(desk: Any, query: str) -> None:
    answer = await send(desk, f"/lists/lst_1/import?{query}")
    assert answer.status_code == (400 if query == "file=%ff" else 422)


async def test_only_so_many_files_are_imported_at_a_time(desk: Any) -> None:
    list_id = (await desk.post("/lists", {"name": "fair"}))["id"]
    for _ in range(MAXIMUM_IMPORTS):
        await desk.api.context.import_slots.acquire()
    busy = await asyncio.wait_for(send(desk, f"/lists/{list_id}/import"), 30)
    assert (busy.status_code, busy.json()["code"], busy.headers["Retry-After"]) == (429, "imports_busy", "5")
    desk.api.context.import_slots.release()
    for content in (b"", FILE, FILE):
        await send(desk, f"/lists/{list_id}/import", content)
    assert (await send(desk, f"/lists/{list_id}/import")).status_code == 200


async def test_a_file_that_stops_coming_is_given_up(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "STALL_SECONDS", 0.05)
    list_id = (await desk.post("/lists", {"name": "fair"}))["id"]

    async def parts() -> AsyncIterator[bytes]:
        yield FILE
        await asyncio.Event().wait()

    answer = await asyncio.wait_for(send(desk, f"/lists/{list_id}/import", parts()), 30)
    assert (answer.status_code, answer.json()["code"]) == (503, "upload_stalled")
    assert await desk.every("/leads") == []


async def test_a_line_that_drops_changes_nothing(desk: Any) -> None:
    list_id = (await desk.post("/lists", {"name": "fair"}))["id"]
    path = f"/api/v1/lists/{list_id}/import"
    arrivals: Iterable[dict[str, Any]] = iter(
        [{"type": "http.request", "body": FILE, "more_body": True}, {"type": "http.disconnect"}]
    )
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [
            (b"content-type", b"text/csv"),
            (b"authorization", desk.api.client.headers["Authorization"].encode()),
        ],
        "server": ("api.test", 80), "client": ("127.0.0.1", 1),
        "scheme": "http", "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return next(arrivals)

    async def take(message: Any) -> None:
        sent.append(message)

    await desk.api.client._transport.app(scope, receive, take)
    assert sent == []
    assert await desk.every("/leads") == []
    assert (await send(desk, f"/lists/{list_id}/import")).json()["created"] == 3
