-- name: claim
-- Takes a key of a client for a request: when it is free, when its answer is older than $5, or when whoever answers
-- the same request since before $6 must have died.
insert into idempotency_key as held (workspace_id, key, request_digest, created_at) values ($1, $2, $3, $4)
on conflict (workspace_id, key) do update
set request_digest = excluded.request_digest, created_at = excluded.created_at, status = null, headers = null, body = null
where held.created_at <= $5
  or (held.status is null and held.request_digest = excluded.request_digest and held.created_at <= $6)
returning true

-- name: get
-- Who has the key, and the answer if there is one.
select request_digest, status, headers, body from idempotency_key where workspace_id = $1 and key = $2

-- name: finish
-- Keeps the answer, unless the claim was taken over meanwhile.
update idempotency_key set status = $4, headers = $5, body = $6
where workspace_id = $1 and key = $2 and created_at = $3 and status is null

-- name: release
-- Gives the key back, unless the claim was taken over meanwhile.
delete from idempotency_key where workspace_id = $1 and key = $2 and created_at = $3 and status is null

-- name: prune
-- Forgets what is too old to be asked for.
delete from idempotency_key where created_at <= $1
