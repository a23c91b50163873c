-- name: insert
-- New mailboxes, in the order given, with no load yet. Those whose name is taken are left out.
with given as (
  select * from unnest($2::text[], $3::text[], $4::jsonb[], $5::bytea[], $6::bytea[], $7::text[])
    with ordinality as g(name, address, definition, secret, dkim_key, dkim_record, place)
), new as (
  insert into mailbox (workspace_id, name, address, definition, secret, created_at, updated_at, dkim_key, dkim_record)
  select $1, name, address, definition, secret, $8, $8, dkim_key, dkim_record from given order by place
  on conflict (workspace_id, name) do nothing
  returning *
), pace as (
  insert into mailbox_pace (workspace_id, mailbox_id) select $1, id from new
)
select * from new

-- name: get
-- One mailbox.
select * from mailbox where workspace_id = $1 and id = $2

-- name: lock
-- One mailbox, kept for this transaction.
select * from mailbox where workspace_id = $1 and id = $2 for no key update

-- name: several
-- These mailboxes.
select * from mailbox where workspace_id = $1 and id = any($2::bigint[])

-- name: versions
-- The present versions of these.
select id, version from mailbox where workspace_id = $1 and id = any($2::bigint[])

-- name: by_name
-- The mailboxes of these names.
select * from mailbox where workspace_id = $1 and name = any($2::text[])

-- name: list
-- A page of mailboxes below a cursor, newest first: the archived ones, or the others.
select * from mailbox
where workspace_id = $1 and id < coalesce($2::bigint, 9223372036854775807) and archived = $4
order by id desc
limit $3

-- name: update
-- Edited: a new version, by which workers load it anew.
update mailbox
set address = $3, definition = $4, secret = $5, archived = $6, version = version + 1, updated_at = $7,
  dkim_key = $8, dkim_record = $9
where workspace_id = $1 and id = $2
returning *

-- name: pace
-- The load of one mailbox.
select mailbox_id, day, used, ready_at, busy_until, wait_until, wait_reason from mailbox_pace where workspace_id = $1 and mailbox_id = $2

-- name: paces
-- The load of several.
select mailbox_id, day, used, ready_at, busy_until, wait_until, wait_reason
from mailbox_pace where workspace_id = $1 and mailbox_id = any($2::bigint[])

-- name: reconsider
-- After an edit of its limits: what it waited for by the old ones is asked again. A gap that runs is kept.
update mailbox_pace set wait_until = null, wait_reason = null
where workspace_id = $1 and mailbox_id = $2 and wait_reason is not null

-- name: insert_pool
-- A new pool.
insert into pool (workspace_id, name, created_at) values ($1, $2, $3)
on conflict (workspace_id, name) do nothing
returning id

-- name: get_pool
-- One pool with its mailboxes.
select p.id, p.name, p.created_at,
  coalesce((select array_agg(pm.mailbox_id order by pm.mailbox_id) from pool_mailbox pm
    where pm.workspace_id = p.workspace_id and pm.pool_id = p.id), '{}') as mailbox_ids
from pool p where p.workspace_id = $1 and p.id = $2

-- name: pool_names
-- What these pools are called.
select id, name from pool where workspace_id = $1 and id = any($2::bigint[])

-- name: pool_by_name
-- The pool of this name, with its mailboxes.
select p.id, p.name, p.created_at,
  coalesce((select array_agg(pm.mailbox_id order by pm.mailbox_id) from pool_mailbox pm
    where pm.workspace_id = p.workspace_id and pm.pool_id = p.id), '{}') as mailbox_ids
from pool p where p.workspace_id = $1 and p.name = $2

-- name: list_pools
-- A page of pools below a cursor, newest first.
select p.id, p.name, p.created_at,
  coalesce((select array_agg(pm.mailbox_id order by pm.mailbox_id) from pool_mailbox pm
    where pm.workspace_id = p.workspace_id and pm.pool_id = p.id), '{}') as mailbox_ids
from pool p where p.workspace_id = $1 and p.id < coalesce($2::bigint, 9223372036854775807)
order by p.id desc
limit $3

-- name: by_address
-- The mailboxes of this address that are in use, the oldest first.
select * from mailbox where workspace_id = $1 and lower(address) = lower($2) and not archived order by id

-- name: of_domain
-- The oldest mailbox in use with an address of this domain.
select * from mailbox
where workspace_id = $1 and lower(split_part(address, '@', 2)) = lower($2) and not archived
order by id limit 1

-- name: count_archived
-- How many mailboxes of this address are out of use.
select count(*) from mailbox where workspace_id = $1 and lower(address) = lower($2) and archived

-- name: is_used
-- Whether a campaign that is not at an end sends from a pool with this mailbox.
select exists (
  select from campaign c join pool_mailbox pm on pm.workspace_id = $1 and pm.pool_id = c.pool_id and pm.mailbox_id = $2
  where c.workspace_id = $1 and c.status in ('scheduled', 'pending_approval', 'running', 'paused', 'editing'))

-- name: pool_of
-- The oldest pool with these mailboxes, given in order, and no others.
select p.id, p.name, p.created_at, $2::bigint[] as mailbox_ids
from pool p
where p.workspace_id = $1 and array(
    select mailbox_id from pool_mailbox where workspace_id = $1 and pool_id = p.id order by mailbox_id
) = $2::bigint[]
order by p.id
limit 1

-- name: usual_pool
-- The pool named `default`, else the oldest one with a mailbox that is neither archived nor held.
select p.id, p.name, p.created_at,
  coalesce((select array_agg(pm.mailbox_id order by pm.mailbox_id) from pool_mailbox pm
    where pm.workspace_id = p.workspace_id and pm.pool_id = p.id), '{}') as mailbox_ids
from pool p
where p.workspace_id = $1 and (p.name = 'default' or exists (
  select from pool_mailbox pm
  join mailbox m on m.workspace_id = pm.workspace_id and m.id = pm.mailbox_id
  where pm.workspace_id = p.workspace_id and pm.pool_id = p.id and not m.archived
    and not exists (
      select from hold h where h.workspace_id = $1 and h.released_at is null and h.level = 'mailbox' and h.subject = m.id::text)))
order by p.name <> 'default', p.id
limit 1

-- name: set_pool_name
-- Renames a pool.
update pool set name = $3 where workspace_id = $1 and id = $2

-- name: empty_pool
-- Makes room for a new membership.
delete from pool_mailbox where workspace_id = $1 and pool_id = $2

-- name: fill_pool
-- Its mailboxes; ids that are not of this workspace are left out, so that the caller can compare the count.
insert into pool_mailbox (workspace_id, pool_id, mailbox_id)
select $1, $2, m.id from mailbox m where m.workspace_id = $1 and m.id = any($3::bigint[]) and not m.archived

-- name: delete_pool
-- A pool that no campaign uses.
delete from pool where workspace_id = $1 and id = $2

-- name: usable
-- How many mailboxes of a pool could send: neither archived nor held.
select count(*) from pool_mailbox pm
join mailbox m on m.workspace_id = pm.workspace_id and m.id = pm.mailbox_id
where pm.workspace_id = $1 and pm.pool_id = $2 and not m.archived
  and not exists (
    select from hold h where h.workspace_id = $1 and h.released_at is null and h.level = 'mailbox' and h.subject = m.id::text)

-- name: keep_usable
-- One of them, which stays so until this transaction ends.
select m.id from pool_mailbox pm
join mailbox m on m.workspace_id = pm.workspace_id and m.id = pm.mailbox_id
where pm.workspace_id = $1 and pm.pool_id = $2 and not m.archived
  and not exists (
    select from hold h where h.workspace_id = $1 and h.released_at is null and h.level = 'mailbox' and h.subject = m.id::text)
limit 1
for share of m

-- name: usable_versions
-- The same: which ones, with their present versions.
select m.id, m.version from pool_mailbox pm
join mailbox m on m.workspace_id = pm.workspace_id and m.id = pm.mailbox_id
where pm.workspace_id = $1 and pm.pool_id = $2 and not m.archived
  and not exists (
    select from hold h where h.workspace_id = $1 and h.released_at is null and h.level = 'mailbox' and h.subject = m.id::text)

-- name: usable_of_pools
-- The same of several pools.
select pm.pool_id, m.id, m.version from pool_mailbox pm
join mailbox m on m.workspace_id = pm.workspace_id and m.id = pm.mailbox_id
where pm.workspace_id = $1 and pm.pool_id = any($2::bigint[]) and not m.archived
  and not exists (
    select from hold h where h.workspace_id = $1 and h.released_at is null and h.level = 'mailbox' and h.subject = m.id::text)
