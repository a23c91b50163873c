-- name: chosen
-- Leads with where they stand: the first of bounced, suppressed and replied that is so, else open; oldest first, past
-- an id. Fields are searched by parts of their values; one with dots in its name is a path in what is kept.
select l.*, s.standing,
  (select max(m.settled_at) from enrollment e join ledger m on m.workspace_id = $1 and m.enrollment_id = e.id
    where e.workspace_id = $1 and e.lead_id = l.id and m.state = 'sent') as written_at,
  (select max(i.received_at) from inbound i
    where i.workspace_id = $1 and i.lead_id = l.id and i.kind = 'reply') as replied_at,
  (select i.classification from inbound i
    where i.workspace_id = $1 and i.lead_id = l.id and i.classification is not null
    order by i.id desc limit 1) as classification
from lead l
cross join lateral (
  select case
    when bool_or(u.cause = 'bounced') then 'bounced'
    when count(*) > 0 then 'suppressed'
    when exists (select from inbound i where i.workspace_id = $1 and i.lead_id = l.id and i.kind = 'reply') then 'replied'
    else 'open' end as standing
  from suppression u
  where u.workspace_id = $1
    and ((u.kind = 'address' and u.value = l.address_key) or (u.kind = 'domain' and u.value = l.domain))) s
where l.workspace_id = $1
  and ($2::bigint[] is null or l.id = any($2))
  and ($3::text[] is null or l.address_key = any($3)
    or exists (select from unnest($10::text[]) p where position(p in l.address_key) > 0))
  and ($4::bigint[] is null or exists (
    select from enrollment e where e.workspace_id = $1 and e.lead_id = l.id and e.campaign_id = any($4)))
  and ($5::text[] is null or s.standing = any($5))
  and ($6::boolean is null or $6 = exists (
    select from enrollment e join ledger m on m.workspace_id = $1 and m.enrollment_id = e.id
    where e.workspace_id = $1 and e.lead_id = l.id and m.state = 'sent'))
  and ($7::jsonb is null or not exists (
    select from jsonb_each($7) f where not exists (
      select from jsonb_array_elements_text(f.value) p
      where position(p in lower(
        case when f.key like '%.%' then l.extra #>> string_to_array(f.key, '.') else l.fields ->> f.key end)) > 0)))
  and ($8::text[] is null or coalesce((
    select i.classification from inbound i
    where i.workspace_id = $1 and i.lead_id = l.id and i.classification is not null
    order by i.id desc limit 1), '') = any($8))
  and ($9::timestamptz[] is null or l.updated_at > coalesce($9[1], '-infinity')
    and l.updated_at < coalesce($9[2], 'infinity'))
  and l.id > $11
order by l.id
limit $12 offset $13

-- name: places
-- The campaigns of these leads, single mailings aside, where each lead stands in them, and what came back last of that
-- which ends a sequence: also after the last step.
select e.lead_id, e.campaign_id, e.state, e.cause, e.step, c.name, c.status, c.cause as campaign_cause,
  (select m.address from mailbox m where m.workspace_id = $1 and m.id = e.mailbox_id) as mailbox,
  (select i.classification from inbound i
    where i.workspace_id = $1 and i.lead_id = e.lead_id and i.campaign_id = e.campaign_id and i.classification is not null
    order by i.id desc limit 1) as classification,
  (select i.kind from inbound i
    where i.workspace_id = $1 and i.lead_id = e.lead_id and i.campaign_id = e.campaign_id
      and (i.kind in ('reply', 'unsubscribe', 'complaint') or i.bounce_type = 'hard')
    order by i.id desc limit 1) as came_back
from enrollment e join campaign c on c.workspace_id = $1 and c.id = e.campaign_id
where e.workspace_id = $1 and e.lead_id = any($2::bigint[]) and not c.archived and c.kind = 'sequence'
order by e.lead_id, e.campaign_id
