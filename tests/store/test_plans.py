"""No query walks through a table that grows: whatever its size, and before PostgreSQL has any statistics of it.

All queries of all files are asked, as the sessions of the product ask them: by plans that do not know the arguments.
One that may read more than it answers is in `WALKS`, with the reason.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import asyncpg
import pytest

from caesura.store.queries import FOLDER, load

Connection = Any  # asyncpg's

ROWS = 200_000
PAST = 40_000  # of these, leads at an end whose messages are in the history; and the rows of other tables

# Leads in each state, and their messages. Without triggers, which are asked by nobody here and take most of the time.
WORLD = f"""
set session_replication_role = replica;
insert into workspace (name, created_at) values ('one', now()), ('two', now());
insert into mailbox (workspace_id, name, address, definition, created_at, updated_at)
  select 1, 'box ' || n, 'box@x.test', '{{}}', now(), now() from generate_series(1, 200) n;
insert into mailbox_pace (workspace_id, mailbox_id) select 1, n from generate_series(1, 200) n;
insert into pool (workspace_id, name, created_at) values (1, 'pool', now());
insert into pool_mailbox select 1, 1, n from generate_series(1, 200) n;
insert into campaign (workspace_id, name, status, cause, actor, status_at, pool_id, definition, started_at, created_at,
    updated_at, timing)
  select 1, 'campaign ' || n, 'running', 'x', 'x', now(), 1, '{{}}', now(), now(), now(), 2
  from generate_series(1, 20) n;
insert into campaign_pace (workspace_id, campaign_id) select 1, n from generate_series(1, 20) n;
insert into campaign_counter (workspace_id, campaign_id, shard, waiting)
  select 1, c, s, 100 from generate_series(1, 20) c, generate_series(0, 63) s;
insert into lead (workspace_id, address, address_key, domain, fields, created_at, updated_at)
  select 1 + n % 2, a, a, 'd' || n % 5000 || '.test', '{{}}', now(), now()
  from (select n, n || '@d' || n % 5000 || '.test' as a from generate_series(1, {ROWS}) n) x;
select add_history_month('2026-03-01'), add_history_month('2026-04-01');
insert into enrollment (workspace_id, campaign_id, lead_id, state, cause, step, due_at, not_before, wait_reason,
    parked_under, mailbox_id, claimed_by, lease_until, enrolled_at, updated_at, moved_on)
  select 1 + n % 2, 1 + n % 20, n, s, case when s = 'held' then 'lead_hold' end, 1 + n % 3, t,
    case when is_parked then t end, case when is_parked then 'daily_cap' end, case when is_parked then 1 end,
    case when n % 3 > 0 then 1 + n % 200 end, case when s = 'claimed' then 'worker' end,
    case when s = 'claimed' then t end, t, t, case when n <= {PAST} then date '2026-03-01' + n % 40 end
  from (
    select n, timestamptz '2026-03-01' + n * interval '1 second' as t, n % 11 = 5 and n > {ROWS // 2} as is_parked,
      case when n <= {ROWS // 2} then 'finished' when n % 97 = 3 and n % 11 <> 5 then 'claimed'
        when n % 89 = 3 and n % 11 <> 5 then 'held' else 'waiting' end as s
    from generate_series(1, {ROWS}) n) x;
insert into message (workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state, message_id,
    subject, recipient, attempt, worker, lease_until, marked_at, settled_at)
  select 1 + n % 2, n, 1 + n % 2, 1 + n % 20, n, 0, 1 + n % 200, s, '<' || n || '@x.test>', 'x', 'x', 1, 'worker',
    case when s = 'sending' then t end, t, case when s <> 'sending' then t end
  from (select n, timestamptz '2026-03-01' as t, case when n % 2000 = 7 then 'sending' else 'sent' end as s
    from generate_series({PAST}, {ROWS}) n) x;
insert into message_history (workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state,
    message_id, recipient, attempt, refusals, marked_at, settled_at, moved_on)
  select 1 + n % 2, n, 1, 1 + n % 20, n, 0, 1, 'sent', '<' || n || '@x.test>', 'x', 1, 0, now(), now(),
    date '2026-03-01' + n % 40 from generate_series(1, {PAST}) n;
insert into event (workspace_id, at, kind, actor, campaign_id, enrollment_id, data)
  select 1 + n % 2, now(), 'x.y', 'x', 1 + n % 20, n, '{{}}' from generate_series(1, {PAST}) n;
insert into inbound (workspace_id, kind, lead_id, campaign_id, enrollment_id, address, message_id, received_at,
    created_at)
  select 1 + n % 2, 'reply', n, 1 + n % 20, n, 'x', 'in' || n, now(), now() from generate_series(1, {PAST}) n;
insert into suppression (workspace_id, kind, value, cause, actor, created_at)
  select 1 + n % 2, 'address', 'x' || n, 'x', 'x', now() from generate_series(1, {PAST}) n;
insert into hold (workspace_id, level, subject, cause, actor, created_at, released_at, released_by)
  select 1 + n % 2, 'lead', n::text, 'x', 'x', now(), now(), 'x' from generate_series(1, {PAST}) n;
insert into lead_list (workspace_id, name, created_at) select 1, 'list ' || n, now() from generate_series(1, 20) n;
insert into lead_list_member select 1, 1 + n % 20, 2 * n, now() from generate_series(1, {PAST}) n;
insert into webhook (workspace_id, dialect, url, events, active, created_at, updated_at)
  values (1, 'native', 'x', '{{*}}', true, now(), now()), (2, 'native', 'x', '{{*}}', true, now(), now());
insert into webhook_delivery (workspace_id, webhook_id, key, name, event_ids, body, state, due_at, created_at,
    settled_at)
  select w, w, 'k', 'x', '{{}}', '', s, case when s = 'pending' then now() end, now(),
    case when s <> 'pending' then now() end
  from (select 1 + n % 2 as w, case when n % 100 < 3 then 'pending' else 'delivered' end as s
    from generate_series(1, {PAST}) n) x;
insert into webhook_attempt (workspace_id, webhook_id, delivery_id, number, at, duration_ms)
  select d.workspace_id, d.webhook_id, d.id, 1, now(), 1 from webhook_delivery d;
insert into idempotency_key (workspace_id, key, request_digest, created_at, renewed_at)
  select 1 + n % 2, n::text, '', now(), now() from generate_series(1, {PAST}) n;
set session_replication_role = origin;
"""

GROWING = re.compile(
    "enrollment|message|message_history.*|lead|event|inbound|suppression|hold|lead_list_member|webhook_delivery"
    "|webhook_attempt|idempotency_key"
)
# These have nothing in them but what is under way or in force at this moment, so one may walk through them.
SMALL = {
    "message_sending",
    "enrollment_leased",
    "hold_in_force",
    "webhook_delivery_due",
    "webhook_delivery_first",
    "webhook_delivery_later",
}
_BY_ID = "from the end of the key, up to a limit"
_PAGES = "pages that are counted, for a door: as long as the lists that its client asks for"
_SEARCH = "a search in every lead, for a person"
WALKS: Mapping[str, str] = {
    "campaigns.held_by_cause": "a dry run counts what is held",
    "events.newest": _BY_ID,
    "explain.earliest_parked": "the first ones of all that are parked, up to a limit",
    "explain.held_causes": "up to a limit",
    "leads.by_extra": "before there are statistics; then by the index of what is kept",
    "leads.list_by_extra": "the same",
    "leads.list_by_address_backwards": _BY_ID,
    "leads.list_by_change": "each page looks at all leads: an index would cost every import and every change",
    "numbered_pages.count_leads": _PAGES,
    "numbered_pages.count_inbound": _PAGES,
    "numbered_pages.inbound": _PAGES,
    "numbered_pages.leads": _PAGES,
    "segments.count": _SEARCH,
    "segments.enrol": _SEARCH,
    "segments.count_leads": _SEARCH,
    "segments.several": _SEARCH,
    "suppression_groups.count_general": _PAGES,
    "suppression_groups.general_entries": _PAGES,
}
# They work on tables that exist for the length of an import only, and walk through all of a file on purpose.
STAGED = "imports"
PLANNED = ("select", "insert", "update", "delete", "with")


def ways_in(plan: Mapping[str, Any], relation: str = "") -> Iterator[tuple[str, str, str]]:
    """(table, index, condition) of every way into a table; a sequential scan has no index."""
    relation = plan.get("Relation Name", relation)
    match plan["Node Type"]:
        case "Seq Scan":
            yield relation, "", ""
        case "Index Scan" | "Index Only Scan" | "Bitmap Index Scan":
            yield relation, plan["Index Name"], plan.get("Index Cond", "")
    for part in plan.get("Plans", ()):
        yield from ways_in(part, relation)


def walked(plan: Mapping[str, Any]) -> list[str]:
    """The growing tables that a plan walks through: all of one, or all that a workspace has in it."""
    found = []
    for table, index, condition in ways_in(plan):
        narrowed = re.sub(r"\(workspace_id = [^)]*\)", "", condition).strip("() AND")
        if GROWING.fullmatch(table) and not narrowed and index not in SMALL:
            found.append(f"{table} by {index or 'a sequential scan'}")
    return found


async def plan_of(connection: Connection, query: str) -> Mapping[str, Any]:
    """The plan that any arguments get."""
    await connection.execute(f"prepare asked as {query}")
    try:
        count = await connection.fetchval(
            "select cardinality(parameter_types) from pg_prepared_statements where name = 'asked'"
        )
        values = f"({', '.join(['null'] * count)})" if count else ""
        [answer] = json.loads(await connection.fetchval(f"explain (format json) execute asked{values}"))
    finally:
        await connection.execute("deallocate asked")
    plan: Mapping[str, Any] = answer["Plan"]
    return plan


async def walks(connection: Connection) -> dict[str, list[str]]:
    """What each query walks through, where it does."""
    found = {}
    for noun in sorted(path.stem for path in FOLDER.glob("*.sql")):
        for name, text in load(noun).items():
            body = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)
            if noun != STAGED and body.split()[0].lower() in PLANNED:
                found[f"{noun}.{name}"] = walked(await plan_of(connection, text))
    return {name: tables for name, tables in found.items() if tables}


@pytest.fixture
async def grown(dsn: str) -> AsyncIterator[Connection]:
    """A connection, as the product has them, to a database that has grown and was never analyzed."""
    connection = await asyncpg.connect(dsn, server_settings={"plan_cache_mode": "force_generic_plan"})
    tables = "select oid::regclass as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    for row in await connection.fetch(tables):
        await connection.execute(f"alter table {row['name']} set (autovacuum_enabled = off)")
    await connection.execute(WORLD)
    yield connection
    await connection.close()


async def test_no_query_walks_through_a_table_that_grows(grown: Connection) -> None:
    unknown = await walks(grown)
    await grown.execute("analyze")
    known = await walks(grown)
    unexpected = {name: tables for name, tables in {**unknown, **known}.items() if name not in WALKS}
    assert unexpected == {}
    assert WALKS.keys() - unknown.keys() - known.keys() == set(), "these walk no more: take them out of the list"


def test_a_walk_is_seen() -> None:
    by_key = {"Node Type": "Index Scan", "Relation Name": "lead", "Index Name": "lead_pkey"}
    narrow = {**by_key, "Index Cond": "((workspace_id = $1) AND (id = ANY ($2)))"}
    wide = {**by_key, "Index Cond": "(workspace_id = $1)"}
    bits = {
        "Node Type": "Bitmap Heap Scan",
        "Relation Name": "lead",
        "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "lead_pkey", "Index Cond": "(workspace_id = 1)"}],
    }
    for plan in (by_key, wide, bits):
        assert walked({"Node Type": "Limit", "Plans": [plan]}) == ["lead by lead_pkey"]
    assert walked({"Node Type": "Seq Scan", "Relation Name": "lead"}) == ["lead by a sequential scan"]
    assert walked({"Node Type": "Seq Scan", "Relation Name": "campaign"}) == walked(narrow) == []
