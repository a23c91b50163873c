-- name: keep
-- Keeps the key's digest, unless one is kept already.
insert into installation (secret_key_digest) values ($1) on conflict do nothing

-- name: digest
-- The digest that is kept.
select secret_key_digest from installation

-- name: exchange
-- Another key from now on.
insert into installation (secret_key_digest) values ($1)
on conflict (is_only) do update set secret_key_digest = excluded.secret_key_digest
