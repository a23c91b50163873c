from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from caesura.domain.errors import Unavailable
from caesura.service import health

NO_KEY = {"Authorization": ""}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_no_key_is_asked_for(served: Any, path: str) -> None:
    assert served.client.get(path, headers=NO_KEY).status_code == 200


async def test_a_process_whose_database_is_gone_is_up_and_not_ready(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.database, "dsn", "postgresql://nobody@127.0.0.1:1/nothing")
    assert (await api.client.get("/healthz")).json() == {"status": "ok"}
    answer = await api.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"


async def test_a_schema_that_is_not_ours_is_not_ready_and_ready_again_when_it_is(api: Any) -> None:
    async with api.database.connection() as connection:
        version = await connection.fetchval("select version_num from alembic_version")
        await connection.execute("update alembic_version set version_num = '9999'")
        answer = await api.client.get("/readyz")
        await connection.execute("update alembic_version set version_num = $1", version)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_newer_than_program")
    assert (await api.client.get("/readyz")).status_code == 503
    api.clock.advance(1)
    assert (await api.client.get("/readyz")).json() == {"status": "ok"}


async def test_a_database_that_cannot_be_written_is_not_ready(api: Any) -> None:
    async with api.database.connection() as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"alter database {name} set default_transaction_read_only = on")
        answer = await api.client.get("/readyz")
        await connection.execute(f"alter database {name} reset default_transaction_read_only")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_read_only")


async def test_a_database_that_was_taken_away_is_not_ready(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with api.database.connection() as connection:
        name = await connection.fetchval("select current_database()")
    monkeypatch.setattr(api.database, "dsn", api.database.dsn.replace(f"/{name}?", "/nothing?"))
    answer = await api.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_missing")


async def test_who_asks_often_does_not_open_many_connections(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def check(_: object) -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(health, "check", check)
    for _ in range(20):
        await api.client.get("/readyz")
    assert asked == 1


async def test_gauges_of_the_engine_are_shown_beside_the_counters(make_api: Any) -> None:
    async def gauges() -> Iterable[Metric]:
        family = GaugeMetricFamily("caesura_campaigns", "Campaigns by status.", labels=["status"])
        family.add_metric(["running"], 3)
        return [family]

    api = await make_api(gauges=gauges)
    await api.client.get("/healthz")
    answer = await api.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'caesura_campaigns{status="running"} 3.0' in answer.text
    assert "caesura_http_requests_total" in answer.text


async def test_the_counters_are_shown_when_the_engine_cannot_tell(make_api: Any) -> None:
    async def gauges() -> Iterable[Metric]:
        raise Unavailable("database_unreachable", "gone")

    api = await make_api(gauges=gauges)
    await api.client.get("/healthz")
    assert "caesura_http_requests_total" in (await api.client.get("/metrics")).text


async def test_a_call_while_the_disk_of_the_database_is_full_says_so(api: Any) -> None:
    async with api.database.connection() as connection:
        await connection.execute(
            "create function fill() returns trigger language plpgsql as $$ begin"
            " raise exception 'No space left on device' using errcode = '53100'; end $$;"
            " create trigger fill before insert on api_key execute function fill()"
        )
        try:
            answer = await api.client.post("/api/v1/keys", json={"scopes": ["*"]}, headers={"Idempotency-Key": "full"})
        finally:
            await connection.execute("drop function fill cascade")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_full")
    assert "make room" in answer.json()["detail"] and answer.headers["Retry-After"] == "5"
    again = await api.client.post("/api/v1/keys", json={"scopes": ["*"]}, headers={"Idempotency-Key": "full"})
    assert again.status_code == 201
