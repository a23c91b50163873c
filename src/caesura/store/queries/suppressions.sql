-- name: insert
-- Addresses and domains that are never written to.
insert into suppression (workspace_id, kind, value, cause, actor, created_at)
select $1, s.kind, s.value, $4, $5, $6 from unnest($2::text[], $3::text[]) as s(kind, value)
order by s.kind, s.value
on conflict (workspace_id, kind, value) do nothing
returning kind, value

-- name: outrank
-- A person's own no takes the place of a weaker cause, so that nobody takes it back by mistake.
update suppression p
set cause = $4, actor = $5, created_at = $6
from unnest($2::text[], $3::text[]) as s(kind, value)
where p.workspace_id = $1 and p.kind = s.kind and p.value = s.value and p.cause <> all($7::text[])

-- name: delete
-- An address or a domain may be written to again.
delete from suppression where workspace_id = $1 and kind = $2 and value = $3 returning *

-- name: matching
-- What keeps an address from being written to: itself, its domain, or both.
select * from suppression
where workspace_id = $1 and ((kind = 'address' and value = $2) or (kind = 'domain' and value = $3))
order by kind

-- name: list
-- A page of suppressions past a cursor, in the order of the key, up to the end of a kind.
select * from suppression
where workspace_id = $1 and (kind, value) > ($2, $3) and kind <= $4
order by kind, value
limit $5

-- name: leads_of_addresses
-- The leads of these addresses.
select id from lead where workspace_id = $1 and address_key = any($2::text[]) order by id

-- name: leads_among
-- Which of these leads are suppressed, by their address or its domain.
select l.id from lead l
where l.workspace_id = $1 and l.id = any($2::bigint[])
  and (exists (select from suppression s where s.workspace_id = $1 and s.kind = 'address' and s.value = l.address_key)
    or exists (select from suppression s where s.workspace_id = $1 and s.kind = 'domain' and s.value = l.domain))

-- name: leads_of_domain
-- The next leads of a domain, above a cursor.
select id from lead where workspace_id = $1 and id > $3 and domain = $2 order by id limit $4
