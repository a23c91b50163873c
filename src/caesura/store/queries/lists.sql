-- name: insert
-- A new, empty list.
insert into lead_list (workspace_id, name, created_at, extra) values ($1, $2, $3, $4)
on conflict (workspace_id, name) do nothing
returning id

-- name: get
-- One list.
select * from lead_list where workspace_id = $1 and id = $2

-- name: keep
-- One list, which is not deleted before this transaction ends.
select * from lead_list where workspace_id = $1 and id = $2 for key share

-- name: by_name
-- The list of this name.
select * from lead_list where workspace_id = $1 and name = $2

-- name: list
-- A page of lists below a cursor, newest first; with a part of their name, if that is asked for.
select * from lead_list where workspace_id = $1 and id < coalesce($2::bigint, 9223372036854775807)
  and ($3::text is null or strpos(lower(name), lower($3)) > 0)
order by id desc
limit $4

-- name: change
-- Gives a list another name, and other things to keep ($4) unless that is null.
update lead_list set name = $3, extra = coalesce($4, extra) where workspace_id = $1 and id = $2 returning *

-- name: delete
-- A list and its memberships; the leads stay.
delete from lead_list where workspace_id = $1 and id = $2

-- name: count
-- How many leads are on it.
select count(*) from lead_list_member where workspace_id = $1 and list_id = $2

-- name: several
-- These lists, each with the number of its leads.
select l.*, (select count(*) from lead_list_member m where m.workspace_id = $1 and m.list_id = l.id) as leads
from lead_list l where l.workspace_id = $1 and l.id = any($2::bigint[])

-- name: members
-- A page of the leads of a list, above a cursor.
select l.* from lead_list_member m join lead l on l.workspace_id = m.workspace_id and l.id = m.lead_id
where m.workspace_id = $1 and m.list_id = $2 and m.lead_id > $3
order by m.lead_id
limit $4

-- name: add
-- Leads of this workspace join a list; those that are on it stay as they are.
insert into lead_list_member (workspace_id, list_id, lead_id, added_at)
select $1, $2, l.id, $4 from lead l where l.workspace_id = $1 and l.id = any($3::bigint[])
order by l.id
on conflict do nothing

-- name: remove
-- Leads leave a list.
delete from lead_list_member where workspace_id = $1 and list_id = $2 and lead_id = any($3::bigint[])
