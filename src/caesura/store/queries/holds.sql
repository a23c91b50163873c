-- name: place
-- A hold; the same one placed again is the one in force.
insert into hold (workspace_id, level, subject, cause, actor, reason, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (workspace_id, level, subject, cause) where released_at is null do nothing
returning *

-- name: in_force
-- The hold of this level, subject and cause that is in force.
select * from hold
where workspace_id = $1 and level = $2 and subject = $3 and cause = $4 and released_at is null

-- name: get
-- One hold.
select * from hold where workspace_id = $1 and id = $2

-- name: release
-- Ends one hold by compare-and-set; touches no other.
update hold set released_at = $3, released_by = $4 where workspace_id = $1 and id = $2 and released_at is null
returning *

-- name: list
-- A page of holds, newest first, below a cursor.
select * from hold
where workspace_id = $1 and id < coalesce($2::bigint, 9223372036854775807) and ($3 or released_at is null)
order by id desc
limit $4

-- name: on_subject
-- The holds in force on one subject.
select * from hold where workspace_id = $1 and level = $2 and subject = $3 and released_at is null order by id

-- name: release_met_by_lead
-- Enrollments that met the hold of a lead wait again.
update enrollment e set state = 'waiting', cause = null, updated_at = $3
where e.workspace_id = $1 and e.state = 'held' and e.cause = 'lead_hold' and e.lead_id = $2
returning e.id

-- name: release_met_by_domain
-- Enrollments that met the hold of a domain wait again: the next ones, from a cursor on. A lead may have several.
with met as (
  select e.id from enrollment e
  join lead l on l.workspace_id = $1 and l.id = e.lead_id and l.domain = $2
  where e.workspace_id = $1 and e.state = 'held' and e.cause = 'domain_hold' and e.lead_id >= $4
  order by e.lead_id
  limit $5
)
update enrollment e set state = 'waiting', cause = null, updated_at = $3
from unnest(array(select id from met)) as m(id)
where e.workspace_id = $1 and e.id = m.id and e.state = 'held' and e.cause = 'domain_hold'
returning e.lead_id
