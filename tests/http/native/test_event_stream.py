"""The live stream of events, over a real server."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from caesura.http import live
from caesura.http.native import events as stream


class Listener:
    """One open stream, read on a thread."""

    def __init__(self, served: Any, headers: dict[str, str], **parameters: str) -> None:
        self.told: list[dict[str, str]] = []
        self.beats = 0
        self.ended = threading.Event()
        self._changed = threading.Condition()
        self._client = httpx.Client(base_url=served.url, timeout=30)
        self.opened = threading.Event()
        self._arguments = {"headers": headers, "params": parameters}
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self.opened.wait(20)

    def _read(self) -> None:
        try:
            with self._client.stream("GET", "/api/v1/events/stream", **self._arguments) as answer:
                self.status, self.type = answer.status_code, answer.headers["content-type"]
                entry: dict[str, str] = {}
                for line in answer.iter_lines():
                    self.opened.set()
                    with self._changed:
                        if line.startswith(":"):
                            self.beats += 1
                        elif line:
                            name, _, value = line.partition(": ")
                            entry[name] = value
                        elif entry:
                            self.told.append(entry)
                            entry = {}
                        self._changed.notify_all()
        except httpx.HTTPError:
            pass
        finally:
            self.opened.set()
            self.ended.set()

    def until(self, count: int) -> list[dict[str, str]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.told) >= count, 20), self.told
        return self.told

    def until_beats(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.beats >= count, 20)

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def listen(served: Any) -> Iterator[Any]:
    opened: list[Listener] = []

    def listen(headers: dict[str, str], **parameters: str) -> Listener:
        opened.append(Listener(served, headers, **parameters))
        return opened[-1]

    yield listen
    for one in opened:
        one.close()


def make_list(served: Any, headers: dict[str, str], name: str) -> None:
    answer = served.client.post("/api/v1/lists", json={"name": name}, headers=headers)
    assert answer.status_code == 201, answer.text


def test_what_happens_comes_as_it_happens_and_a_listener_goes_on_where_it_was(served: Any, listen: Any) -> None:
    headers = served.bearing("*", workspace="stream")
    make_list(served, headers, "before")
    first = listen(headers)
    assert (first.status, first.type) == (200, "text/event-stream; charset=utf-8")
    make_list(served, headers, "one")
    make_list(served, headers, "two")
    told = first.until(2)
    assert [one["event"] for one in told] == ["list.created", "list.created"]
    shown = json.loads(told[0]["data"])
    assert (shown["id"], shown["kind"]) == (told[0]["id"], "list.created")
    page = served.client.get("/api/v1/events", headers=headers).json()["items"]
    assert shown in page
    first.close()
    make_list(served, headers, "three")
    again = listen({**headers, "Last-Event-ID": told[0]["id"]})
    assert [one["id"] for one in again.until(2)] == [one["id"] for one in page[-1:]] + [again.told[1]["id"]]
    assert again.told[0]["id"] == told[1]["id"]


def test_nobody_hears_of_another_workspace(served: Any, listen: Any) -> None:
    mine, theirs = served.bearing("*", workspace="stream-a"), served.bearing("*", workspace="stream-b")
    own = listen(mine)
    make_list(served, theirs, "not yours")
    make_list(served, mine, "yours")
    [told] = own.until(1)
    assert json.loads(told["data"])["data"].get("name", "yours") == "yours"


def test_an_account_key_hears_of_the_workspace_that_it_names_wherever_it_was_made(served: Any, listen: Any) -> None:
    there = served.mint("*", workspace="stream-there")
    account = served.mint("*", workspace="stream-home", is_account=True)
    own = listen({"Authorization": f"Bearer {account.text}", "Caesura-Workspace": f"wks_{there.row.workspace_id}"})
    make_list(served, {"Authorization": f"Bearer {there.text}"}, "heard")
    assert json.loads(own.until(1)[0]["data"])["kind"] == "list.created"


def test_a_silent_stream_has_heartbeats(served: Any, listen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_HEARTBEAT_SECONDS", 1.0)
    listen(served.bearing("events:read", workspace="stream-silent")).until_beats(3)


def test_what_is_wrong_is_refused_before_it_begins(served: Any) -> None:
    headers = served.bearing("*", workspace="stream-wrong")
    path = "/api/v1/events/stream"
    wrong = served.client.get(path, headers={**headers, "Last-Event-ID": "7"})
    assert (wrong.status_code, wrong.json()["errors"][0]["header"]) == (422, "Last-Event-ID")
    assert served.client.get(path, headers=headers, params={"campaign_id": "cmp_999999"}).status_code == 404
    assert served.client.get(path, headers=served.bearing("leads:read")).status_code == 403


def test_streams_are_few_and_a_closed_one_makes_room(served: Any, listen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "WORKSPACE_STREAMS", 1)
    # A socket that is closed while another thread reads from it is closed once that has got something.
    monkeypatch.setattr(stream, "_HEARTBEAT_SECONDS", 0.5)
    headers = served.bearing("*", workspace="stream-few")
    first = listen(headers)
    refused = served.client.get("/api/v1/events/stream", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert "Retry-After" in refused.headers
    first.close()
    for _ in range(100):
        if listen(headers).status == 200:
            return
        threading.Event().wait(0.1)
    raise AssertionError("the place of a closed stream was never free")


def test_a_stream_ends_soon_after_its_key_is_revoked(served: Any, listen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_KEY_SECONDS", 0.5)
    issued = served.mint("events:read", workspace="stream-revoked")
    opened = listen({"Authorization": f"Bearer {issued.text}"})
    assert not opened.ended.wait(2)
    everything = served.bearing("*", workspace="stream-revoked")
    assert served.client.delete(f"/api/v1/keys/key_{issued.row.id}", headers=everything).status_code == 200
    assert opened.ended.wait(10)


def test_a_stream_tells_nothing_after_its_key_is_revoked(served: Any, listen: Any) -> None:
    issued = served.mint("events:read", workspace="stream-revoked-now")
    everything = served.bearing("*", workspace="stream-revoked-now")
    opened = listen({"Authorization": f"Bearer {issued.text}"})
    assert served.client.delete(f"/api/v1/keys/key_{issued.row.id}", headers=everything).status_code == 200
    make_list(served, everything, "not for who has no key")
    assert opened.ended.wait(20)
    assert opened.told == []
