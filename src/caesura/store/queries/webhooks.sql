-- name: insert
-- A new webhook, without its secret: that is sealed under its id.
insert into webhook (workspace_id, dialect, url, events, description, active, disabled_cause, extra, created_at,
  updated_at)
values ($1, $2, $3, $4, $5, $6, case when $6 then null else 'manual' end, $7, $8, $8)
returning id

-- name: begin_cursor
-- The workspace's first webhook: the fan-out goes on from here. A later one locks the cursor: whoever counts the webhooks
-- after this counts those of all who were before.
insert into webhook_cursor (workspace_id, transaction_id, event_id) values ($1, pg_current_xact_id(), 0)
on conflict (workspace_id) do update set event_id = webhook_cursor.event_id

-- name: count
-- How many webhooks a workspace has, through all doors.
select count(*) from webhook where workspace_id = $1 and deleted_at is null

-- name: get
-- One webhook of a door; with $4 also one that was deleted, for its log.
select * from webhook where workspace_id = $1 and dialect = $2 and id = $3 and (deleted_at is null or $4)

-- name: lock
-- One webhook of a door, about to be changed.
select * from webhook where workspace_id = $1 and dialect = $2 and id = $3 and deleted_at is null for no key update

-- name: list
-- A page of a door's webhooks, newest first, below a cursor.
select * from webhook
where workspace_id = $1 and dialect = $2 and id < coalesce($3::bigint, 9223372036854775807) and deleted_at is null
order by id desc
limit $4

-- name: update
-- What its owner may change. Enabled anew, it is told what happens from now on; that, or another address, is a new chance.
update webhook set url = $3, events = $4, description = $5, active = $6, disabled_cause = $7, extra = $8,
  begins = case when $6 and not active then pg_current_xact_id() else begins end,
  failing_since = case when $6 and not active or url <> $3 then null else failing_since end,
  version = version + 1, updated_at = $9
where workspace_id = $1 and id = $2
returning *

-- name: set_secret
-- A new secret; the one before stays good for a while, or not at all.
update webhook set secret = $3, previous_secret = $4, previous_until = $5, version = version + 1, updated_at = $6
where workspace_id = $1 and id = $2
returning *

-- name: disable
-- Off, by itself.
update webhook set active = false, disabled_cause = $3, version = version + 1, updated_at = $4
where workspace_id = $1 and id = $2 and active
returning dialect

-- name: delete
-- Gone, and its secrets with it. The row stays for its log.
update webhook set deleted_at = $3, updated_at = $3, active = false, disabled_cause = 'deleted', secret = null,
  previous_secret = null, previous_until = null
where workspace_id = $1 and id = $2

-- name: cancel
-- What was still to be sent to a webhook is not.
update webhook_delivery set state = 'cancelled', due_at = null, settled_at = $3
where workspace_id = $1 and webhook_id = $2 and state = 'pending'

-- name: add_deliveries
-- Requests to be sent, due at once.
insert into webhook_delivery (workspace_id, webhook_id, key, name, event_ids, campaign_id, enrollment_id, body, due_at,
  created_at)
select $1, d.webhook_id, d.key, d.name,
  string_to_array(d.event_ids, ',')::bigint[], d.campaign_id, d.enrollment_id, d.body, $9, $9
from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bytea[])
  with ordinality as d(webhook_id, key, name, event_ids, campaign_id, enrollment_id, body, place)
order by d.place
returning id

-- name: repeat
-- The same request once more, to be sent anew.
insert into webhook_delivery (workspace_id, webhook_id, key, name, event_ids, campaign_id, enrollment_id, body, due_at,
  created_at)
select workspace_id, webhook_id, key, name, event_ids, campaign_id, enrollment_id, body, $4, $4
from webhook_delivery
where workspace_id = $1 and webhook_id = $2 and id = $3
returning id

-- name: deliveries
-- A page of a webhook's log, newest first, each with its newest attempt.
select d.workspace_id, d.id, d.webhook_id, d.key, d.name, d.event_ids, d.campaign_id, d.state, d.attempts, d.due_at,
  d.created_at, d.settled_at, a.at as attempted_at, a.duration_ms, a.status_code, a.error, a.response
from webhook_delivery d
left join lateral (
  select * from webhook_attempt where workspace_id = d.workspace_id and delivery_id = d.id order by id desc limit 1
) a on true
where d.workspace_id = $1 and d.webhook_id = $2 and d.id < coalesce($3::bigint, 9223372036854775807)
  and ($4::text[] is null or d.state = any($4)) and ($5::bigint is null or d.id = $5)
order by d.id desc
limit $6 offset $7

-- name: count_deliveries
-- How many entries a webhook's log has.
select count(*) from webhook_delivery
where workspace_id = $1 and webhook_id = $2 and ($3::text[] is null or state = any($3))

-- name: attempts
-- A page of a webhook's attempts, newest first; of one delivery, or of all.
select * from webhook_attempt
where workspace_id = $1 and webhook_id = $2 and id < coalesce($3::bigint, 9223372036854775807)
  and ($4::bigint is null or delivery_id = $4)
order by id desc
limit $5

-- name: attempt_log
-- A numbered page of a webhook's attempts, newest first, with the name of what was told: those that came through, those
-- that failed, or all.
select a.*, d.name
from webhook_attempt a join webhook_delivery d on d.workspace_id = a.workspace_id and d.id = a.delivery_id
where a.workspace_id = $1 and a.webhook_id = $2 and ($3::boolean is null or (a.error is null) = $3)
order by a.id desc
limit $4 offset $5

-- name: count_attempts
-- How many of these there are.
select count(*) from webhook_attempt
where workspace_id = $1 and webhook_id = $2 and ($3::boolean is null or (error is null) = $3)
