-- name: ask
-- A campaign waits for a person. It can wait once only.
insert into approval (workspace_id, campaign_id, asked_at, asked_by) values ($1, $2, $3, $4) returning id

-- name: settle
-- What became of it.
update approval set state = $3, settled_at = $4, settled_by = $5, reason = $6
where workspace_id = $1 and campaign_id = $2 and state = 'pending'
returning id

-- name: get
-- One approval, with its campaign's name.
select a.*, c.name from approval a join campaign c on c.workspace_id = a.workspace_id and c.id = a.campaign_id
where a.workspace_id = $1 and a.id = $2

-- name: pending
-- The one that a campaign waits for.
select a.*, c.name from approval a join campaign c on c.workspace_id = a.workspace_id and c.id = a.campaign_id
where a.workspace_id = $1 and a.campaign_id = $2 and a.state = 'pending'

-- name: list
-- A page of approvals below a cursor, in one of these states, newest first.
select a.*, c.name from approval a join campaign c on c.workspace_id = a.workspace_id and c.id = a.campaign_id
where a.workspace_id = $1 and a.id < coalesce($2::bigint, 9223372036854775807)
  and ($3::text[] is null or a.state = any($3))
order by a.id desc
limit $4
