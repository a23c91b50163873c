-- Where rows are named by arrays, these are a subquery with `offset 0` that has the workspace, and the state looked for,
-- as columns. The planner does not see through it, so that rows are always looked up by their key, one by one. Where it
-- does see through, it takes what it knows of a table that was nearly empty a minute ago for all rows of a workspace.
-- Rows out of a query come as arrays too: the planner takes a limit that it does not know for a tenth of all rows. And
-- `> 0` is always true: it lets the planner expect three rows, for which it goes by the key whatever else it believes.

-- name: runnable
-- The running campaigns that no hold at campaign or workspace level keeps back.
select c.workspace_id, c.id, c.version
from campaign c
where c.status = 'running' and not c.archived
  and not exists (
    select from hold h where h.workspace_id = c.workspace_id and h.released_at is null
      and (h.level = 'workspace' or (h.level = 'campaign' and h.subject = c.id::text)))
order by c.workspace_id, c.id

-- name: ready_mailboxes
-- The mailboxes of a campaign's pool that may be ready now, and their load; those that waited longest first,
-- and of those that never wait, others at each moment.
select m.id, m.version, p.day, p.used, p.ready_at, p.busy_until
from campaign c
join pool_mailbox pm on pm.workspace_id = c.workspace_id and pm.pool_id = c.pool_id
join mailbox m on m.workspace_id = pm.workspace_id and m.id = pm.mailbox_id
join mailbox_pace p on p.workspace_id = m.workspace_id and p.mailbox_id = m.id
where c.workspace_id = $1 and c.id = $2 and not m.archived
  and (p.ready_at is null or p.ready_at <= $3)
  and (p.wait_until is null or p.wait_until <= $4)
  and (p.busy_until is null or p.busy_until <= $4)
  and not exists (
    select from hold h where h.workspace_id = m.workspace_id and h.released_at is null
      and h.level = 'mailbox' and h.subject = m.id::text)
order by p.ready_at nulls first, md5(m.id::text || $4::text)
limit $5

-- name: ready_for_follow_ups
-- The same, but only those that a follow-up of the campaign is due from: idle ones of a large pool must not hide them.
select m.id, m.version, p.day, p.used, p.ready_at, p.busy_until
from campaign c
join pool_mailbox pm on pm.workspace_id = c.workspace_id and pm.pool_id = c.pool_id
join mailbox m on m.workspace_id = pm.workspace_id and m.id = pm.mailbox_id
join mailbox_pace p on p.workspace_id = m.workspace_id and p.mailbox_id = m.id
where c.workspace_id = $1 and c.id = $2 and not m.archived
  and (p.ready_at is null or p.ready_at <= $3)
  and (p.wait_until is null or p.wait_until <= $4)
  and (p.busy_until is null or p.busy_until <= $4)
  and not exists (
    select from hold h where h.workspace_id = m.workspace_id and h.released_at is null
      and h.level = 'mailbox' and h.subject = m.id::text)
  and exists (
    select from enrollment e
    where e.workspace_id = c.workspace_id and e.campaign_id = c.id and e.mailbox_id = m.id
      and e.state = 'waiting' and e.not_before is null and e.due_at <= $6)
order by p.ready_at nulls first, m.id
limit $5

-- name: campaign_load
-- What a campaign has used of its daily quotas, and when its gap ends.
select day, used, opened, ready_at from campaign_pace where workspace_id = $1 and campaign_id = $2

-- name: claim_follow_ups
-- Due follow-ups, oldest first, for each mailbox at most its room.
with slot as (
  select * from unnest($5::bigint[], $6::integer[]) as s(mailbox_id, room)
), due as (
  select d.id from slot cross join lateral (
    select e.id, e.due_at from enrollment e
    where e.workspace_id = $1 and e.campaign_id = $2 and e.mailbox_id = slot.mailbox_id
      and e.state = 'waiting' and e.not_before is null and e.due_at <= $3
    order by e.due_at
    limit slot.room
    for update skip locked) d
  order by d.due_at
  limit $4
), claimed as (
  update enrollment e
  set state = 'claimed', claimed_by = $7, lease_until = $8, updated_at = $9
  from (
    select $1::integer as workspace_id, id from unnest(array(select id from due)) as u(id) where u.id > 0 offset 0) d
  where e.workspace_id = d.workspace_id and e.id = d.id
  returning e.id, e.lead_id, e.step, e.due_at, e.mailbox_id, e.fields
)
select c.id, c.lead_id, c.step, c.due_at, c.mailbox_id, l.address, l.address_key, l.domain,
  case when c.fields is null then l.fields else l.fields || c.fields end as fields, l.zone, thread.message_ids, thread.subjects
from claimed c
join lead l on l.workspace_id = $1 and l.id = c.lead_id
cross join lateral (
  select array_agg(m.message_id order by m.step) as message_ids, array_agg(m.subject order by m.step) as subjects
  from message m
  where m.workspace_id = $1 and m.enrollment_id = c.id and m.step < c.step and m.state in ('sent', 'unknown')) thread
order by c.due_at, c.id

-- name: claim_openings
-- Due leads that no mailbox has written to yet, oldest first.
with due as (
  select e.id from enrollment e
  where e.workspace_id = $1 and e.campaign_id = $2 and e.mailbox_id is null
    and e.state = 'waiting' and e.not_before is null and e.due_at <= $3
  order by e.mailbox_id, e.due_at  -- the former is null for all: only so does the planner see the index's own order
  limit $4
  for update skip locked
), claimed as (
  update enrollment e
  set state = 'claimed', claimed_by = $5, lease_until = $6, updated_at = $7
  from (
    select $1::integer as workspace_id, id from unnest(array(select id from due)) as u(id) where u.id > 0 offset 0) d
  where e.workspace_id = d.workspace_id and e.id = d.id
  returning e.id, e.lead_id, e.step, e.due_at, e.fields
)
select c.id, c.lead_id, c.step, c.due_at, l.address, l.address_key, l.domain,
  case when c.fields is null then l.fields else l.fields || c.fields end as fields, l.zone
from claimed c
join lead l on l.workspace_id = $1 and l.id = c.lead_id
order by c.due_at, c.id

-- name: give_back
-- Claimed enrollments wait again, from the same position; some are parked until a time, with the reason. Never one
-- whose message is in transit, nor one at another step: a belated call must not loosen what the same worker has since.
update enrollment e
set state = 'waiting', claimed_by = null, lease_until = null,
    not_before = b.not_before, wait_reason = b.wait_reason, updated_at = $5,
    parked_under = case when b.not_before is not null then $8::integer end
from (
  select $1::integer as workspace_id, 'claimed' as was, *
  from unnest($3::bigint[], $9::smallint[], $6::timestamptz[], $7::text[]) as b(id, step, not_before, wait_reason)
  where b.id > 0 offset 0) b
where e.workspace_id = b.workspace_id and e.id = b.id and e.state = b.was and e.step = b.step and e.claimed_by = $4
  and e.campaign_id + 0 = $2  -- an expression: or an index of the campaign might be taken for as good as the key
  and not exists (
    select from message m
    where m.workspace_id = $1 and m.enrollment_id = e.id and m.step = e.step and m.state = 'sending')
returning e.id

-- name: set_aside
-- Claimed enrollments that cannot go on as they are, at these steps: held or stopped, with the cause.
update enrollment e
set state = a.state, cause = a.cause, claimed_by = null, lease_until = null, updated_at = $4
from (
  select $1::integer as workspace_id, 'claimed' as was, *
  from unnest($2::bigint[], $7::smallint[], $5::text[], $6::text[]) as a(id, step, state, cause)
  where a.id > 0 offset 0) a
where e.workspace_id = a.workspace_id and e.id = a.id and e.state = a.was and e.step = a.step and e.claimed_by = $3
returning e.id, e.campaign_id, e.lead_id, e.step, e.state, e.cause

-- name: pass_over
-- Steps that are not sent to these leads (a condition that does not hold, a step skipped as overdue): the ledger says so.
with passed as (
  select * from unnest($3::bigint[], $4::smallint[], $5::text[]) as p(id, step, cause)
), ledger as (
  insert into message (workspace_id, enrollment_id, step, campaign_id, lead_id, variant, state, cause, recipient,
    attempt, settled_at)
  select $1, e.id, e.step, e.campaign_id, e.lead_id, 0, 'cancelled', p.cause, l.address, 0, $7
  from passed p
  join enrollment e on e.workspace_id = $1 and e.campaign_id = $2 and e.id = p.id and e.step = p.step
    and e.state = 'claimed' and e.claimed_by = $6
  join lead l on l.workspace_id = $1 and l.id = e.lead_id
  on conflict (workspace_id, enrollment_id, step) do update set cause = excluded.cause, settled_at = excluded.settled_at,
    state = 'cancelled' where message.state in ('deferred', 'cancelled')
  returning enrollment_id, step, lead_id, cause
)
select enrollment_id, step, lead_id, cause from ledger

-- name: advance
-- Claimed enrollments go on: to the next step, due after its delay in campaign time, or to the end.
update enrollment e
set state = a.state, step = a.step, claimed_by = null, lease_until = null, not_before = null, wait_reason = null,
    parked_under = null, mailbox_id = coalesce(e.mailbox_id, a.mailbox_id), updated_at = $4,
    due_at = make_interval(secs => a.delay_seconds) + (
      select coalesce(c.clock_stopped_at, $4) - c.clock_offset from campaign c where c.workspace_id = $1 and c.id = $2)
from (
  select $1::integer as workspace_id, 'claimed' as was, *
  from unnest($3::bigint[], $5::smallint[], $6::text[], $7::smallint[], $8::double precision[], $9::bigint[])
    as a(id, from_step, state, step, delay_seconds, mailbox_id) where a.id > 0 offset 0) a
where e.workspace_id = a.workspace_id and e.id = a.id and e.state = a.was and e.step = a.from_step
returning e.id, e.lead_id, e.state

-- name: bind
-- The first message came to the wire: it and all later steps leave from its mailbox.
update enrollment e set mailbox_id = b.mailbox_id
from (
  select $1::integer as workspace_id, * from unnest($2::bigint[], $3::bigint[]) as b(id, mailbox_id)
  where b.id > 0 offset 0) b
where e.workspace_id = b.workspace_id and e.id = b.id and e.mailbox_id is null

-- name: unbound
-- How many of these have no mailbox yet: nothing to them came to the wire.
select count(*) from enrollment where workspace_id = $1 and id = any($2::bigint[]) and mailbox_id is null

-- name: behind_gate
-- All that a mark needs to know, in one statement, since whoever pauses waits for it: the campaign, the holds and
-- suppressions that touch these messages (of the campaign's group too), and the present versions of their mailboxes.
select c.status, c.version, c.archived, c.started_at, c.clock_offset,
  array(
    select h.level || ':' || h.subject from hold h
    where h.workspace_id = $1 and h.released_at is null
      and (h.level = 'workspace'
        or (h.level = 'campaign' and h.subject = $2::bigint::text)
        or (h.level = 'mailbox' and h.subject = any($3::bigint[]::text[]))
        or (h.level = 'domain' and h.subject = any($4::text[]))
        or (h.level = 'lead' and h.subject = any($5::bigint[]::text[])))) as holds,
  array(
    select s.kind || ':' || s.value from suppression s
    where s.workspace_id = $1 and s.kind = 'address' and s.value = any($6::text[])
    union all  -- with `or`, the planner reads all suppressions of the workspace while they are some thousands
    select s.kind || ':' || s.value from suppression s
    where s.workspace_id = $1 and s.kind = 'domain' and s.value = any($4::text[])
    union all
    select 'address:' || r.value from campaign_suppression_group b
    join suppression_group_member r on r.workspace_id = $1 and r.group_id = b.group_id and r.value = any($6::text[])
    where b.workspace_id = $1 and b.campaign_id = $2
  ) as suppressions,
  array(
    select m.id from mailbox m join pool_mailbox p on p.workspace_id = $1 and p.pool_id = c.pool_id and p.mailbox_id = m.id
    where m.workspace_id = $1 and m.id = any($3::bigint[]) and not m.archived order by m.id) as mailbox_ids,
  array(
    select m.version from mailbox m join pool_mailbox p on p.workspace_id = $1 and p.pool_id = c.pool_id and p.mailbox_id = m.id
    where m.workspace_id = $1 and m.id = any($3::bigint[]) and not m.archived order by m.id) as versions
from campaign c where c.workspace_id = $1 and c.id = $2

-- name: lock_mailbox_paces
-- The load of these mailboxes, for this mark alone. In the order of ids, so that two marks never wait for each other in a ring.
select p.mailbox_id, p.day, p.used, p.ready_at, p.busy_until
from mailbox_pace p
where p.workspace_id = $1 and p.mailbox_id = any($2::bigint[])
order by p.mailbox_id
for update

-- name: save_mailbox_paces
-- The load of these mailboxes after a mark.
update mailbox_pace p
set day = n.day, used = n.used, ready_at = n.ready_at, busy_until = n.busy_until
from (
  select $1::integer as workspace_id, *
  from unnest($2::bigint[], $3::date[], $4::integer[], $5::timestamptz[], $6::timestamptz[])
    as n(mailbox_id, day, used, ready_at, busy_until) where n.mailbox_id > 0 offset 0) n
where p.workspace_id = n.workspace_id and p.mailbox_id = n.mailbox_id

-- name: lock_campaign_pace
-- The quotas and the gap of this campaign, for this mark alone.
select day, used, opened, ready_at from campaign_pace where workspace_id = $1 and campaign_id = $2 for update

-- name: save_campaign_pace
-- The quotas and the gap of this campaign after a mark.
update campaign_pace set day = $3, used = $4, opened = $5, ready_at = $6 where workspace_id = $1 and campaign_id = $2

-- name: mark
-- The only gate to the wire: claimed enrollments under a good lease get their message in `sending`. They are locked and
-- not changed: whoever pauses waits for this, and a new version of a row costs an entry in each of its indexes.
with wanted as (
  select $1::integer as workspace_id, *
  from unnest($3::bigint[], $4::smallint[], $5::bigint[], $6::smallint[], $7::text[], $8::text[], $9::text[])
    as w(id, step, mailbox_id, variant, message_id, subject, recipient)
  where w.id > 0 offset 0
), locked as (
  select e.id, e.step, e.campaign_id, e.lead_id, e.state, e.claimed_by, e.lease_until,
    w.step as wanted_step, w.mailbox_id, w.variant, w.message_id, w.subject, w.recipient
  from wanted w
  join enrollment e on e.workspace_id = w.workspace_id and e.id = w.id
  order by e.id
  for no key update of e
), taken as (
  -- asked of the locked rows, so that they are looked up by their key whatever else is claimed
  select * from locked
  where campaign_id = $2 and step = wanted_step and state = 'claimed' and claimed_by = $10 and lease_until > $11
)
insert into message as m (workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state,
  message_id, subject, recipient, attempt, worker, lease_until, marked_at)
select $1, t.id, t.step, $2, t.lead_id, t.variant, t.mailbox_id, 'sending',
  t.message_id, t.subject, t.recipient, 1, $10, $12, $11
from taken t
on conflict (workspace_id, enrollment_id, step) do update
set state = 'sending', cause = null, variant = excluded.variant, mailbox_id = excluded.mailbox_id,
    message_id = excluded.message_id, subject = excluded.subject, recipient = excluded.recipient,
    attempt = m.attempt + 1, worker = excluded.worker, lease_until = excluded.lease_until,
    marked_at = excluded.marked_at, settled_at = null, stage = null, reply_code = null, reply = null
where m.state in ('deferred', 'cancelled')
returning m.enrollment_id, m.step, m.attempt, m.refusals

-- name: already_there
-- Which of these the ledger already has an end of: marking them again would send a step twice.
select m.enrollment_id from message m
join unnest($2::bigint[], $3::smallint[]) as w(id, step) on m.enrollment_id = w.id and m.step = w.step
where m.workspace_id = $1 and m.state not in ('deferred', 'cancelled')

-- name: settle
-- What became of marked messages. Only the worker that marked this very attempt may say, and an unknown may still be
-- settled by it: that it was not taken, only while its lead is held for it, or a step might go out after a later one.
update message m
set state = o.state, cause = o.cause, settled_at = $12, lease_until = null, refusals = m.refusals + o.refused,
    stage = o.stage, reply_code = o.reply_code, reply = o.reply
from (
  select $1::integer as workspace_id, *
  from unnest($2::bigint[], $3::smallint[], $4::smallint[], $5::text[], $6::text[], $7::smallint[], $8::text[],
    $9::smallint[], $10::text[]) as o(enrollment_id, step, attempt, state, cause, refused, stage, reply_code, reply)
  where o.enrollment_id > 0 offset 0) o
where m.workspace_id = o.workspace_id and m.enrollment_id = o.enrollment_id and m.step = o.step
  and m.attempt = o.attempt and m.worker = $11
  -- as a case: or the planner would read the indexes that are made for one state
  and case m.state
    when 'sending' then true
    when 'unknown' then o.state in ('sent', 'rejected') or (o.state in ('deferred', 'cancelled') and exists (
      select from enrollment e
      where e.workspace_id = $1 and e.id = m.enrollment_id and e.step = m.step
        and e.state = 'held' and e.cause = 'unknown_outcome'))
    else false
  end
returning m.enrollment_id, m.step, m.campaign_id, m.lead_id, m.mailbox_id, m.state, m.refusals, m.marked_at,
  (select c.version from campaign c where c.workspace_id = $1 and c.id = $13) as version

-- name: refund_mailboxes
-- A place in the day's count comes back for what was not taken by a server, and ends a wait for such a place; the gap
-- counts from the end of the last message. What is told late must not free a mailbox that sends another one by now.
update mailbox_pace p
set used = case when p.day = n.day then greatest(p.used - n.refund, 0) else p.used end,
    ready_at = greatest(p.ready_at, n.ready_at),
    busy_until = case when p.busy_until is not null and p.mailbox_id in (
      select m.mailbox_id from message m where m.workspace_id = $1 and m.state = 'sending') then p.busy_until end,
    wait_until = case when p.day = n.day and n.refund > 0 and p.wait_reason in ('daily_cap', 'ramp') then null
      else p.wait_until end,
    wait_reason = case when p.day = n.day and n.refund > 0 and p.wait_reason in ('daily_cap', 'ramp') then null
      else p.wait_reason end
from (
  select $1::integer as workspace_id, *
  from unnest($2::bigint[], $3::date[], $4::integer[], $5::timestamptz[]) as n(mailbox_id, day, refund, ready_at)
  where n.mailbox_id > 0 offset 0) n
where p.workspace_id = n.workspace_id and p.mailbox_id = n.mailbox_id

-- name: refund_campaign
-- The same for a campaign's quotas and its gap.
update campaign_pace
set used = case when day = $3 then greatest(used - $4, 0) else used end,
    opened = case when day = $3 then greatest(opened - $5, 0) else opened end,
    ready_at = greatest(ready_at, $6)
where workspace_id = $1 and campaign_id = $2

-- name: is_in_transit
-- Whether a message of a campaign is on its way. A statement of its own: asked together with the lock, it would not see
-- what was marked while that was waited for.
select exists (select from message where workspace_id = $1 and campaign_id = $2 and state = 'sending')

-- name: mailbox_waits
-- Puts a mailbox off until a time, with the reason; never brings it forward.
update mailbox_pace p
set wait_until = n.until, wait_reason = n.reason
from (
  select $1::integer as workspace_id, *
  from unnest($2::bigint[], $3::timestamptz[], $4::text[]) as n(mailbox_id, until, reason)
  where n.mailbox_id > 0 offset 0) n
where p.workspace_id = n.workspace_id and p.mailbox_id = n.mailbox_id
  and (p.wait_until is null or p.wait_until < n.until)

-- name: unpark
-- Parked enrollments whose time has come.
with due as (
  select workspace_id, id from enrollment
  where state = 'waiting' and not_before <= $1
  order by not_before
  limit $2
  for update skip locked
)
update enrollment e set not_before = null, wait_reason = null, parked_under = null, updated_at = $1
from (
  select * from unnest(array(select workspace_id from due), array(select id from due)) as u(workspace_id, id)
  where u.id > 0 offset 0) d
where e.workspace_id = d.workspace_id and e.id = d.id
returning e.workspace_id, e.campaign_id

-- name: wake
-- Enrollments that were parked by windows, zones or dates which their campaign no longer has. An edit changes one row,
-- and this finds what it concerns, a part at a time; a belated claim by the old content is found as well.
with stale as (
  select e.workspace_id, e.id from campaign c
  cross join lateral (
    select e.workspace_id, e.id from enrollment e
    where e.workspace_id = c.workspace_id and e.campaign_id = c.id and e.state = 'waiting'
      and e.parked_under is not null and e.parked_under < c.timing
    order by e.parked_under  -- or, where much is parked, the planner would rather read every row than the index
    limit $2
    for update skip locked) e
  where c.status = 'running' and c.timing > 1
  limit $2
)
update enrollment e set not_before = null, wait_reason = null, parked_under = null, updated_at = $1
from (
  select * from unnest(array(select workspace_id from stale), array(select id from stale)) as u(workspace_id, id)
  where u.id > 0 offset 0) d
where e.workspace_id = d.workspace_id and e.id = d.id
returning e.id

-- name: see_worker
-- A worker says that it is there.
insert into worker (id, host, process_id, slots, started_at, seen_at) values ($1, $2, $3, $4, $5, $5)
on conflict (id) do update set seen_at = $5, slots = $4

-- name: forget_worker
-- A worker has left, and has nothing any more.
delete from worker where id = $1

-- name: worker_seen
-- Whether any worker was there after an instant.
select exists (select from worker where seen_at > $1)

-- name: workers
-- The workers that are there, or were.
select id, host, process_id, slots, started_at, seen_at from worker order by started_at, id
