"""Segments: the SQL and the Python of one rule say the same."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.lead_entry import LeadInput
from caesura.domain.segments import OPERATORS, SegmentCondition, SegmentDefinition
from caesura.service import leads, segments, workspaces
from caesura.store.database import Database

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEXTS = st.sampled_from(
    ["", " ", "a", "A", "ab", "ba", "b%", "%", "_", "\\", "'", "é", "7", "7.50", "-7", "1e3", "true", "a\nb", "٣"]
    + ["2026-01-02", "2026-01-02T23:00:00Z", "2026-13-45", "2025-12-31"]
)
VALUES = st.one_of(
    st.none(),
    TEXTS,
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)


@st.composite
def conditions(draw: Any) -> SegmentCondition:
    kind = draw(st.sampled_from(sorted(OPERATORS)))
    values = {
        "text": TEXTS,
        "number": st.sampled_from(["7", "7.5", "-7", "0", "+1000", "1000000"]),
        "truth": st.sampled_from(["true", "false"]),
        "date": st.sampled_from(["2026-01-02", "2025-12-31", "2026-01-02T10:00:00Z"]),
    }[kind]
    operator = draw(st.sampled_from(OPERATORS[kind]))
    upper = draw(values) if operator == "between" else None
    return SegmentCondition(
        field=draw(st.sampled_from("xy")), kind=kind, operator=operator, value=draw(values), upper=upper
    )


@pytest.fixture(scope="module")
def asking(databases: Any) -> Any:
    """Asks PostgreSQL on a connection with its own loop."""
    loop = asyncio.new_event_loop()
    with databases.fresh("template_migrated") as dsn:
        connection = loop.run_until_complete(asyncpg.connect(dsn))

        def ask(document: str, criteria: str) -> bool:
            answer: bool = loop.run_until_complete(
                connection.fetchval("select lead_matches($1::jsonb, $2::jsonb)", document, criteria)
            )
            return answer

        yield ask
        loop.run_until_complete(connection.close())
    loop.close()


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(st.sampled_from("xy"), VALUES),
    chosen=st.lists(conditions(), min_size=1, max_size=4),
    match=st.sampled_from(["all", "any"]),
)
def test_the_database_decides_as_the_rule_does(asking: Any, fields: Any, chosen: Any, match: Any) -> None:
    fields = {name: value for name, value in fields.items() if value is not None}
    definition = SegmentDefinition(name="s", match=match, conditions=tuple(chosen))
    document, criteria = msgspec.json.encode(fields).decode(), msgspec.json.encode(definition.criteria()).decode()
    assert asking(document, criteria) is definition.holds(fields), (fields, definition.criteria())


async def test_a_segment_has_the_leads_that_meet_it_at_that_moment(dsn: str) -> None:
    database = await Database.open(dsn, size=2)
    workspace_id = await workspaces.named(database, "w", NOW)
    for number in range(3):
        lead = LeadInput(f"l{number}@example.com", {"seats": number})
        await leads.save(database, workspace_id, lead, False, "test", NOW)
    condition = SegmentCondition(field="seats", kind="number", operator="greater_than", value="0")
    definition = SegmentDefinition(name="s", conditions=(condition,))
    row = await segments.create(database, workspace_id, definition, "test", NOW)
    assert (await segments.get(database, workspace_id, row.id))[1] == 2
    await leads.save(database, workspace_id, LeadInput("l0@example.com", {"seats": 9}), False, "test", NOW)
    assert (await segments.get(database, workspace_id, row.id))[1] == 3
    by_address = SegmentCondition(field="email", operator="starts_with", value="l1@")
    other = await segments.create(
        database, workspace_id, SegmentDefinition(name="t", conditions=(by_address,)), "test", NOW
    )
    assert len(await segments.members(database, workspace_id, other.id, 0, 10)) == 1
    with pytest.raises(Conflict):
        await segments.create(database, workspace_id, definition, "test", NOW)
    stranger = await workspaces.named(database, "other", NOW)
    with pytest.raises(NotFound):
        await segments.get(database, stranger, row.id)
    await database.close()
