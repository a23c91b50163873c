-- name: insert
-- A new workspace, unless the name is taken.
insert into workspace (name, created_at) values ($1, $2) on conflict (name) do nothing returning id

-- name: names
-- The names of the first workspaces, by name.
select name from workspace order by name limit $1

-- name: by_name
-- The workspace of this name.
select id from workspace where name = $1

-- name: get
-- The workspace of this id, which a caller may have made up: hence the wider type.
select id, name, settings, created_at from workspace where id = $1::bigint

-- name: settings
-- What was set for a workspace.
select settings from workspace where id = $1

-- name: lock_settings
-- The same, about to be changed.
select settings from workspace where id = $1 for no key update

-- name: set_settings
-- Sets it.
update workspace set settings = $2 where id = $1

-- name: all
-- The workspaces, oldest first.
select id, name, settings, created_at from workspace order by id limit $1

-- name: list
-- A page of workspaces below a cursor, newest first.
select id, name, settings, created_at from workspace where id < coalesce($1::bigint, 2147483648)
order by id desc
limit $2

-- name: rename
-- A workspace under another name.
update workspace set name = $2 where id = $1::bigint returning id, name, settings, created_at

-- name: delete
-- A workspace with nothing in it.
delete from workspace where id = $1::bigint returning id
