-- name: insert
-- A new key. Its secret is not kept: only the digest.
insert into api_key
  (workspace_id, prefix, digest, dialect, scopes, label, created_at, expires_at, campaign_ids, plan, is_account,
   extra)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
returning *

-- name: by_prefix
-- The key that is presented at a dialect's door, whatever its state.
select * from api_key where prefix = $1 and dialect = $2

-- name: get
-- One key.
select * from api_key where workspace_id = $1 and id = $2

-- name: good
-- Those of these keys that open something now.
select k.workspace_id, k.id from unnest($1::int[], $2::bigint[]) as asked(workspace_id, id)
join api_key k using (workspace_id, id)
where k.revoked_at is null and (k.expires_at is null or k.expires_at > $3)

-- name: list
-- A page of keys, newest first, below a cursor, revoked ones too; with a part of their label, if that is asked for.
select * from api_key
where workspace_id = $1 and id < coalesce($2::bigint, 9223372036854775807)
  and ($3::text is null or strpos(lower(label), lower($3)) > 0)
order by id desc
limit $4

-- name: revoke
-- From now on the key opens nothing.
update api_key set revoked_at = $3 where workspace_id = $1 and id = $2 and revoked_at is null
returning *

-- name: dialects_in_use
-- Whose doors are open to a workspace now: by keys of its own, and by those for an account, wherever they were made.
select dialect from api_key
where workspace_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)
union
select dialect from api_key
where is_account and revoked_at is null and (expires_at is null or expires_at > $2)

-- name: touch
-- Notes the use of a key, unless one after $4 is noted already.
update api_key set last_used_at = $3
where workspace_id = $1 and id = $2 and (last_used_at is null or last_used_at <= $4)
