-- name: insert
-- A new template.
insert into message_template (workspace_id, name, subject, html, text, description, extra, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
returning *

-- name: get
-- One template.
select * from message_template where workspace_id = $1 and id = $2

-- name: lock
-- One template, kept for this transaction.
select * from message_template where workspace_id = $1 and id = $2 for update

-- name: list
-- A page of templates below a cursor, newest first.
select * from message_template where workspace_id = $1 and id < coalesce($2::bigint, 9223372036854775807)
order by id desc
limit $3

-- name: update
-- An edited template.
update message_template
set name = $3, subject = $4, html = $5, text = $6, description = $7, extra = $8, updated_at = $9, version = version + 1
where workspace_id = $1 and id = $2
returning *

-- name: delete
-- A template; campaigns that were made of it keep their texts.
delete from message_template where workspace_id = $1 and id = $2 returning id
