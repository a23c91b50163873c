-- name: analyze
-- Every index begins with the workspace, so for one of which the statistics know no rows the planner takes any: it would
-- walk all leads of the workspace to find one. To be called after many were added, before anyone sees them.
analyze lead (workspace_id, id, address_key)

-- name: known_to_planner
-- How many rows the statistics know; -1: there are none yet.
select reltuples::bigint from pg_class where oid = 'lead'::regclass

-- name: insert_new
-- Leads whose address is not known yet. In the order of keys, so that two who add the same ones wait in one order. Their
-- workspace is there and stays: lead has no foreign key, which would ask for each row.
insert into lead (workspace_id, address, address_key, domain, fields, zone, extra, created_at, updated_at)
select (select id from workspace where id = $1 for key share), g.address, g.address_key, g.domain, jsonb_strip_nulls(g.fields), g.zone, g.extra, $7, $7
from unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $8::jsonb[])
  as g(address, address_key, domain, fields, zone, extra)
order by g.address_key
on conflict (workspace_id, address_key) do nothing
returning id, address_key

-- name: lock_known
-- The leads of these addresses, kept for this transaction.
select id, address_key, extra from lead where workspace_id = $1 and address_key = any($2::text[])
order by address_key
for no key update

-- name: merge
-- Known leads get what is given of them; a null takes a field away. Rows in which nothing changes are not written.
update lead l
set fields = n.fields, zone = n.zone, extra = n.extra, updated_at = $5
from (
  select k.id, jsonb_strip_nulls(k.fields || g.fields) as fields, coalesce(g.zone, k.zone) as zone, g.extra
  from unnest($2::text[], $3::jsonb[], $4::text[], $6::jsonb[]) as g(address_key, fields, zone, extra)
  join lead k on k.workspace_id = $1 and k.address_key = g.address_key) n
where l.workspace_id = $1 and l.id = n.id and (l.fields, l.zone, l.extra) is distinct from (n.fields, n.zone, n.extra)
returning l.id

-- name: replace
-- Known leads become what is given, and nothing else. Rows in which nothing changes are not written.
update lead l
set fields = n.fields, zone = n.zone, extra = n.extra, updated_at = $5
from (
  select k.id, jsonb_strip_nulls(g.fields) as fields, g.zone, g.extra
  from unnest($2::text[], $3::jsonb[], $4::text[], $6::jsonb[]) as g(address_key, fields, zone, extra)
  join lead k on k.workspace_id = $1 and k.address_key = g.address_key) n
where l.workspace_id = $1 and l.id = n.id and (l.fields, l.zone, l.extra) is distinct from (n.fields, n.zone, n.extra)
returning l.id

-- name: get
-- One lead.
select * from lead where workspace_id = $1 and id = $2

-- name: lock
-- One lead, kept for this transaction.
select * from lead where workspace_id = $1 and id = $2 for no key update

-- name: by_key
-- The lead of this address.
select * from lead where workspace_id = $1 and address_key = $2

-- name: by_extra
-- The oldest leads of which this is kept. They are found first: or the planner walks along the key, to find a few.
with kept as materialized (select * from lead where workspace_id = $1 and extra <> '{}' and extra @> $2)
select * from kept order by id limit $3

-- name: list_by_extra
-- The same in pages, below a cursor, newest first; with a part of their address, if that is asked for.
with kept as materialized (
  select id from lead
  where workspace_id = $1 and extra <> '{}' and extra @> $4 and ($3::text is null or strpos(address_key, $3) > 0)
), page as (
  select id from kept where id < coalesce($2::bigint, 9223372036854775807) order by id desc limit $5
)
select l.* from lead l
where l.workspace_id = $1 and l.id = any(array(select id from page))
order by l.id desc

-- name: by_keys
-- The leads of these addresses.
select * from lead where workspace_id = $1 and address_key = any($2::text[]) order by id

-- name: by_ids
-- The leads of these ids.
select * from lead where workspace_id = $1 and id = any($2::bigint[]) order by id

-- name: existing
-- Which of these ids are leads, which are not deleted before this transaction ends.
select id from lead where workspace_id = $1 and id = any($2::bigint[]) order by id for key share

-- name: list
-- A page of leads below a cursor, newest first. A part of an address is searched row by row.
select * from lead
where workspace_id = $1 and id < coalesce($2::bigint, 9223372036854775807)
  and ($3::text is null or strpos(address_key, $3) > 0)
order by id desc
limit $4

-- name: list_oldest
-- A page of leads past a position, the oldest first; with a part of their address, or with this kept, if that is asked for.
select l.*, '' as sorted_by from lead l
where l.workspace_id = $1 and l.id > coalesce($4::bigint, 0)
  and ($2::text is null or strpos(l.address_key, $2) > 0) and ($3::jsonb is null or l.extra @> $3)
order by l.id
limit $5

-- name: list_by_address
-- The same by address.
select l.*, l.address_key as sorted_by from lead l
where l.workspace_id = $1 and (l.address_key, l.id) > (coalesce($4::text, ''), coalesce($5::bigint, 0))
  and ($2::text is null or strpos(l.address_key, $2) > 0) and ($3::jsonb is null or l.extra @> $3)
order by l.address_key
limit $6

-- name: list_by_address_backwards
-- The same, backwards.
select l.*, l.address_key as sorted_by from lead l
where l.workspace_id = $1
  and (l.address_key, l.id) < (
    coalesce($4::text, (select max(m.address_key) from lead m where m.workspace_id = $1)),
    coalesce($5::bigint, 9223372036854775807))
  and ($2::text is null or strpos(l.address_key, $2) > 0) and ($3::jsonb is null or l.extra @> $3)
order by l.address_key desc
limit $6

-- name: list_by_change
-- The same by their last change, or by what the store puts in its place. No index helps: each page looks at all leads.
select l.*, '' as sorted_by from lead l
where l.workspace_id = $1 and ($4::text is null or (l.updated_at, l.id) > ($4::text::timestamptz, $5::bigint))
  and ($2::text is null or strpos(l.address_key, $2) > 0) and ($3::jsonb is null or l.extra @> $3)
order by l.updated_at, l.id
limit $6

-- name: update
-- An edited lead.
update lead
set address = $3, address_key = $4, domain = $5, fields = $6, zone = $7, extra = $9, updated_at = $8
where workspace_id = $1 and id = $2
returning *

-- name: is_enrolled
-- Whether a lead is, or was, in a campaign.
select exists (select from enrollment where workspace_id = $1 and lead_id = $2)

-- name: delete
-- A lead that is in no campaign; its places on lists go with it.
delete from lead where workspace_id = $1 and id = $2
