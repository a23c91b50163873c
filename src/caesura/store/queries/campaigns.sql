-- name: insert
-- A new campaign, as a draft.
insert into campaign
  (workspace_id, name, cause, actor, status_at, pool_id, definition, starts_at, kind, created_at, updated_at)
values ($1, $2, 'created', $3, $4, $5, $6, $7, $8, $4, $4)
returning id

-- name: insert_pace
-- Its quotas, unused.
insert into campaign_pace (workspace_id, campaign_id) values ($1, $2)

-- name: shift_gap
-- Another gap counts from the same message.
update campaign_pace set ready_at = ready_at + make_interval(secs => $3::double precision)
where workspace_id = $1 and campaign_id = $2

-- name: turn_away
-- How many of a list or an audience may not be written to. Not for its version: no content.
update campaign set turned_away = $3 where workspace_id = $1 and id = $2 and turned_away <> $3

-- name: get
-- One campaign.
select * from campaign where workspace_id = $1 and id = $2

-- name: lock
-- One campaign, kept for this transaction. Not `for update`: whoever enrols has its row under the share lock of a
-- foreign key until the end of a chunk, and a pause must not wait for that behind the closed gate.
select * from campaign where workspace_id = $1 and id = $2 for no key update

-- name: find
-- Campaigns by exact name, the newest first.
select * from campaign where workspace_id = $1 and name = $2 and not archived and kind = 'sequence' order by id desc limit 2

-- name: list
-- A page of campaigns, newest first, below a cursor; with a part of their name, if that is asked for.
select * from campaign
where workspace_id = $1 and id < coalesce($2::bigint, 9223372036854775807)
  and ($3::text is null or status = $3) and (archived = $4 or $4 is null) and kind = 'sequence'
  and ($5::text is null or strpos(lower(name), lower($5)) > 0)
order by id desc
limit $6

-- name: update_definition
-- Edited content: a new version, so that nothing composed before can be marked. A planned start stays planned. With
-- other windows or dates ($8), what is parked by the old ones is asked again.
update campaign
set name = $3, pool_id = $4, definition = $5, version = version + 1, updated_at = $7,
    timing = timing + $8::boolean::integer,
    starts_at = case when status = 'scheduled' then coalesce($6, starts_at) else $6 end
where workspace_id = $1 and id = $2
returning version

-- name: give_pool
-- A campaign that is not running gets its pool: an edit like any other.
update campaign set pool_id = $3, version = version + 1, updated_at = $4
where workspace_id = $1 and id = $2
returning *

-- name: set_status
-- Moves the status by compare-and-set, with everything that goes with it, its entry in the log, and the hint: all in one
-- statement, since whoever pauses waits for each.
with changed as (
  update campaign
  set status = $4::text, cause = $5, actor = $6, reason = $7, updated_at = $8,
      status_at = case when $3::text = $4::text then status_at else $8 end,
      paused_at = $9, quiesced_at = $10, resume_at = $11, clock_mode = $12, clock_offset = $13, clock_stopped_at = $14,
      new_leads = $15, on_overdue = $16, overdue_since = $17, overdue_until = $18, overdue_policy = $19,
      starts_at = $20, started_at = coalesce(started_at, $21)
  where workspace_id = $1 and id = $2 and status = $3::text
  returning *
), logged as (
  insert into event (workspace_id, at, kind, actor, campaign_id, data)
  select workspace_id, $8, $22, $23, id, $24 from changed
  returning pg_notify('caesura', $25)
)
select * from changed

-- name: set_quiesced
-- The last message in transit of a campaign that is paused or being edited has settled.
update campaign set quiesced_at = $3
where workspace_id = $1 and id = $2 and status in ('paused', 'editing') and quiesced_at is null
  and not exists (
    select from message m where m.workspace_id = $1 and m.campaign_id = $2 and m.state = 'sending')
returning id

-- name: set_archived
-- The flag beside the status.
update campaign set archived = $3, updated_at = $4 where workspace_id = $1 and id = $2 returning *

-- name: delete
-- A draft that was never started and has no leads.
delete from campaign where workspace_id = $1 and id = $2

-- name: steps
-- The steps of a campaign, in order.
select id, definition from step where workspace_id = $1 and campaign_id = $2 order by number

-- name: steps_of
-- The steps of several campaigns, each in order.
select campaign_id, id, definition from step
where workspace_id = $1 and campaign_id = any($2::bigint[])
order by campaign_id, number

-- name: insert_steps
-- Its steps.
insert into step (workspace_id, campaign_id, number, id, definition)
select $1, $2, s.number, coalesce(s.id, nextval(pg_get_serial_sequence('step', 'id'))), s.definition
from unnest($3::smallint[], $4::jsonb[], $5::bigint[]) as s(number, definition, id)
order by s.number

-- name: delete_steps
-- Makes room for an edited sequence.
delete from step where workspace_id = $1 and campaign_id = $2

-- name: highest_used_step
-- The last step that anyone has a message of: no edit may take it away.
select coalesce(max(step), 0) from ledger where workspace_id = $1 and campaign_id = $2

-- name: counters
-- Exact counts per state: the sum over the shards.
select coalesce(sum(waiting), 0)::bigint as waiting, coalesce(sum(claimed), 0)::bigint as claimed,
  coalesce(sum(held), 0)::bigint as held, coalesce(sum(finished), 0)::bigint as finished,
  coalesce(sum(stopped), 0)::bigint as stopped, coalesce(sum(sending), 0)::bigint as sending,
  coalesce(sum(sent), 0)::bigint as sent, coalesce(sum(deferred), 0)::bigint as deferred,
  coalesce(sum(rejected), 0)::bigint as rejected, coalesce(sum(unknown), 0)::bigint as unknown,
  coalesce(sum(cancelled), 0)::bigint as cancelled
from campaign_counter where workspace_id = $1 and campaign_id = $2

-- name: counters_of
-- The same of several campaigns.
select campaign_id, sum(waiting)::bigint as waiting, sum(claimed)::bigint as claimed, sum(held)::bigint as held,
  sum(finished)::bigint as finished, sum(stopped)::bigint as stopped, sum(sending)::bigint as sending,
  sum(sent)::bigint as sent, sum(deferred)::bigint as deferred, sum(rejected)::bigint as rejected,
  sum(unknown)::bigint as unknown, sum(cancelled)::bigint as cancelled
from campaign_counter where workspace_id = $1 and campaign_id = any($2::bigint[])
group by campaign_id

-- name: due_by_themselves
-- Campaigns whose start or resume has come.
select workspace_id, id, status from campaign
where ((status = 'scheduled' and starts_at <= $1) or (status = 'paused' and resume_at <= $1)) and not archived
order by workspace_id, id
limit 100

-- name: unquiet
-- Campaigns that are paused or being edited, and that something may still be in transit of.
select workspace_id, id from campaign where status in ('paused', 'editing') and quiesced_at is null
order by workspace_id, id
limit 100

-- name: exhausted
-- Running campaigns with leads, and nothing left to send.
select c.workspace_id, c.id from campaign c
cross join lateral (
  select sum(waiting) as waiting, sum(claimed) as claimed, sum(held) as held, sum(finished) + sum(stopped) as over
  from campaign_counter k where k.workspace_id = c.workspace_id and k.campaign_id = c.id) k
where c.status = 'running' and k.waiting = 0 and k.claimed = 0 and k.held = 0 and k.over > 0
order by c.workspace_id, c.id
limit 100

-- name: is_exhausted
-- The same, asked of one campaign while its row is kept.
select coalesce(sum(waiting) = 0 and sum(claimed) = 0 and sum(held) = 0 and sum(finished) + sum(stopped) > 0, false)
from campaign_counter where workspace_id = $1 and campaign_id = $2

-- name: due_count
-- How many enrollments are due at an instant of campaign time, and how many of these fell due after another instant.
select count(*) as due, count(*) filter (where due_at > $4) as overdue from enrollment
where workspace_id = $1 and campaign_id = $2 and state = 'waiting' and due_at <= $3

-- name: due_by_hour
-- How many enrollments fall due, by step and hour of campaign time, up to a limit; without what fell due in a pause, which
-- began at $5, where that does not go.
select date_trunc('hour', greatest(due_at, $3)) as hour, step, mailbox_id is null as is_opening, count(*) as due
from enrollment
where workspace_id = $1 and campaign_id = $2 and state = 'waiting' and due_at <= $4
  and ($5::timestamptz is null or due_at <= $5 or due_at > $3)
group by 1, 2, 3 order by 1, 2, 3

-- name: held_by_cause
-- What is set aside, by cause.
select cause, count(*) from enrollment
where workspace_id = $1 and campaign_id = $2 and state = 'held'
group by cause order by 2 desc, 1

-- name: notify
-- A hint to whoever listens, never more: nothing hangs on its arrival.
select pg_notify('caesura', $1)
