-- name: add_file
-- A file that goes with each message of a mailing.
insert into attachment (workspace_id, campaign_id, place, name, content_type, content, content_id)
values ($1, $2, $3, $4, $5, $6, $7)

-- name: files
-- The files of a mailing, in their order.
select name, content_type, content, content_id from attachment where workspace_id = $1 and campaign_id = $2 order by place

-- name: size_of_files
-- How many there are, and their bytes together.
select count(*), coalesce(sum(octet_length(content)), 0)::bigint from attachment where workspace_id = $1 and campaign_id = $2

-- name: add_copies
-- Who else gets the messages of a mailing.
insert into message_copy (workspace_id, campaign_id, enrollment_id, place, address, address_key, domain, name, is_hidden)
select $1, $2, c.* from unnest($3::bigint[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[]) c

-- name: copies
-- They, by message.
select enrollment_id, address, address_key, domain, name, is_hidden from message_copy
where workspace_id = $1 and campaign_id = $2
order by enrollment_id, place

-- name: barred
-- Which of these are suppressed, refuse the campaign's group, or are held by their domain or as a lead. Behind the gate.
select c.key,
  exists (select from suppression s where s.workspace_id = $1 and s.kind = 'address' and s.value = c.key)
    or exists (select from suppression s where s.workspace_id = $1 and s.kind = 'domain' and s.value = c.domain)
    or exists (
      select from campaign_suppression_group b
      join suppression_group_member r on r.workspace_id = $1 and r.group_id = b.group_id and r.value = c.key
      where b.workspace_id = $1 and b.campaign_id = $2) as suppressed,
  exists (
    select from hold h
    where h.workspace_id = $1 and h.released_at is null and h.level = 'domain' and h.subject = c.domain) as domain_held,
  exists (
    select from lead l
    join hold h on h.workspace_id = $1 and h.released_at is null and h.level = 'lead' and h.subject = l.id::text
    where l.workspace_id = $1 and l.address_key = c.key) as lead_held
from unnest($3::text[], $4::text[]) as c(key, domain)

-- name: leave_out
-- These messages go to the wire: which of their copies the gate has left out.
update message_copy m
set reply_code = null, reply = null, outcome = case when exists (
    select from unnest($4::bigint[], $5::text[]) as o(enrollment_id, address)
    where o.enrollment_id = m.enrollment_id and o.address = m.address) then 'left_out' end
where m.workspace_id = $1 and m.campaign_id = $2 and m.enrollment_id = any($3::bigint[])

-- name: settle
-- These messages were sent: the copies that the server refused, and all others were taken.
with refused as (
  select * from unnest($4::bigint[], $5::text[], $6::smallint[], $7::text[]) as r(enrollment_id, address, code, reply)
)
update message_copy m
set outcome = case when n.code is null then 'taken' else 'refused' end, reply_code = n.code, reply = n.reply
from (
  select c.enrollment_id, c.place, r.code, r.reply from message_copy c
  left join refused r on r.enrollment_id = c.enrollment_id and r.address = c.address
  where c.workspace_id = $1 and c.campaign_id = $2 and c.enrollment_id = any($3::bigint[]) and c.outcome is null) n
where m.workspace_id = $1 and m.campaign_id = $2 and m.enrollment_id = n.enrollment_id and m.place = n.place

-- name: outcomes
-- What became of the copies of these messages.
select enrollment_id, address, outcome from message_copy
where workspace_id = $1 and campaign_id = $2 and enrollment_id = any($3::bigint[]) and outcome is not null
order by enrollment_id, place

-- name: copy_of
-- Whether an address has had a copy of a message.
select exists (
  select from message_copy
  where workspace_id = $1 and campaign_id = $2 and enrollment_id = $3 and address_key = $4)
