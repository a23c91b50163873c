from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from caesura.http.application import create_application
from caesura.http.door_hosts import PREFIXES, parse_door_hosts
from caesura.http.doors import doors
from caesura.http.key_forms import KEY_FORMS

ALL = "api.autosend.com=autosend, app.leadterra.co=leadterra,data.leadlex.com=leadlex,API.Woodpecker.co=woodpecker,"


def test_a_setting_names_a_door_for_each_host() -> None:
    assert parse_door_hosts(ALL) == {
        "api.autosend.com": "/autosend",
        "app.leadterra.co": "/leadterra",
        "data.leadlex.com": "/leadlex",
        "api.woodpecker.co": "/woodpecker",
    }
    assert parse_door_hosts("") == {}
    assert parse_door_hosts("localhost=leadlex,[::1]=autosend,10.0.0.1=leadterra").keys() == {
        "localhost", "[::1]", "10.0.0.1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("api.autosend.com", "not of the form HOST=DOOR"),
        ("=autosend", "not of the form HOST=DOOR"),
        ("api.autosend.com=", "not of the form HOST=DOOR"),
        ("api.autosend.com=autosnd", "there is no door 'autosnd': one of leadterra, leadlex, autosend, woodpecker"),
        ("api.example.com=native", "there is no door 'native'"),
        ("https://api.autosend.com=autosend", "without scheme, port and path"),
        ("api.autosend.com:443=autosend", "without scheme, port and path"),
        ("api.autosend.com/v1=autosend", "without scheme, port and path"),
        ("a.com=autosend,A.com=leadlex", "'a.com' is there twice"),
        ("a.com=autosend=leadlex", "there is no door 'autosend=leadlex'"),
    ],
)
def test_a_wrong_setting_is_told_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_door_hosts(text)
    assert told in str(caught.value)


def test_every_door_is_below_the_prefix_that_hosts_lead_to() -> None:
    assert PREFIXES.keys() == KEY_FORMS.keys() - {"native"}
    for door in doors():
        assert f"{door.prefix}/".startswith(f"{PREFIXES[door.form.dialect]}/")


@pytest.fixture
def application(api: Any) -> FastAPI:
    """With a route that echoes the path below each door, before the doors' own."""
    made = create_application(replace(api.context, registry=CollectorRegistry()), parse_door_hosts(ALL))
    echo = FastAPI()
    for prefix in PREFIXES.values():

        async def endpoint(rest: str, prefix: str = prefix) -> dict[str, str]:
            return {"prefix": prefix, "rest": rest}

        echo.get(f"{prefix}/echo/{{rest:path}}")(endpoint)
    made.router.routes[:0] = echo.router.routes
    return made


async def ask(application: FastAPI, host: str, path: str, method: str = "GET") -> Any:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(method, path, headers={"Host": host})


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("api.autosend.com", "/autosend"),
        ("API.AutoSend.COM", "/autosend"),
        ("api.autosend.com:8080", "/autosend"),
        ("api.autosend.com.", "/autosend"),
        ("app.leadterra.co", "/leadterra"),
        ("data.leadlex.com", "/leadlex"),
        ("api.woodpecker.co", "/woodpecker"),
    ],
)
async def test_a_host_leads_to_its_door(application: FastAPI, host: str, prefix: str) -> None:
    for path in ("/echo/a/b", f"{prefix}/echo/a/b"):
        answer = await ask(application, host, path)
        assert (answer.status_code, answer.json()) == (200, {"prefix": prefix, "rest": "a/b"})
    assert (await ask(application, host, "/echo/a%20b%2Fc?x=1")).json()["rest"] == "a b/c"


async def test_another_host_leads_nowhere_new(application: FastAPI) -> None:
    for host in ("127.0.0.1", "example.com", "autosend.com", "evil.api.autosend.com", ""):
        assert (await ask(application, host, "/echo/a")).status_code == 404
        assert (await ask(application, host, "/api/v1/campaigns")).status_code == 401


async def test_at_a_mapped_host_only_the_door_and_what_needs_no_key_are_there(application: FastAPI) -> None:
    host = "api.woodpecker.co"
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await ask(application, host, path)).status_code == 200
    assert (await ask(application, host, "/unsubscribe/nothing")).headers["content-type"].startswith("text/html")
    assert (await ask(application, host, "/api/v1/campaigns")).status_code == 404
    assert (await ask(application, host, "/healthzz")).status_code == 404


async def test_a_clients_own_path_reaches_the_door_itself(application: FastAPI) -> None:
    path = "/rest/v2/campaigns/1/pause"
    answer = await ask(application, "api.woodpecker.co", path, "POST")
    direct = await ask(application, "127.0.0.1", f"/woodpecker{path}", "POST")
    assert (answer.status_code, answer.json()["title"]) == (direct.status_code, direct.json()["title"])
    assert answer.status_code == 401
