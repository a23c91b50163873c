-- name: prepare
-- The parts of the history for these two days' months.
select add_history_month($1), add_history_month($2)

-- name: move
-- The next enrollments that came to an end before an instant, with nothing about them left open, give their messages
-- to the history. One statement, and last in its transaction: from its end on it keeps rows of the counters.
with over as (
  select e.workspace_id, e.id from enrollment e
  where e.state in ('finished', 'stopped') and e.moved_on is null and e.updated_at < $1
    and not exists (
      select from message m
      where m.workspace_id = e.workspace_id and m.enrollment_id = e.id and m.state in ('sending', 'deferred', 'unknown')
      offset 0)  -- asked of each by its key: as a join, it might be all messages against all enrollments
  order by e.updated_at
  limit $3
  for no key update of e skip locked
), flagged as (
  update enrollment e set moved_on = $2
  from unnest(array(select workspace_id from over), array(select id from over)) as o(workspace_id, id)
  where e.workspace_id = o.workspace_id and e.id = o.id
  returning e.workspace_id, e.id
), taken as (
  delete from message m
  using unnest(array(select workspace_id from over), array(select id from over)) as o(workspace_id, id)
  where m.workspace_id = o.workspace_id and m.enrollment_id = o.id
  returning m.*
), kept as (
  insert into message_history (workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state, cause,
    message_id, subject, recipient, attempt, refusals, worker, lease_until, marked_at, settled_at, stage, reply_code, reply,
    moved_on)
  select workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state, cause,
    message_id, subject, recipient, attempt, refusals, worker, lease_until, marked_at, settled_at, stage, reply_code, reply,
    $2
  from taken
)
select count(*) from flagged
