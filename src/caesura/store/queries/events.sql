-- name: insert
-- Entries of the log, in the transaction of the change that they tell of.
insert into event (workspace_id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data)
select $1, $2, e.kind, $3, e.campaign_id, e.enrollment_id, e.step, e.mailbox_id, e.lead_id, e.data
from unnest($4::text[], $5::bigint[], $6::bigint[], $7::smallint[], $8::bigint[], $9::bigint[], $10::jsonb[])
  as e(kind, campaign_id, enrollment_id, step, mailbox_id, lead_id, data)

-- name: list
-- A page after an event, in the order of transactions; stops before what a running one may still put in between.
-- Not in the order of ids alone: a transaction that began later can have taken its ids, and still be running.
select id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data from event
where workspace_id = $1 and transaction_id < pg_snapshot_xmin(pg_current_snapshot())
  and (transaction_id, id)
    > (coalesce((select transaction_id from event where workspace_id = $1 and id = $2), '0'::xid8), $2)
  and ($3::bigint is null or campaign_id = $3)
order by transaction_id, id
limit $4

-- name: newest
-- The newest entries of all, newest first.
select id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data from event
where workspace_id = $1
order by id desc
limit $2

-- name: newest_of_campaign
-- The newest entries of a campaign, newest first.
select id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data from event
where workspace_id = $1 and campaign_id = $2
order by id desc
limit $3

-- name: end
-- Where the log ends: the place of the last event that can be told now.
select transaction_id, id from event
where workspace_id = $1 and transaction_id < pg_snapshot_xmin(pg_current_snapshot())
order by transaction_id desc, id desc
limit 1

-- name: place
-- The place of an event in the log.
select transaction_id, id from event where workspace_id = $1 and id = $2

-- name: follow
-- What each of these workspaces has after its place, a limit of each, in the order in which it can be told.
select e.* from unnest($1::int[], $2::xid8[], $3::bigint[]) as w(workspace_id, transaction_id, id)
cross join lateral (
  select workspace_id, transaction_id, id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data
  from event
  where workspace_id = w.workspace_id and transaction_id < pg_snapshot_xmin(pg_current_snapshot())
    and (transaction_id, id) > (w.transaction_id, w.id) and ($4::bigint is null or campaign_id = $4)
  order by transaction_id, id
  limit $5
) e
order by e.workspace_id, e.transaction_id, e.id
