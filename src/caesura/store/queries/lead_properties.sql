-- name: insert
-- What a field of leads is.
insert into lead_property (workspace_id, name, kind, description, extra, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $6)
on conflict (workspace_id, name) do nothing
returning *

-- name: all
-- Everything that is told of fields.
select * from lead_property where workspace_id = $1 order by id limit $2

-- name: delete
-- Nothing is told of a field any more.
delete from lead_property where workspace_id = $1 and id = $2 returning id
