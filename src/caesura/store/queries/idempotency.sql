-- name: claim
-- Takes a key of a client for a request: when it is free, or when it was taken at $5 or before. One that was never
-- answered is not taken over sooner: what it has done is not known.
insert into idempotency_key as held (workspace_id, key, request_digest, created_at, renewed_at)
values ($1, $2, $3, $4, $4)
on conflict (workspace_id, key) do update
set request_digest = excluded.request_digest, created_at = excluded.created_at, renewed_at = excluded.renewed_at,
    status = null, headers = null, body = null
where held.created_at <= $5
returning true

-- name: renew
-- Whoever answers is still there.
update idempotency_key set renewed_at = $4
where workspace_id = $1 and key = $2 and created_at = $3 and status is null

-- name: get
-- Who has the key, and the answer if there is one.
select request_digest, renewed_at, status, headers, body from idempotency_key where workspace_id = $1 and key = $2

-- name: finish
-- Keeps the answer, unless a day has passed and another has it.
update idempotency_key set status = $4, headers = $5, body = $6
where workspace_id = $1 and key = $2 and created_at = $3 and status is null

-- name: release
-- Gives the key back, unless a day has passed and another has it.
delete from idempotency_key where workspace_id = $1 and key = $2 and created_at = $3 and status is null

-- name: prune
-- Forgets what is too old to be asked for.
delete from idempotency_key where created_at <= $1
