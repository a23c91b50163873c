-- name: insert
-- A new group.
insert into suppression_group (workspace_id, name, description, extra, created_at, updated_at)
values ($1, $2, $3, $4, $5, $5)
on conflict (workspace_id, name) do nothing
returning *, 0::bigint as members

-- name: get
-- One group, with the number of its recipients.
select g.*, (select count(*) from suppression_group_member m where m.workspace_id = $1 and m.group_id = g.id) as members
from suppression_group g where g.workspace_id = $1 and g.id = $2

-- name: lock
-- The same, about to be changed.
select g.*, (select count(*) from suppression_group_member m where m.workspace_id = $1 and m.group_id = g.id) as members
from suppression_group g where g.workspace_id = $1 and g.id = $2
for no key update

-- name: all
-- The groups of a workspace, oldest first.
select g.*, (select count(*) from suppression_group_member m where m.workspace_id = $1 and m.group_id = g.id) as members
from suppression_group g where g.workspace_id = $1 order by g.id limit $2

-- name: change
-- A group under another name, or with another description or other things to keep: what is null stays as it is.
update suppression_group g
set name = coalesce($3, name), description = coalesce($4, description), extra = coalesce($5, extra), updated_at = $6,
    version = version + 1
where workspace_id = $1 and id = $2
returning *, (select count(*) from suppression_group_member m where m.workspace_id = $1 and m.group_id = g.id) as members

-- name: delete
-- A group, with who refused it.
delete from suppression_group where workspace_id = $1 and id = $2

-- name: add
-- Recipients refuse a group; answers those who did not before.
insert into suppression_group_member (workspace_id, group_id, value, cause, actor, created_at)
select $1, $2, v, $4, $5, $6 from unnest($3::text[]) v order by v
on conflict do nothing
returning value

-- name: entries
-- Who refuses a group, the newest first, in a span of time and for one cause.
select value, cause, actor, created_at from suppression_group_member
where workspace_id = $1 and group_id = $2 and ($3::text[] is null or cause = any($3))
  and created_at >= coalesce($4::timestamptz, '-infinity') and created_at <= coalesce($5::timestamptz, 'infinity')
order by created_at desc, value
limit $6 offset $7

-- name: count_entries
-- How many of these there are.
select count(*) from suppression_group_member
where workspace_id = $1 and group_id = $2 and ($3::text[] is null or cause = any($3))
  and created_at >= coalesce($4::timestamptz, '-infinity') and created_at <= coalesce($5::timestamptz, 'infinity')

-- name: general_entries
-- The same for those who refuse everything.
select value, cause, actor, created_at from suppression
where workspace_id = $1 and kind = 'address' and ($2::text[] is null or cause = any($2))
  and created_at >= coalesce($3::timestamptz, '-infinity') and created_at <= coalesce($4::timestamptz, 'infinity')
order by created_at desc, value
limit $5 offset $6

-- name: count_general
-- How many of these there are.
select count(*) from suppression
where workspace_id = $1 and kind = 'address' and ($2::text[] is null or cause = any($2))
  and created_at >= coalesce($3::timestamptz, '-infinity') and created_at <= coalesce($4::timestamptz, 'infinity')

-- name: bind
-- A campaign writes to nobody who refuses a group.
insert into campaign_suppression_group (workspace_id, campaign_id, group_id) values ($1, $2, $3)
on conflict (workspace_id, campaign_id) do update set group_id = excluded.group_id

-- name: unbind
-- Not any more.
delete from campaign_suppression_group where workspace_id = $1 and campaign_id = $2

-- name: enrolled
-- Enrollments of these recipients in campaigns of a group that are not at an end.
select e.id from campaign_suppression_group b
join enrollment e on e.workspace_id = $1 and e.campaign_id = b.campaign_id
join lead l on l.workspace_id = $1 and l.id = e.lead_id
where b.workspace_id = $1 and b.group_id = $2 and l.address_key = any($3::text[])
  and e.state in ('waiting', 'claimed', 'held')
order by e.id

-- name: bound
-- The group whose recipients a campaign does not write to.
select g.*, (select count(*) from suppression_group_member m where m.workspace_id = $1 and m.group_id = g.id) as members
from campaign_suppression_group b join suppression_group g on g.workspace_id = $1 and g.id = b.group_id
where b.workspace_id = $1 and b.campaign_id = $2

-- name: refusal
-- The group of a campaign that an address refuses, and how it was refused; no row when it does not.
select g.id as group_id, g.name as group_name, m.cause, m.actor, m.created_at
from campaign_suppression_group b
join suppression_group g on g.workspace_id = $1 and g.id = b.group_id
join suppression_group_member m on m.workspace_id = $1 and m.group_id = b.group_id and m.value = $3
where b.workspace_id = $1 and b.campaign_id = $2

-- name: remove
-- A recipient refuses a group no more.
delete from suppression_group_member where workspace_id = $1 and group_id = $2 and value = $3 returning value

-- name: members
-- A page of who refuses a group, in a span of time and for one of these causes, in the order of the key.
select value, cause, actor, created_at from suppression_group_member
where workspace_id = $1 and group_id = $2 and value > $3 and ($4::text[] is null or cause = any($4))
  and created_at >= coalesce($5::timestamptz, '-infinity') and created_at <= coalesce($6::timestamptz, 'infinity')
order by value
limit $7
