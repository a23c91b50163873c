-- name: analyze
-- As for leads: to be called after many were enrolled.
analyze enrollment (workspace_id, id, campaign_id, lead_id, state, mailbox_id, due_at, not_before)

-- name: known_to_planner
-- How many rows the statistics know; -1: there are none yet.
select reltuples::bigint from pg_class where oid = 'enrollment'::regclass

-- name: insert
-- Enrols leads that are not in the campaign yet, and neither suppressed nor refuse its group, in the order given: the first
-- to be given goes first.
insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at, fields, extra)
select $1, $2, l.id, $4, $5, $5, g.fields, $7
from unnest($3::bigint[], $6::jsonb[]) with ordinality as g(id, fields, place)
join lead l on l.workspace_id = $1 and l.id = g.id
where not exists (
    select from suppression s where s.workspace_id = $1 and s.kind = 'address' and s.value = l.address_key)
  and not exists (
    select from suppression s where s.workspace_id = $1 and s.kind = 'domain' and s.value = l.domain)
  and not exists (
      select from campaign_suppression_group b join suppression_group_member r on r.workspace_id = $1 and r.group_id = b.group_id
      where b.workspace_id = $1 and b.campaign_id = $2 and r.value = l.address_key)
order by g.place
on conflict (workspace_id, campaign_id, lead_id) do nothing
returning id, lead_id

-- name: park
-- Enrollments that wait are not claimed before a time; no edit of windows or dates frees them.
update enrollment set not_before = $3, wait_reason = $4, updated_at = $5
where workspace_id = $1 and id = any($2::bigint[]) and state = 'waiting'

-- name: suppressed
-- Which of these leads are suppressed, by their address or its domain, or refuse the campaign's group.
select l.id from lead l
where l.workspace_id = $1 and l.id = any($3::bigint[])
  and (exists (select from suppression s where s.workspace_id = $1 and s.kind = 'address' and s.value = l.address_key)
    or exists (select from suppression s where s.workspace_id = $1 and s.kind = 'domain' and s.value = l.domain)
    or exists (
      select from campaign_suppression_group b join suppression_group_member r on r.workspace_id = $1 and r.group_id = b.group_id
      where b.workspace_id = $1 and b.campaign_id = $2 and r.value = l.address_key))

-- name: insert_list
-- The same for the next members of a list, above a cursor: answers how many there were, and the last one.
with member as (
  select m.lead_id from lead_list_member m
  where m.workspace_id = $1 and m.list_id = $3 and m.lead_id > $6
  order by m.lead_id
  limit $7
), open as (
  select l.id from member join lead l on l.workspace_id = $1 and l.id = member.lead_id
  where not exists (
      select from suppression s where s.workspace_id = $1 and s.kind = 'address' and s.value = l.address_key)
    and not exists (
      select from suppression s where s.workspace_id = $1 and s.kind = 'domain' and s.value = l.domain)
    and not exists (
        select from campaign_suppression_group b join suppression_group_member r on r.workspace_id = $1 and r.group_id = b.group_id
        where b.workspace_id = $1 and b.campaign_id = $2 and r.value = l.address_key)
), enrolled as (
  insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at, extra)
  select $1, $2, open.id, $4, $5, $5, $8 from open order by open.id
  on conflict (workspace_id, campaign_id, lead_id) do nothing
  returning id
)
select (select count(*) from member) as members, (select max(lead_id) from member) as last,
  (select count(*) from open) as open, (select count(*) from enrolled) as enrolled

-- name: of_leads
-- The enrollments of these leads in a campaign.
select lead_id, id from enrollment where workspace_id = $1 and campaign_id = $2 and lead_id = any($3::bigint[])

-- name: get
-- One enrollment, with its lead's address.
select e.*, l.address from enrollment e join lead l on l.workspace_id = e.workspace_id and l.id = e.lead_id
where e.workspace_id = $1 and e.id = $2

-- name: by_lead
-- The enrollment of a lead in a campaign.
select e.*, l.address from enrollment e join lead l on l.workspace_id = e.workspace_id and l.id = e.lead_id
where e.workspace_id = $1 and e.campaign_id = $2 and e.lead_id = $3

-- name: list
-- A page of a campaign's enrollments above a cursor, in the order of leads, which the unique index has.
select e.*, l.address from enrollment e join lead l on l.workspace_id = e.workspace_id and l.id = e.lead_id
where e.workspace_id = $1 and e.campaign_id = $2 and e.lead_id > $3
  and ($4::text is null or e.state = $4) and ($5::text is null or e.cause = $5)
order by e.lead_id
limit $6

-- name: list_of_lead
-- The enrollments of a lead in all campaigns.
select e.*, l.address from enrollment e join lead l on l.workspace_id = e.workspace_id and l.id = e.lead_id
where e.workspace_id = $1 and e.lead_id = $2
order by e.id
limit $3

-- name: lock
-- Enrollments kept for this transaction, and whether a message of their present step is in transit.
select e.id, e.campaign_id, e.lead_id, e.state, e.cause, e.step,
  exists (select from message m where m.workspace_id = $1 and m.enrollment_id = e.id and m.state = 'sending') as in_transit
from enrollment e
where e.workspace_id = $1 and e.id = any($2::bigint[])
order by e.id
for no key update of e

-- name: set_aside
-- Enrollments in one of the states $5 become held or stopped, with the cause. What is held keeps the time of its next try.
update enrollment e
set state = $3, cause = $4, claimed_by = null, lease_until = null, updated_at = $6,
    not_before = case when $3::text = 'held' then e.not_before end,
    wait_reason = case when $3::text = 'held' then e.wait_reason end,
    parked_under = case when $3::text = 'held' then e.parked_under end
where e.workspace_id = $1 and e.id = any($2::bigint[]) and e.state = any($5::text[])
returning e.id, e.campaign_id, e.lead_id, e.step

-- name: stop_leads
-- The same for all enrollments of these leads.
update enrollment e
set state = 'stopped', cause = $3, not_before = null, wait_reason = null, parked_under = null, updated_at = $5
where e.workspace_id = $1 and e.lead_id = any($2::bigint[]) and e.state = any($4::text[])
returning e.id, e.campaign_id, e.lead_id, e.step

-- name: cancel_deferred
-- What these enrollments would have tried again is not tried any more.
update message m
set state = 'cancelled', cause = $3, settled_at = $4
where m.workspace_id = $1 and m.enrollment_id = any($2::bigint[]) and m.state = 'deferred'

-- name: held_for
-- The next enrollments of a campaign that are held for a cause, above a cursor.
select e.id, e.lead_id from enrollment e
where e.workspace_id = $1 and e.campaign_id = $2 and e.state = 'held' and e.cause = $3 and e.lead_id > $4
order by e.lead_id
limit $5

-- name: held_leads
-- Enrollments of these leads that are held for one of these causes.
select e.id from enrollment e
where e.workspace_id = $1 and e.state = 'held' and e.cause = any($2::text[]) and e.lead_id = any($3::bigint[])
order by e.id

-- name: release
-- Held enrollments wait again. What was held to be reviewed falls due anew, after the pause that it fell due in, and
-- if there is another one now, when that began: what a person lets go on has not fallen due in it.
update enrollment e
set state = 'waiting', cause = null, updated_at = $4,
    due_at = case when e.cause = 'overdue_review' then
      greatest(
        case when cardinality(c.overdue_since) > cardinality(c.overdue_until)
          then c.overdue_since[cardinality(c.overdue_since)] else coalesce(c.clock_stopped_at, $4) - c.clock_offset end,
        (select max(u) from unnest(c.overdue_until) u) + interval '1 microsecond',
        e.due_at)
      else e.due_at end
from campaign c
where e.workspace_id = $1 and e.id = any($2::bigint[]) and e.state = 'held' and e.cause = any($3::text[])
  and c.workspace_id = $1 and c.id = e.campaign_id
returning e.id, e.campaign_id, e.lead_id, e.step

-- name: claimed_leads
-- Which of these leads a worker has at this moment.
select distinct e.lead_id from enrollment e
where e.workspace_id = $1 and e.lead_id = any($2::bigint[]) and e.state = 'claimed'

-- name: give_back_leads
-- What workers have claimed of these leads and not begun to send waits again, to be composed anew. Behind the closed
-- gate, so that none of it is being marked meanwhile.
update enrollment e
set state = 'waiting', claimed_by = null, lease_until = null, updated_at = $3
where e.workspace_id = $1 and e.lead_id = any($2::bigint[]) and e.state = 'claimed'
  and not exists (
    select from message m where m.workspace_id = $1 and m.enrollment_id = e.id and m.state = 'sending')
returning e.id

-- name: rebind
-- Of the next enrollments of a campaign above a cursor, those whose mailbox is none of the usable ones ($6) are dealt out
-- over the given ones ($7). What is claimed or in transit is left.
with page as (
  select id, lead_id, mailbox_id, state from enrollment
  where workspace_id = $1 and campaign_id = $2 and lead_id > $3
  order by lead_id
  limit $4
), stranded as (
  select id, row_number() over (order by id) - 1 as place from page
  where mailbox_id is not null and mailbox_id <> all($6::bigint[]) and state in ('waiting', 'held')
), rebound as (
  update enrollment e
  set mailbox_id = ($7::bigint[])[1 + s.place % cardinality($7::bigint[])], updated_at = $5
  from stranded s
  where e.workspace_id = $1 and e.id = s.id and e.state in ('waiting', 'held')
  returning e.id
)
select (select max(lead_id) from page) as last, (select count(*) from rebound) as rebound

-- name: wake_leads
-- Enrollments of these leads that are parked by a window or a date: their zone may be another one now.
update enrollment e
set not_before = null, wait_reason = null, parked_under = null, updated_at = $3
where e.workspace_id = $1 and e.lead_id = any($2::bigint[]) and e.state = 'waiting' and e.parked_under is not null

-- name: lock_stopped
-- Enrollments of these leads that were stopped for one of these causes, kept for this transaction.
select e.id, e.moved_on from enrollment e
where e.workspace_id = $1 and e.campaign_id = $2 and e.lead_id = any($3::bigint[]) and e.state = 'stopped'
  and e.cause = any($4::text[])
order by e.id
for no key update of e

-- name: bring_back
-- What the history has of these enrollments comes back to where a mark looks. Only once they are locked: a statement that
-- had begun before would not see what was moved meanwhile.
with back as (
  delete from message_history h
  using (
    select $1::integer as workspace_id, * from unnest($2::bigint[], $3::date[]) as u(id, moved_on)
    where u.id > 0 offset 0) o
  where h.workspace_id = o.workspace_id and h.enrollment_id = o.id and h.moved_on = o.moved_on
  returning h.*
)
insert into message (workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state, cause,
  message_id, subject, recipient, attempt, refusals, worker, lease_until, marked_at, settled_at, stage, reply_code, reply)
select workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state, cause,
  message_id, subject, recipient, attempt, refusals, worker, lease_until, marked_at, settled_at, stage, reply_code, reply
from back

-- name: stay_out
-- Those of these enrollments that were stopped for one of the causes $3 are so for another one, which is never undone. It
-- waits for whoever is undoing it.
update enrollment set cause = $4, updated_at = $5
where workspace_id = $1 and id = any($2::bigint[]) and state = 'stopped' and cause = any($3::text[])

-- name: begin_anew
-- These locked enrollments wait again: at their step, or behind the last one that was written or may have been. It is due
-- after its delay, as if they came in now, and leaves from the mailbox of what is in transit.
update enrollment e
set state = 'waiting', cause = null, step = n.step, moved_on = null, not_before = null, wait_reason = null,
    parked_under = null, enrolled_at = $4, updated_at = $4, extra = coalesce($5::jsonb, e.extra),
    mailbox_id = coalesce(e.mailbox_id, (
      select m.mailbox_id from message m
      where m.workspace_id = $1 and m.enrollment_id = e.id and m.state in ('sending', 'sent', 'unknown')
      order by m.step desc limit 1)),
    due_at = coalesce(c.clock_stopped_at, $4) - c.clock_offset
      + make_interval(secs => coalesce((s.definition->>'delay')::double precision, 0))
from (
  select w.id, greatest(w.step, 1 + coalesce((
      select max(m.step) from message m
      where m.workspace_id = $1 and m.enrollment_id = w.id and m.state in ('sending', 'sent', 'rejected', 'unknown')), 0))
    as step
  from enrollment w where w.workspace_id = $1 and w.id = any($3::bigint[])) n
join campaign c on c.workspace_id = $1 and c.id = $2
left join step s on s.workspace_id = $1 and s.campaign_id = $2 and s.number = n.step
where e.workspace_id = $1 and e.id = n.id and e.state = any($6::text[])
returning e.id, e.campaign_id, e.lead_id, e.step
