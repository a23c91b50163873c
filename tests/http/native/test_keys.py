from datetime import UTC, datetime
from typing import Any

import pytest

KEYS = "/api/v1/keys"


async def test_a_key_made_here_is_shown_whole_once_and_opens_the_door(api: Any) -> None:
    made = await api.client.post(KEYS, json={"label": "import", "scopes": ["leads:write", "keys:write"]})
    assert made.status_code == 201
    body = made.json()
    assert made.headers["Location"] == f"{KEYS}/{body['id']}"
    assert body["scopes"] == ["leads:write", "keys:write"]
    again = await api.client.get(made.headers["Location"], headers={"Authorization": f"Bearer {body['key']}"})
    assert again.status_code == 200
    assert body["key"].rpartition(".")[2] not in again.text
    assert again.json() == {
        **{name: body[name] for name in body if name != "key"},
        "last_used_at": "2026-03-02T09:00:00Z",
    }


async def test_times_are_utc_with_a_z(api: Any) -> None:
    made = await api.client.post(KEYS, json={"scopes": ["*"], "expires_at": "2030-01-31T11:00:00.5+02:00"})
    assert made.json()["expires_at"] == "2030-01-31T09:00:00.500000Z"
    assert made.json()["created_at"] == "2026-03-02T09:00:00Z"


async def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(api: Any) -> None:
    made = (await api.client.post(KEYS, json={"scopes": ["keys:write"]})).json()
    revoked = await api.client.delete(f"{KEYS}/{made['id']}")
    assert (revoked.status_code, revoked.json()["revoked_at"]) == (200, "2026-03-02T09:00:00Z")
    assert (await api.client.delete(f"{KEYS}/{made['id']}")).json() == revoked.json()
    refused = await api.client.get(KEYS, headers={"Authorization": f"Bearer {made['key']}"})
    assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")
    assert revoked.json() in (await api.client.get(KEYS)).json()["items"]


async def test_keys_come_in_pages_newest_first(api: Any) -> None:
    made = [(await api.client.post(KEYS, json={"scopes": ["*"]})).json()["id"] for _ in range(4)]
    seen: list[str] = []
    parameters: dict[str, Any] = {"limit": 2}
    while True:
        page = (await api.client.get(KEYS, params=parameters)).json()
        seen += [key["id"] for key in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert seen == [*reversed(made), seen[-1]]
    assert len(seen) == 5


async def test_a_key_gives_no_scope_that_it_has_not(api: Any) -> None:
    headers = await api.bearing("keys:write")
    refused = await api.client.post(KEYS, json={"scopes": ["keys:write", "leads:read"]}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_not_held")


@pytest.mark.parametrize(
    ("own", "scopes", "given", "status"),
    [
        ("slow", ["*"], {}, 403),
        ("slow", ["*"], {"plan": "usual"}, 403),
        ("slow", ["*"], {"plan": "unmetered"}, 403),
        ("slow", ["*"], {"dialect": "leadterra"}, 403),
        ("slow", ["*"], {"plan": "slow"}, 201),
        (None, ["keys:write"], {"plan": "unmetered"}, 403),
        (None, ["keys:write"], {"plan": "slow"}, 201),
        (None, ["*"], {"plan": "unmetered"}, 201),
        ("usual", ["*"], {"dialect": "leadlex", "scopes": ["read"], "plan": "high"}, 201),
        ("unmetered", ["keys:write"], {"plan": "unmetered"}, 201),
        ("unmetered", ["keys:write"], {}, 201),
    ],
)
async def test_a_key_gives_no_faster_pace_than_its_own(
    api: Any, own: str | None, scopes: list[str], given: dict[str, Any], status: int
) -> None:
    headers = {"Authorization": f"Bearer {(await api.mint(*scopes, plan=own)).text}"}
    answer = await api.client.post(KEYS, json={"scopes": ["keys:write"], **given}, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["code"] == "plan_not_held"


async def test_a_key_of_another_workspace_is_not_found(api: Any) -> None:
    foreign = (await api.mint("*", workspace="someone else")).row.id
    for method in ("GET", "DELETE"):
        answer = await api.client.request(method, f"{KEYS}/key_{foreign}")
        assert (answer.status_code, answer.json()["code"]) == (404, "key_not_found")


@pytest.mark.parametrize(
    "key_id", ["key_0", "key_x", "9", "key_9223372036854775808", "led_1", "key_1%00", "%FF", "key_1%0A"]
)
def test_what_cannot_be_a_key_id_is_not_found(served: Any, key_id: str) -> None:
    answer = served.client.get(f"{KEYS}/{key_id}")
    assert answer.status_code in (404, 422)
    assert answer.json()["code"] in ("key_not_found", "control_character")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing_field", "/scopes"),
        ({"scopes": []}, "too_short", "/scopes"),
        ({"scopes": "*"}, "wrong_type", "/scopes"),
        ({"scopes": ["leads:eat"]}, "unknown_scope", "/scopes/0"),
        ({"scopes": [1]}, "wrong_type", "/scopes/0"),
        ({"scopes": ["*"], "label": 5}, "wrong_type", "/label"),
        ({"scopes": ["*"], "label": " "}, "too_short", "/label"),
        ({"scopes": ["*"], "label": "x" * 201}, "too_long", "/label"),
        ({"scopes": ["*"], "expires_at": 1900000000}, "wrong_type", "/expires_at"),
        ({"scopes": ["*"], "expires_at": "tomorrow"}, "invalid_time", "/expires_at"),
        ({"scopes": ["*"], "expires_at": "2030-01-31T09:00:00"}, "offset_missing", "/expires_at"),
        ({"scopes": ["*"], "expires_at": "2020-01-31T09:00:00Z"}, "expiry_past", "/expires_at"),
        ({"scopes": ["*"], "expires_at": "0001-01-01T00:00:00+14:00"}, "out_of_range", "/expires_at"),
        ({"scopes": ["*"], "expires_at": "9999-12-31T23:59:59-14:00"}, "out_of_range", "/expires_at"),
        ({"scopes": ["*"], "colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_wrong_field_is_refused_with_its_place(served: Any, body: Any, code: str, pointer: str) -> None:
    before = served.client.get(KEYS).json()["items"]
    answer = served.client.post(KEYS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert served.client.get(KEYS).json()["items"] == before


async def test_a_key_that_expires_makes_none_that_outlives_it(api: Any) -> None:
    end = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    headers = {"Authorization": f"Bearer {(await api.mint('*', expires_at=end)).text}"}
    for given in ("2026-03-02T12:00:00.000001Z", "2030-01-31T09:00:00Z"):
        refused = await api.client.post(KEYS, json={"scopes": ["*"], "expires_at": given}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "expiry_not_held")
    for body in ({}, {"dialect": "leadlex", "scopes": ["read"]}, {"expires_at": "2026-03-02T12:00:00Z"}):
        made = await api.client.post(KEYS, json={"scopes": ["*"], **body}, headers=headers)
        assert (made.status_code, made.json()["expires_at"]) == (201, "2026-03-02T12:00:00Z")
