-- name: named
-- The message of ours that has one of these Message-IDs, the first of them first.
select m.enrollment_id, m.step, m.campaign_id, m.lead_id, m.mailbox_id, m.state, m.recipient, m.message_id, m.marked_at
from unnest($2::bigint[], $3::smallint[], $4::text[]) with ordinality as n(enrollment_id, step, message_id, place)
join ledger m on m.workspace_id = $1 and m.enrollment_id = n.enrollment_id and m.step = n.step
  and m.message_id = n.message_id
order by n.place
limit 1

-- name: keep
-- That message, kept as it is until this transaction ends, so that whoever records its outcome sees what came back.
select from message where workspace_id = $1 and enrollment_id = $2 and step = $3 and state = 'sending' for no key update

-- name: last
-- The last message that went to a lead, of one campaign or of all.
select m.enrollment_id, m.step, m.campaign_id, m.lead_id, m.mailbox_id, m.state, m.recipient, m.message_id,
  m.marked_at
from enrollment e join ledger m on m.workspace_id = $1 and m.enrollment_id = e.id
where e.workspace_id = $1 and e.lead_id = $2 and ($3::bigint is null or e.campaign_id = $3)
  and m.state in ('sending', 'sent', 'unknown')
order by m.marked_at desc, m.enrollment_id desc, m.step desc
limit 1

-- name: ended_by_reply
-- The enrollments of a lead that a reply ends: the one that it came to, or where that is not known ($3 is null) all in
-- which something went out.
select e.id from enrollment e join campaign c on c.workspace_id = $1 and c.id = e.campaign_id
where e.workspace_id = $1 and e.lead_id = $2 and (c.definition ->> 'stop_on_reply')::boolean
  and case when $3::bigint is not null then e.id = $3 else exists (
    select from ledger m
    where m.workspace_id = $1 and m.enrollment_id = e.id and m.state in ('sending', 'sent', 'unknown')) end
order by e.id

-- name: ended_by_suppression
-- All enrollments of the leads that have these addresses.
select e.id from lead l join enrollment e on e.workspace_id = $1 and e.lead_id = l.id
where l.workspace_id = $1 and l.address_key = any($2::text[])
order by e.id

-- name: insert
-- One thing that came back; nothing where its Message-ID is there already.
insert into inbound (workspace_id, kind, lead_id, campaign_id, enrollment_id, step, mailbox_id, address, from_address,
  subject, text, html, message_id, in_reply_to, bounce_type, reason, classification, received_at, created_at, extra)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
on conflict (workspace_id, message_id) where message_id is not null do nothing
returning *

-- name: by_message_id
-- What has this Message-ID of its own.
select * from inbound where workspace_id = $1 and message_id = $2

-- name: get
-- One of them.
select * from inbound where workspace_id = $1 and id = $2

-- name: lock
-- One of them, kept for this transaction.
select * from inbound where workspace_id = $1 and id = $2 for no key update

-- name: save
-- What people say of it and do with it.
update inbound
set classification = $3, is_read = $4, assigned_to = $5, assigned_at = $6, note = $7, extra = $8
where workspace_id = $1 and id = $2
returning *

-- name: list
-- A page below a cursor, newest first, without the HTML, which is large. Each filter that is null lets all pass; one that
-- is not costs a look at every row. In one coalesce: of several conditions the planner thinks that hardly a row meets
-- them all, and reads and sorts every one.
select workspace_id, id, kind, lead_id, campaign_id, enrollment_id, step, mailbox_id, address, from_address, subject, text,
  null as html, message_id, in_reply_to, bounce_type, reason, classification, is_read, assigned_to, assigned_at, note,
  received_at, created_at, extra
from inbound
where workspace_id = $1 and id < $2
  and coalesce(
    ($4::text[] is null or kind = any($4))
    and ($5::text[] is null or coalesce(classification, '') = any($5))
    and ($11::boolean is null or $11 = (campaign_id is not null))
    and ($6::bigint[] is null or mailbox_id = any($6))
    and ($7::boolean is null or is_read = $7)
    and ($8::text[] is null or concat_ws(E'\n', address, from_address, subject, text) ilike any($8))
    and ($9::bigint[] is null or campaign_id = any($9))
    and ($10::bigint is null or lead_id = $10), false)
order by id desc
limit $3

-- name: list_of_campaign
-- The same of one campaign, by its index.
select workspace_id, id, kind, lead_id, campaign_id, enrollment_id, step, mailbox_id, address, from_address, subject, text,
  null as html, message_id, in_reply_to, bounce_type, reason, classification, is_read, assigned_to, assigned_at, note,
  received_at, created_at, extra
from inbound
where workspace_id = $1 and campaign_id = $9 and id < $2
  and coalesce(
    ($4::text[] is null or kind = any($4))
    and ($5::text[] is null or coalesce(classification, '') = any($5))
    and ($11::boolean is null or $11 = (campaign_id is not null))
    and ($6::bigint[] is null or mailbox_id = any($6))
    and ($7::boolean is null or is_read = $7)
    and ($8::text[] is null or concat_ws(E'\n', address, from_address, subject, text) ilike any($8))
    and ($10::bigint is null or lead_id = $10), false)
order by id desc
limit $3

-- name: list_of_lead
-- The same of one lead, by its index.
select workspace_id, id, kind, lead_id, campaign_id, enrollment_id, step, mailbox_id, address, from_address, subject, text,
  null as html, message_id, in_reply_to, bounce_type, reason, classification, is_read, assigned_to, assigned_at, note,
  received_at, created_at, extra
from inbound
where workspace_id = $1 and lead_id = $10 and id < $2
  and coalesce(
    ($4::text[] is null or kind = any($4))
    and ($5::text[] is null or coalesce(classification, '') = any($5))
    and ($11::boolean is null or $11 = (campaign_id is not null))
    and ($6::bigint[] is null or mailbox_id = any($6))
    and ($7::boolean is null or is_read = $7)
    and ($8::text[] is null or concat_ws(E'\n', address, from_address, subject, text) ilike any($8))
    and ($9::bigint[] is null or campaign_id = any($9)), false)
order by id desc
limit $3

-- name: counts
-- How many leads of a campaign did what, in all (step is null) and by the step that they answered. One whose lead is not
-- known counts for itself.
select step, grouping(step) = 1 as is_total,
  count(distinct who) filter (where kind = 'reply') as replied,
  count(distinct who) filter (where kind = 'auto_reply') as auto_replied,
  count(distinct who) filter (where kind = 'bounce') as bounced,
  count(distinct who) filter (where kind = 'bounce' and bounce_type = 'hard') as hard_bounced,
  count(distinct who) filter (where kind = 'bounce' and bounce_type = 'soft') as soft_bounced,
  count(distinct who) filter (where kind = 'complaint') as complained,
  count(distinct who) filter (where kind = 'unsubscribe') as unsubscribed,
  count(distinct who) filter (where classification = 'interested') as interested,
  count(distinct who) filter (where classification = 'maybe_later') as maybe_later,
  count(distinct who) filter (where classification = 'not_interested') as not_interested,
  count(distinct who) filter (where classification = 'out_of_office') as out_of_office
from (
  select step, kind, bounce_type, classification, coalesce(lead_id, -id) as who from inbound
  where workspace_id = $1 and campaign_id = $2) came
group by grouping sets ((), (step))

-- name: totals
-- How many leads of several campaigns did what, in all.
select campaign_id,
  count(distinct who) filter (where kind = 'reply') as replied,
  count(distinct who) filter (where kind = 'auto_reply') as auto_replied,
  count(distinct who) filter (where kind = 'bounce') as bounced,
  count(distinct who) filter (where kind = 'bounce' and bounce_type = 'hard') as hard_bounced,
  count(distinct who) filter (where kind = 'bounce' and bounce_type = 'soft') as soft_bounced,
  count(distinct who) filter (where kind = 'complaint') as complained,
  count(distinct who) filter (where kind = 'unsubscribe') as unsubscribed,
  count(distinct who) filter (where classification = 'interested') as interested,
  count(distinct who) filter (where classification = 'maybe_later') as maybe_later,
  count(distinct who) filter (where classification = 'not_interested') as not_interested,
  count(distinct who) filter (where classification = 'out_of_office') as out_of_office
from (
  select campaign_id, kind, bounce_type, classification, coalesce(lead_id, -id) as who from inbound
  where workspace_id = $1 and campaign_id = any($2::bigint[])) came
group by campaign_id
