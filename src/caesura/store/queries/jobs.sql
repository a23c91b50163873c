-- name: enqueue
-- A job of pgqueuer for each webhook, unless one of it waits or runs already.
insert into pgqueuer (priority, entrypoint, payload, status, dedupe_key)
select 0, $1, w.payload, 'queued', w.dedupe_key
from unnest($2::bytea[], $3::text[]) as w(payload, dedupe_key)
order by w.dedupe_key
on conflict (dedupe_key) where status in ('queued', 'picked') and dedupe_key is not null do nothing

-- name: prune_log
-- What pgqueuer noted of jobs that are done is not kept: the ledgers of the jobs themselves are.
delete from pgqueuer_log where created < $1

-- name: prune_statistics
-- Likewise.
delete from pgqueuer_statistics where created < $1
