-- name: campaigns
-- Campaigns in one of these statuses, those among the given ids, with a part of their name: newest first.
select * from campaign
where workspace_id = $1 and kind = 'sequence' and ($2::text[] is null or status = any($2)) and (archived = $3 or $3 is null)
  and ($4::bigint[] is null or id = any($4)) and ($5::text is null or strpos(lower(name), lower($5)) > 0)
order by id desc
limit $6 offset $7

-- name: count_campaigns
-- How many of these there are.
select count(*) from campaign
where workspace_id = $1 and kind = 'sequence' and ($2::text[] is null or status = any($2)) and (archived = $3 or $3 is null)
  and ($4::bigint[] is null or id = any($4)) and ($5::text is null or strpos(lower(name), lower($5)) > 0)

-- name: leads
-- Leads on a list, made after a time, with a part of their address or name: newest first, unless the store says else.
select l.* from lead l
where l.workspace_id = $1
  and ($2::text is null or strpos(l.address_key, $2) > 0
    or strpos(lower(concat_ws(' ', l.fields ->> 'first_name', l.fields ->> 'last_name', l.fields ->> 'full_name')), $2) > 0)
  and ($3::bigint is null
    or exists (select from lead_list_member m where m.workspace_id = $1 and m.list_id = $3 and m.lead_id = l.id))
  and ($4::timestamptz is null or l.created_at >= $4)
  and ($5::timestamptz is null or l.created_at < $5)
  and ($6::jsonb is null or l.extra @> $6)
order by l.id desc
limit $7 offset $8

-- name: count_leads
-- How many of these there are.
select count(*) from lead l
where l.workspace_id = $1
  and ($2::text is null or strpos(l.address_key, $2) > 0
    or strpos(lower(concat_ws(' ', l.fields ->> 'first_name', l.fields ->> 'last_name', l.fields ->> 'full_name')), $2) > 0)
  and ($3::bigint is null
    or exists (select from lead_list_member m where m.workspace_id = $1 and m.list_id = $3 and m.lead_id = l.id))
  and ($4::timestamptz is null or l.created_at >= $4)
  and ($5::timestamptz is null or l.created_at < $5)
  and ($6::jsonb is null or l.extra @> $6)

-- name: lists
-- Lists with a part of their name, newest first, each with the number of its leads.
select l.*, (select count(*) from lead_list_member m where m.workspace_id = $1 and m.list_id = l.id) as leads
from lead_list l
where l.workspace_id = $1 and ($2::text is null or strpos(lower(l.name), lower($2)) > 0)
order by l.id desc
limit $3 offset $4

-- name: count_lists
-- How many of these there are.
select count(*) from lead_list where workspace_id = $1 and ($2::text is null or strpos(lower(name), lower($2)) > 0)

-- name: enrollments
-- A campaign's enrollments in one of these states and for one of these causes, newest first; finished ones by what came
-- back last of that which ends a sequence, '' for nothing.
select e.*, l.address from enrollment e join lead l on l.workspace_id = e.workspace_id and l.id = e.lead_id
where e.workspace_id = $1 and e.campaign_id = $2
  and ($3::text[] is null or e.state = any($3))
  and ($4::text[] is null or e.cause = any($4) or e.state = 'finished' and $7::text[] is not null)
  and ($5::text[] is null or e.cause is null or e.cause <> all($5))
  and ($6::boolean is null or (e.step > 1) = $6)
  and ($7::text[] is null or e.state <> 'finished' or coalesce((
      select i.kind from inbound i
      where i.workspace_id = $1 and i.lead_id = e.lead_id and i.campaign_id = e.campaign_id
        and (i.kind in ('reply', 'unsubscribe', 'complaint') or i.bounce_type = 'hard')
      order by i.id desc limit 1), '') = any($7))
order by e.id desc
limit $8 offset $9

-- name: count_enrollments
-- How many of these there are.
select count(*) from enrollment e
where e.workspace_id = $1 and e.campaign_id = $2
  and ($3::text[] is null or e.state = any($3))
  and ($4::text[] is null or e.cause = any($4) or e.state = 'finished' and $7::text[] is not null)
  and ($5::text[] is null or e.cause is null or e.cause <> all($5))
  and ($6::boolean is null or (e.step > 1) = $6)
  and ($7::text[] is null or e.state <> 'finished' or coalesce((
      select i.kind from inbound i
      where i.workspace_id = $1 and i.lead_id = e.lead_id and i.campaign_id = e.campaign_id
        and (i.kind in ('reply', 'unsubscribe', 'complaint') or i.bounce_type = 'hard')
      order by i.id desc limit 1), '') = any($7))

-- name: inbound
-- What came back, of some campaigns or of all, the last that came first; without the HTML, which is large.
select workspace_id, id, kind, lead_id, campaign_id, enrollment_id, step, mailbox_id, address, from_address, subject, text,
  null as html, message_id, in_reply_to, bounce_type, reason, classification, is_read, assigned_to, assigned_at, note,
  received_at, created_at, extra
from inbound
where workspace_id = $1 and ($2::bigint[] is null or campaign_id = any($2))
order by received_at desc, id desc
limit $3 offset $4

-- name: count_inbound
-- How many of these there are.
select count(*) from inbound where workspace_id = $1 and ($2::bigint[] is null or campaign_id = any($2))

-- name: webhooks
-- A door's webhooks, newest first.
select * from webhook
where workspace_id = $1 and dialect = $2 and deleted_at is null
order by id desc
limit $3 offset $4

-- name: count_webhooks
-- How many of these there are.
select count(*) from webhook where workspace_id = $1 and dialect = $2 and deleted_at is null

-- name: keys
-- A door's keys, revoked ones only if asked for, with a part of their label: newest first.
select * from api_key
where workspace_id = $1 and dialect = $2 and ($3 or revoked_at is null)
  and ($4::text is null or strpos(lower(label), lower($4)) > 0)
order by id desc
limit $5 offset $6

-- name: count_keys
-- How many of these there are.
select count(*) from api_key
where workspace_id = $1 and dialect = $2 and ($3 or revoked_at is null)
  and ($4::text is null or strpos(lower(label), lower($4)) > 0)

-- name: enrolled_people
-- Who is behind these enrollments, when each was last sent something, and what came back of a finished one.
select e.id, l.fields, case when e.state = 'finished' then (
    select i.kind from inbound i
    where i.workspace_id = $1 and i.lead_id = e.lead_id and i.campaign_id = e.campaign_id
      and (i.kind in ('reply', 'unsubscribe', 'complaint') or i.bounce_type = 'hard')
    order by i.id desc limit 1) end as came_back,
  (select max(m.settled_at) from ledger m
   where m.workspace_id = $1 and m.enrollment_id = e.id and m.state = 'sent') as last_sent_at
from enrollment e join lead l on l.workspace_id = e.workspace_id and l.id = e.lead_id
where e.workspace_id = $1 and e.id = any($2::bigint[])
