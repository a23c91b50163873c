-- name: behind
-- Workspaces with webhooks whose log has gone on.
select c.workspace_id from webhook_cursor c
where exists (select from webhook w where w.workspace_id = c.workspace_id and w.active)
  and exists (
    select from event e
    where e.workspace_id = c.workspace_id and (e.transaction_id, e.id) > (c.transaction_id, c.event_id)
      and e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
  )
order by c.workspace_id

-- name: lock_cursor
-- The right to go on in one workspace; nothing while another server does it.
select transaction_id, event_id from webhook_cursor where workspace_id = $1 for update skip locked

-- name: active
-- Whom a workspace tells.
select * from webhook where workspace_id = $1 and active order by id

-- name: news
-- The log after a place, in the order of transactions; stops before what a running one may still put in between.
select transaction_id, workspace_id, id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data
from event
where workspace_id = $1 and transaction_id < pg_snapshot_xmin(pg_current_snapshot()) and (transaction_id, id) > ($2, $3)
order by transaction_id, id
limit $4

-- name: move_cursor
-- So far, all that is to be told has become deliveries.
update webhook_cursor set transaction_id = $2, event_id = $3 where workspace_id = $1

-- name: between
-- The log of a span of time, by the clock as it was, in the order of transactions. Cut before it is put in order: else the
-- way through the order looks cheap, however much of the log is outside of the span.
with found as materialized (
  select transaction_id, workspace_id, id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data
  from event
  where workspace_id = $1 and at >= $2 and at < $3 and transaction_id < pg_snapshot_xmin(pg_current_snapshot())
  limit $4
)
select * from found order by transaction_id, id

-- name: named
-- These events, in the order of transactions.
select transaction_id, workspace_id, id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data
from event
where workspace_id = $1 and id = any($2::bigint[])
order by transaction_id, id

-- name: fact_workspace
-- The workspace itself.
select * from workspace where id = $1

-- name: fact_campaigns
-- The campaigns that events name.
select * from campaign where workspace_id = $1 and id = any($2::bigint[])

-- name: fact_senders
-- The addresses of the mailboxes that send for them.
select c.id, m.address from campaign c
join pool_mailbox p on p.workspace_id = $1 and p.pool_id = c.pool_id
join mailbox m on m.workspace_id = $1 and m.id = p.mailbox_id and not m.archived
where c.workspace_id = $1 and c.id = any($2::bigint[])
order by c.id, m.id

-- name: fact_steps
-- Their steps, in order.
select * from step where workspace_id = $1 and campaign_id = any($2::bigint[]) order by campaign_id, number

-- name: fact_leads
-- The leads that events name.
select * from lead where workspace_id = $1 and id = any($2::bigint[])

-- name: fact_mailboxes
-- The mailboxes that events name; the caller takes the secrets out.
select * from mailbox where workspace_id = $1 and id = any($2::bigint[])

-- name: fact_enrollments
-- The enrollments that events name.
select * from enrollment where workspace_id = $1 and id = any($2::bigint[])

-- name: fact_messages
-- The messages that events name.
select m.* from unnest($2::bigint[], $3::smallint[]) as named(enrollment_id, step)
join ledger m on m.workspace_id = $1 and m.enrollment_id = named.enrollment_id and m.step = named.step

-- name: fact_inbound
-- What came back, as events name it; not its HTML, which can be large.
select id, kind, campaign_id, lead_id, enrollment_id, step, mailbox_id, address, from_address, subject, text, message_id,
       in_reply_to, bounce_type, reason, classification, received_at, extra
from inbound where workspace_id = $1 and id = any($2::bigint[])

-- name: due
-- Webhooks to which something is to be sent now. One look for each: a join would read all that waits for a dead one.
select w.workspace_id, w.id
from webhook w
cross join lateral (
  select from webhook_delivery d
  where d.workspace_id = w.workspace_id and d.webhook_id = w.id and d.state = 'pending' and d.due_at <= $1
  limit 1
) d
where w.active

-- name: webhook
-- The webhook that a job is about, unless it was disabled or deleted meanwhile.
select * from webhook where workspace_id = $1 and id = $2 and active

-- name: first
-- The oldest deliveries of a webhook that are in their first attempts, due or not.
select id, campaign_id, enrollment_id, due_at from webhook_delivery
where workspace_id = $1 and webhook_id = $2 and state = 'pending' and attempts < 2
order by id
limit $3

-- name: later
-- Those due after that.
select id from webhook_delivery
where workspace_id = $1 and webhook_id = $2 and state = 'pending' and attempts >= 2 and due_at <= $3
order by due_at
limit $4

-- name: parcels
-- What is sent of these deliveries.
select id, key, name, body, attempts from webhook_delivery
where workspace_id = $1 and id = any($2::bigint[]) and state = 'pending'
order by id

-- name: add_attempts
-- How attempts went.
insert into webhook_attempt (workspace_id, webhook_id, delivery_id, number, at, duration_ms, status_code, error, response)
select $1, $2, a.delivery_id, a.number, a.at, a.duration_ms, a.status_code, a.error, a.response
from unnest($3::bigint[], $4::smallint[], $5::timestamptz[], $6::int[], $7::smallint[], $8::text[], $9::bytea[])
  as a(delivery_id, number, at, duration_ms, status_code, error, response)

-- name: settle
-- What became of deliveries by their attempt; one that was cancelled, or noted by another, stays as it is.
update webhook_delivery d
set state = s.state, attempts = s.number, due_at = s.due_at, settled_at = case when s.due_at is null then $6::timestamptz end
from unnest($2::bigint[], $3::smallint[], $4::text[], $5::timestamptz[]) as s(id, number, state, due_at)
where d.workspace_id = $1 and d.id = s.id and d.state = 'pending' and d.attempts = s.number - 1

-- name: set_last
-- How it went last, for whoever looks at the webhook, and since when nothing has come through ($5: something has now).
-- After a long silence ($6), that is not known any more: it begins anew.
update webhook set last_status = $3, last_at = $4,
  failing_since = case
    when $5 then null
    when last_at < $4::timestamptz - $6::interval then $4
    else coalesce(failing_since, $4)
  end
where workspace_id = $1 and id = $2
returning failing_since

-- name: prune
-- Old entries of the log, some at a time.
with old as (
  select workspace_id, id from webhook_delivery where created_at < $1 order by created_at limit $2
)
delete from webhook_delivery d
-- as arrays: the planner takes a limit that it does not know for a tenth of all, and would read every row instead
using unnest(array(select workspace_id from old), array(select id from old)) as o(workspace_id, id)
where d.workspace_id = o.workspace_id and d.id = o.id

-- name: prune_webhooks
-- Webhooks that were deleted so long ago that nothing of their log is left.
delete from webhook w
where w.deleted_at < $1
  and not exists (select from webhook_delivery d where d.workspace_id = w.workspace_id and d.webhook_id = w.id)
