-- name: next_mailbox
-- Of the mailboxes of a pool that are neither archived nor held and whose rows say that they wait, the one that has to
-- wait least, and until when.
select m.id, greatest(p.wait_until, p.ready_at, p.busy_until) as at from pool_mailbox pm
join mailbox m on m.workspace_id = pm.workspace_id and m.id = pm.mailbox_id
join mailbox_pace p on p.workspace_id = m.workspace_id and p.mailbox_id = m.id
where pm.workspace_id = $1 and pm.pool_id = $2 and not m.archived and greatest(p.wait_until, p.ready_at, p.busy_until) > $3
  and not exists (
    select from hold h where h.workspace_id = $1 and h.released_at is null and h.level = 'mailbox' and h.subject = m.id::text)
order by 2, 1
limit 1

-- name: earliest_due
-- When (campaign time) the next waiting enrollment of a campaign falls due. One look into the index for each mailbox
-- that has any, and one for those not opened yet, however many leads there are.
with recursive opened as (
  (select e.mailbox_id, e.due_at from enrollment e
   where e.workspace_id = $1 and e.campaign_id = $2 and e.mailbox_id is not null
     and e.state = 'waiting' and e.not_before is null
   order by e.mailbox_id, e.due_at
   limit 1)
  union all
  select n.mailbox_id, n.due_at from opened o cross join lateral (
    select e.mailbox_id, e.due_at from enrollment e
    where e.workspace_id = $1 and e.campaign_id = $2 and e.mailbox_id > o.mailbox_id
      and e.state = 'waiting' and e.not_before is null
    order by e.mailbox_id, e.due_at
    limit 1) n
)
select least(
  (select min(due_at) from opened),
  (select e.due_at from enrollment e
   where e.workspace_id = $1 and e.campaign_id = $2 and e.mailbox_id is null
     and e.state = 'waiting' and e.not_before is null
   order by e.mailbox_id, e.due_at  -- by due_at alone, the planner sorts them all: to it, null is not one value
   limit 1))

-- name: earliest_parked
-- Until when the next parked enrollment of a campaign waits, and why; if it is among the first of all that are parked.
select p.not_before, p.wait_reason from (
  select e.workspace_id, e.campaign_id, e.not_before, e.wait_reason from enrollment e
  where e.state = 'waiting' and e.not_before is not null
  order by e.not_before
  limit $3) p
where p.workspace_id = $1 and p.campaign_id = $2
order by p.not_before
limit 1

-- name: held_causes
-- What enrollments of a campaign are held for, by cause, counted up to a limit in all.
select h.cause, count(*) from (
  select e.cause from enrollment e
  where e.workspace_id = $1 and e.campaign_id = $2 and e.state = 'held'
  limit $3) h
group by h.cause
order by 2 desc, 1

-- name: campaigns_of_mailbox
-- How many campaigns send from a mailbox: all that are not archived, and of these the running ones.
select count(*) as campaigns, count(*) filter (where c.status = 'running') as running
from pool_mailbox pm
join campaign c on c.workspace_id = pm.workspace_id and c.pool_id = pm.pool_id
where pm.workspace_id = $1 and pm.mailbox_id = $2 and not c.archived

-- name: left_mailboxes
-- The mailboxes of the due leads of a campaign, if none of these can send for it any more; nothing if one can, or if a
-- due lead has none yet. One look into the index for each mailbox, however many leads there are.
with recursive bound as (
  (select e.mailbox_id, e.due_at from enrollment e
   where e.workspace_id = $1 and e.campaign_id = $2 and e.mailbox_id is not null
     and e.state = 'waiting' and e.not_before is null
   order by e.mailbox_id, e.due_at
   limit 1)
  union all
  select n.mailbox_id, n.due_at from bound b cross join lateral (
    select e.mailbox_id, e.due_at from enrollment e
    where e.workspace_id = $1 and e.campaign_id = $2 and e.mailbox_id > b.mailbox_id
      and e.state = 'waiting' and e.not_before is null
    order by e.mailbox_id, e.due_at
    limit 1) n
), due as (
  select mailbox_id from bound where due_at <= $3
)
select m.name from due
join mailbox m on m.workspace_id = $1 and m.id = due.mailbox_id
where not exists (
    select from enrollment e
    where e.workspace_id = $1 and e.campaign_id = $2 and e.mailbox_id is null
      and e.state = 'waiting' and e.not_before is null and e.due_at <= $3)
  and not exists (
    select from due
    join campaign c on c.workspace_id = $1 and c.id = $2
    join pool_mailbox p on p.workspace_id = $1 and p.pool_id = c.pool_id and p.mailbox_id = due.mailbox_id
    join mailbox good on good.workspace_id = $1 and good.id = due.mailbox_id and not good.archived)
order by m.name
