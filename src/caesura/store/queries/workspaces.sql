-- name: insert
-- A new workspace, unless the name is taken.
insert into workspace (name, created_at) values ($1, $2) on conflict (name) do nothing returning id

-- name: by_name
-- The workspace of this name.
select id from workspace where name = $1
