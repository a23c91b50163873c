-- name: join
-- Puts a call at the end, and drops those whose lease has run out. No row where $5 are there already.
insert into call_queue as q (workspace_id, name, last_ticket, tickets, leases)
values ($1, $2, 1, array[1], array[$4::timestamptz])
on conflict (workspace_id, name) do update
set last_ticket = q.last_ticket + 1,
    tickets = array(
        select t from unnest(q.tickets, q.leases) as u(t, l) where l > $3::timestamptz order by t
    ) || (q.last_ticket + 1),
    leases = array(
        select l from unnest(q.tickets, q.leases) as u(t, l) where l > $3::timestamptz order by t
    ) || $4::timestamptz
where (select count(*) from unnest(q.leases) as u(l) where l > $3::timestamptz) < $5
returning last_ticket as ticket, cardinality(tickets) - 1 as ahead

-- name: keep
-- Renews a lease that has not run out; how many are before it.
update call_queue q
set leases = array(
    select case when t = $3 then $5::timestamptz else l end from unnest(q.tickets, q.leases) as u(t, l) order by t
)
where workspace_id = $1 and name = $2
    and exists (select from unnest(q.tickets, q.leases) as u(t, l) where t = $3 and l > $4::timestamptz)
returning (select count(*) from unnest(q.tickets, q.leases) as u(t, l) where t < $3 and l > $4::timestamptz)

-- name: leave
-- Takes a call out, wherever it stands.
update call_queue q
set tickets = array(select t from unnest(q.tickets) as u(t) where t <> $3 order by t),
    leases = array(select l from unnest(q.tickets, q.leases) as u(t, l) where t <> $3 order by t)
where workspace_id = $1 and name = $2
