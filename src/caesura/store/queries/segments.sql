-- name: insert
-- A new segment.
insert into segment (workspace_id, name, description, criteria, extra, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $6)
on conflict (workspace_id, name) do nothing
returning *

-- name: get
-- One segment.
select * from segment where workspace_id = $1 and id = $2

-- name: lock
-- The same, about to be changed.
select * from segment where workspace_id = $1 and id = $2 for no key update

-- name: update
-- An edited segment.
update segment set name = $3, description = $4, criteria = $5, extra = $6, updated_at = $7, version = version + 1
where workspace_id = $1 and id = $2
returning *

-- name: all
-- The segments of a workspace, newest first.
select * from segment where workspace_id = $1 order by id desc limit $2

-- name: delete
-- A segment; the leads stay.
delete from segment where workspace_id = $1 and id = $2 returning id

-- name: members
-- The next leads of a segment above a cursor.
select l.id
from lead l
join segment s on s.workspace_id = $1 and s.id = $3
where l.workspace_id = $1 and l.id > $2
  and lead_matches(l.fields || jsonb_build_object('email', l.address,
    'created_at', to_char(l.created_at at time zone 'UTC', 'YYYY-MM-DD'),
    'updated_at', to_char(l.updated_at at time zone 'UTC', 'YYYY-MM-DD')), s.criteria)
order by l.id
limit $4

-- name: enrol
-- Enrols the next leads of an audience above a cursor, but for those who are suppressed or refuse the campaign's group:
-- answers how many there were, the last one, how many of them may be written to, and how many were not in the campaign.
with member as (
  select l.id, l.address_key, l.domain
  from lead l
  cross join lateral (select l.fields || jsonb_build_object('email', l.address,
    'created_at', to_char(l.created_at at time zone 'UTC', 'YYYY-MM-DD'),
    'updated_at', to_char(l.updated_at at time zone 'UTC', 'YYYY-MM-DD')) as document) d
  where l.workspace_id = $1 and l.id > $2
    and ($3
      or exists (select from lead_list_member m
        where m.workspace_id = $1 and m.lead_id = l.id and m.list_id = any($4::bigint[]))
      or exists (select from segment s
        where s.workspace_id = $1 and s.id = any($5::bigint[]) and lead_matches(d.document, s.criteria)))
    and not exists (select from lead_list_member m
      where m.workspace_id = $1 and m.lead_id = l.id and m.list_id = any($6::bigint[]))
    and not exists (select from segment s
      where s.workspace_id = $1 and s.id = any($7::bigint[]) and lead_matches(d.document, s.criteria))
  order by l.id
  limit $8
), open as (
  select m.id from member m
  where not exists (
      select from suppression s where s.workspace_id = $1 and s.kind = 'address' and s.value = m.address_key)
    and not exists (
      select from suppression s where s.workspace_id = $1 and s.kind = 'domain' and s.value = m.domain)
    and not exists (
        select from campaign_suppression_group b join suppression_group_member r on r.workspace_id = $1 and r.group_id = b.group_id
        where b.workspace_id = $1 and b.campaign_id = $9 and r.value = m.address_key)
), enrolled as (
  insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at, extra)
  select $1, $9, open.id, $10, $11, $11, $12 from open order by open.id
  on conflict (workspace_id, campaign_id, lead_id) do nothing
  returning id
)
select (select count(*) from member) as members, (select max(id) from member) as last,
  (select count(*) from open) as open, (select count(*) from enrolled) as enrolled

-- name: several
-- These segments, each with the number of its leads: a look at every lead for each.
select s.*, (
  select count(*) from lead l
  where l.workspace_id = $1 and lead_matches(l.fields || jsonb_build_object('email', l.address,
    'created_at', to_char(l.created_at at time zone 'UTC', 'YYYY-MM-DD'),
    'updated_at', to_char(l.updated_at at time zone 'UTC', 'YYYY-MM-DD')), s.criteria)) as leads
from segment s where s.workspace_id = $1 and s.id = any($2::bigint[])

-- name: count
-- How many leads a segment has: a look at every lead.
select count(*) from lead l join segment s on s.workspace_id = l.workspace_id and s.id = $2
where l.workspace_id = $1 and lead_matches(l.fields || jsonb_build_object('email', l.address,
  'created_at', to_char(l.created_at at time zone 'UTC', 'YYYY-MM-DD'),
  'updated_at', to_char(l.updated_at at time zone 'UTC', 'YYYY-MM-DD')), s.criteria)

-- name: count_leads
-- How many leads there are.
select count(*) from lead where workspace_id = $1
