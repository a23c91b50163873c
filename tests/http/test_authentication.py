from datetime import timedelta
from typing import Any

import pytest

from caesura.domain.scopes import Scope
from caesura.http.key_forms import KEY_FORMS

FOREIGN = [form for form in KEY_FORMS.values() if form.dialect != "native"]
ROUTES = [
    ("GET", "/api/v1/keys"),
    ("POST", "/api/v1/keys"),
    ("GET", "/api/v1/keys/key_1"),
    ("DELETE", "/api/v1/keys/key_1"),
]


def refusal(served: Any, method: str, path: str, authorization: str) -> tuple[int, str, str | None]:
    answer = served.client.request(method, path, headers={"Authorization": authorization.encode("latin-1")})
    return answer.status_code, answer.json()["code"], answer.headers.get("WWW-Authenticate")


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "key_missing"),
        ("Basic YTpi", "key_malformed"),
        ("Bearer", "key_malformed"),
        ("Bearer nonsense", "key_malformed"),
        ("Bearer sk_live_aaaaaaaaaaaaaaaa" + "a" * 52, "key_malformed"),
        ("Bearer cae_aaaaaaaaaaaaaaaa." + "a" * 52, "key_unknown"),
        ("Bearer " + "é" * 10, "key_malformed"),
    ],
)  # fmt: skip
def test_who_brings_no_good_key_is_turned_away(
    served: Any, method: str, path: str, authorization: str, code: str
) -> None:
    status, found, challenge = refusal(served, method, path, authorization)
    assert (status, found) == (401, code)
    invalid = "" if code == "key_missing" else ', error="invalid_token"'
    assert challenge == f'Bearer realm="caesura"{invalid}'


async def test_an_expired_key_is_turned_away(api: Any) -> None:
    issued = await api.mint("*", expires_at=api.clock.now + timedelta(hours=1))
    api.clock.advance(3600)
    answer = await api.client.get("/api/v1/keys", headers={"Authorization": f"Bearer {issued.text}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_expired")


@pytest.mark.parametrize("form", FOREIGN, ids=lambda form: form.dialect)
def test_a_key_of_another_door_is_turned_away(served: Any, form: Any) -> None:
    issued = served.mint("*", form=form)
    for text in (issued.text, "cae_" + issued.text.removeprefix(form.lead_in)):
        assert refusal(served, "GET", "/api/v1/keys", f"Bearer {text}")[0] == 401


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_key_without_the_scope_may_not(served: Any, method: str, path: str) -> None:
    others = [scope for scope in Scope if scope not in (Scope.KEYS_WRITE, Scope.ALL)]
    answer = served.client.request(method, path, headers=served.bearing(*others), json={"scopes": []})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(served: Any, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {served.mint('keys:write').text}"}
    assert served.client.get("/api/v1/keys", headers=headers).status_code == 200


async def test_what_a_key_does_is_done_in_its_name(api: Any) -> None:
    issued = await api.mint("*")
    headers = {"Authorization": f"Bearer {issued.text}"}
    await api.client.post("/api/v1/keys", json={"scopes": ["*"]}, headers=headers)
    async with api.database.connection() as connection:
        actors = await connection.fetch(
            "select actor from event where workspace_id = $1 order by id", issued.row.workspace_id
        )
    assert actors[-1][0] == f"key:{issued.row.prefix}"
