-- name: take
-- Counts a request in each of a key's windows. A process whose clock is behind, by at most so many windows ($6), counts
-- in the newer window: began each its own, there would be no limit. A newer one than that, left by a clock that was set
-- back, is begun anew.
insert into key_use as u (workspace_id, key_id, name, period, used, allowed)
select $1, $2, a.name, a.period, 1, a.allowed
from unnest($3::text[], $4::bigint[], $5::integer[]) as a(name, period, allowed)
order by a.name
on conflict (workspace_id, key_id, name) do update
set period = case
        when u.period - excluded.period between 0 and ($6::bigint[])[array_position($3::text[], u.name)] then u.period
        else excluded.period
    end,
    used = case
        when u.period - excluded.period between 0 and ($6::bigint[])[array_position($3::text[], u.name)]
        then least(u.used, excluded.allowed) + 1
        else 1
    end,
    allowed = excluded.allowed
returning name, used

-- name: give_back
-- A request that another limit refused has used up nothing of these.
update key_use set used = used - 1 where workspace_id = $1 and key_id = $2 and name = any($3::text[]) and used > 0
