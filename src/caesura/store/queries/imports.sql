-- name: open
-- Where the rows of one file wait, for this connection alone: it leaves no trace, even after a crash.
create temporary table staged_lead (line bigint, address text, address_key text, fields jsonb, zone text)

-- name: close
-- They are not needed any more.
drop table if exists staged_lead

-- name: take_turns
-- One import of a workspace at a time puts its rows in, so that two with the same addresses do not wait for each other.
select pg_advisory_xact_lock($1, $2)

-- name: memory
-- Sorts and hashes of a million rows, kept off the disk.
set local work_mem = '64MB'

-- name: open_new
-- The leads that this transaction adds.
create temporary table staged_new (lead_id bigint, address_key text, domain text) on commit drop

-- name: insert_new
-- Adds the leads whose address is not known, in the order of the file, which is the order in which they were staged; of
-- several rows with one address the first counts. Their workspace is there and stays: see insert_new in leads.sql.
with new as (
  insert into lead (workspace_id, address, address_key, domain, fields, zone, created_at, updated_at)
  select (select id from workspace where id = $1 for key share), s.address, s.address_key,
    split_part(s.address, '@', 2), s.fields, s.zone, $2, $2
  from staged_lead s
  on conflict (workspace_id, address_key) do nothing
  returning id, address_key, domain
)
insert into staged_new select id, address_key, domain from new

-- name: open_repeated
-- Addresses that stand in the file more than once, with their first line.
create temporary table staged_repeated (address_key text primary key, line bigint, others bigint) on commit drop

-- name: find_repeated
-- Fills it; answers how many rows come after a first.
with found as (
  insert into staged_repeated
  select address_key, min(line), count(*) - 1 from staged_lead group by address_key having count(*) > 1
  returning others
)
select coalesce(sum(others), 0)::bigint from found

-- name: repeated
-- The rows that come after the first one with their address.
select s.line, s.address, r.line as first from staged_lead s join staged_repeated r using (address_key)
where s.line > r.line
order by s.line
limit $1

-- name: open_known
-- The first rows of those addresses whose leads were there before.
create temporary table staged_known (line bigint, lead_id bigint, address_key text, domain text, fields jsonb, zone text)
  on commit drop

-- name: find_known
-- Fills it: what this transaction has not inserted itself. One look into the index for each row, however many leads
-- there are.
insert into staged_known
select s.line, l.id, l.address_key, l.domain, s.fields, s.zone
from staged_lead s
cross join lateral (
  select l.id, l.address_key, l.domain, l.xmin as writer from lead l
  where l.workspace_id = $1 and l.address_key = s.address_key limit 1) l
where l.writer <> pg_current_xact_id()::xid
  and not exists (select from staged_repeated r where r.address_key = s.address_key and r.line < s.line)

-- name: merge_known
-- They get the file's fields beside those that they have, and each has its entry in the log. Rows in which nothing changes
-- are not written.
with changed as (
  update lead l
  set fields = l.fields || k.fields, zone = coalesce(k.zone, l.zone), updated_at = $2
  from staged_known k
  where l.workspace_id = $1 and l.id = k.lead_id
    and (l.fields, l.zone) is distinct from (l.fields || k.fields, coalesce(k.zone, l.zone))
  returning l.id
)
insert into event (workspace_id, at, kind, actor, lead_id, data)
select $1, $2, 'lead.updated', $3, id, '{"in_bulk": true}' from changed

-- name: enrol_new
-- Enrols new leads that are neither suppressed nor refuse the campaign's group, in the order of the file. One statement, close to the commit: from its end
-- on it keeps a row of the counters, for which senders wait.
insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at)
select $1, $2, n.lead_id, $3, $4, $4 from staged_new n
where not exists (
    select from suppression p where p.workspace_id = $1 and p.kind = 'address' and p.value = n.address_key)
  and not exists (select from suppression p where p.workspace_id = $1 and p.kind = 'domain' and p.value = n.domain)
  and not exists (
    select from campaign_suppression_group b join suppression_group_member r on r.workspace_id = $1 and r.group_id = b.group_id
    where b.workspace_id = $1 and b.campaign_id = $2 and r.value = n.address_key)
order by n.lead_id

-- name: enrol_all
-- The same for new and known leads, but for those that are enrolled already.
insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at)
select $1, $2, n.lead_id, $3, $4, $4
from (
  select lead_id, address_key, domain from staged_new
  union all
  select lead_id, address_key, domain from staged_known) n
where not exists (
    select from suppression p where p.workspace_id = $1 and p.kind = 'address' and p.value = n.address_key)
  and not exists (select from suppression p where p.workspace_id = $1 and p.kind = 'domain' and p.value = n.domain)
  and not exists (
    select from campaign_suppression_group b join suppression_group_member r on r.workspace_id = $1 and r.group_id = b.group_id
    where b.workspace_id = $1 and b.campaign_id = $2 and r.value = n.address_key)
order by n.lead_id
on conflict (workspace_id, campaign_id, lead_id) do nothing

-- name: open_suppressed
-- The first rows of addresses that are suppressed or refuse the campaign's group; `in_group`: they only refuse that.
create temporary table staged_suppressed on commit drop as
select f.line, f.address, bool_and(f.in_group) as in_group from (
  select s.line, s.address, s.address_key, false as in_group from staged_lead s
  join suppression p on p.workspace_id = $1 and p.kind = 'address' and p.value = s.address_key
  union all
  select s.line, s.address, s.address_key, false from staged_lead s
  join suppression p on p.workspace_id = $1 and p.kind = 'domain' and p.value = split_part(s.address, '@', 2)
  union all
  select s.line, s.address, s.address_key, true from campaign_suppression_group b
  join suppression_group_member m on m.workspace_id = $1 and m.group_id = b.group_id
  join staged_lead s on s.address_key = m.value
  where b.workspace_id = $1 and b.campaign_id = $2) f
where not exists (select from staged_repeated r where r.address_key = f.address_key and r.line < f.line)
group by f.line, f.address

-- name: suppressed
-- Some of them, by line.
select line, address, in_group from staged_suppressed order by line limit $1

-- name: join_list
-- All of them are on a list now.
insert into lead_list_member (workspace_id, list_id, lead_id, added_at)
select $1, $2, n.lead_id, $3
from (select lead_id from staged_new union all select lead_id from staged_known) n
on conflict do nothing

-- name: held_of_changed
-- Enrollments held for one of these causes whose leads this transaction has changed.
select e.id from enrollment e
join lead l on l.workspace_id = $1 and l.id = e.lead_id and l.xmin = pg_current_xact_id()::xid
where e.workspace_id = $1 and e.state = 'held' and e.cause = any($2::text[])
limit $3

-- name: claimed_of_changed
-- Leads that this transaction has changed and that a worker has at this moment.
select distinct e.lead_id from enrollment e
join lead l on l.workspace_id = $1 and l.id = e.lead_id and l.xmin = pg_current_xact_id()::xid
where e.workspace_id = $1 and e.state = 'claimed'
