-- name: renew
-- A worker at work keeps the messages that it knows to be in transit, and with them the mailboxes that send one at a
-- time. What ran out and that nobody took is kept too. Rows that are just being written need no renewal, so none is
-- waited for.
with kept as (
  update message set lease_until = $5
  where state = 'sending' and (workspace_id, enrollment_id, step) in (
    select m.workspace_id, m.enrollment_id, m.step
    from unnest($2::integer[], $3::bigint[], $4::smallint[]) as k(workspace_id, enrollment_id, step)
    join message m on m.workspace_id = k.workspace_id and m.enrollment_id = k.enrollment_id and m.step = k.step
    where m.state = 'sending' and m.worker = $1
    for update of m skip locked)
  returning workspace_id, enrollment_id, step, mailbox_id
), busy as (
  update mailbox_pace p set busy_until = $5
  from (
    select q.workspace_id, q.mailbox_id from mailbox_pace q
    where (q.workspace_id, q.mailbox_id) in (select workspace_id, mailbox_id from kept) and q.busy_until is not null
    for update of q skip locked) free
  where p.workspace_id = free.workspace_id and p.mailbox_id = free.mailbox_id
)
select workspace_id, enrollment_id, step from kept

-- name: disown
-- Messages of a mark whose answer was lost on the way: the worker has written nothing of them.
update message m
set state = 'cancelled', cause = 'not_begun', settled_at = $5, lease_until = null
where m.workspace_id = $1 and m.enrollment_id = any($2::bigint[]) and m.worker = $3 and m.marked_at = $4
  and m.state = 'sending'
returning m.enrollment_id, m.step, m.campaign_id, m.lead_id, m.mailbox_id, m.attempt, m.refusals, m.marked_at

-- name: cancel_abandoned
-- Messages that would be tried again, of leads that were taken out meanwhile (or have come back in, behind that step), or in
-- a campaign that is stopped: they are not.
update message m
set state = 'cancelled', settled_at = $3,
    cause = case when e.state = 'stopped' then e.cause when c.status = 'stopped' then 'campaign_stopped' else 'readmitted' end
from enrollment e, campaign c
where m.workspace_id = $1 and m.enrollment_id = any($2::bigint[]) and m.state = 'deferred'
  and e.workspace_id = $1 and e.id = m.enrollment_id and c.workspace_id = $1 and c.id = e.campaign_id
  and (e.state = 'stopped' or c.status = 'stopped' or e.step > m.step)
returning m.enrollment_id, m.lead_id, m.step, m.cause

-- name: overdue_messages
-- Messages in transit whose lease ran out, or whose worker is known to be dead ($3): their fate cannot be known.
select m.workspace_id, m.campaign_id, m.enrollment_id, m.step, m.mailbox_id, m.worker, m.attempt
from message m
where m.state = 'sending' and (m.lease_until <= $1 or m.worker = $3)
order by m.workspace_id, m.campaign_id, m.enrollment_id
limit $2
for update skip locked

-- name: lose
-- Their state becomes unknown.
update message m
set state = 'unknown', cause = $5, settled_at = $4, lease_until = null
from unnest($2::bigint[], $3::smallint[]) as u(enrollment_id, step)
where m.workspace_id = $1 and m.enrollment_id = u.enrollment_id and m.step = u.step and m.state = 'sending'
returning m.enrollment_id, m.step, m.campaign_id, m.lead_id, m.mailbox_id

-- name: overdue_claims
-- Claims whose lease ran out, or whose worker is known to be dead ($3), with nothing on the wire.
select e.workspace_id, e.id
from enrollment e
where e.state = 'claimed' and (e.lease_until <= $1 or e.claimed_by = $3)
  and not exists (
    select from message m where m.workspace_id = e.workspace_id and m.enrollment_id = e.id and m.step = e.step
      and m.state = 'sending')
order by e.workspace_id, e.id
limit $2
for update skip locked

-- name: return_claims
-- They wait again. Asked anew now that they are locked: a mark only locks the enrollment, so one that committed between
-- the snapshot and the lock of the question before is seen by this statement alone.
update enrollment e
set state = 'waiting', claimed_by = null, lease_until = null, updated_at = $3
from unnest($1::integer[], $2::bigint[]) as o(workspace_id, id)
where e.workspace_id = o.workspace_id and e.id = o.id and e.state = 'claimed'
  and not exists (
    select from message m where m.workspace_id = e.workspace_id and m.enrollment_id = e.id and m.step = e.step
      and m.state = 'sending')
returning e.workspace_id, e.id

-- name: resolve
-- Evidence settles an unknown message: by its key and state.
update message
set state = $4, cause = $5, settled_at = $6
where workspace_id = $1 and enrollment_id = $2 and step = $3 and state = 'unknown'
returning campaign_id, lead_id, mailbox_id

-- name: answered
-- Unknown messages that something has come back to: that names them, so that it is no older mail of the same lead.
select m.enrollment_id, m.step
from unnest($2::bigint[], $3::smallint[]) as u(enrollment_id, step)
join message m on m.workspace_id = $1 and m.enrollment_id = u.enrollment_id and m.step = u.step
where m.state = 'unknown' and (
  exists (select from inbound i where i.workspace_id = $1 and i.lead_id = m.lead_id and i.in_reply_to = m.message_id)
  -- or to a copy of them, which is no lead's
  or exists (
    select from message_copy c
    where c.workspace_id = $1 and c.campaign_id = m.campaign_id and c.enrollment_id = m.enrollment_id)
  and exists (
    select from inbound i
    where i.workspace_id = $1 and i.campaign_id = m.campaign_id and i.lead_id is null and i.in_reply_to = m.message_id))

-- name: go_on_after_unknown
-- The enrollment that was held for it goes on, or ends.
update enrollment e
set state = $4, step = $5, cause = null, updated_at = $7,
    due_at = coalesce(c.clock_stopped_at, $7) - c.clock_offset + make_interval(secs => $6::double precision)
from campaign c
where e.workspace_id = $1 and e.id = $2 and e.step = $3 and e.state = 'held' and e.cause = 'unknown_outcome'
  and c.workspace_id = $1 and c.id = e.campaign_id
returning e.id

-- name: wait_after_unknown
-- Enrollments that were held for a message which was not taken, as its worker knows now: they wait again at the same
-- step, some until a time, with the reason.
update enrollment e
set state = 'waiting', cause = null, not_before = b.not_before, wait_reason = b.wait_reason, updated_at = $6
from unnest($2::bigint[], $3::smallint[], $4::timestamptz[], $5::text[]) as b(id, step, not_before, wait_reason), message m
where e.workspace_id = $1 and e.id = b.id and e.step = b.step and e.state = 'held' and e.cause = 'unknown_outcome'
  and m.workspace_id = $1 and m.enrollment_id = e.id and m.step = e.step and m.state in ('deferred', 'cancelled')

-- name: stop_after_unknown
-- The late word on an unknown message was a refusal: the lead that was held for it, or that went on to a later step, is
-- taken out. What is in transit finishes.
update enrollment
set state = 'stopped', cause = $4, claimed_by = null, lease_until = null, not_before = null, wait_reason = null,
    parked_under = null, updated_at = $5
where workspace_id = $1 and id = $2 and ((step = $3 and state = 'held' and cause = 'unknown_outcome')
  or (step > $3 and state in ('waiting', 'claimed', 'held')))
returning lead_id
