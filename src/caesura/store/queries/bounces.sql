-- name: count
-- More messages of a campaign came back, marked at these times; what was marked before the counts began anew is not
-- counted. In a transaction of its own kind's last statement: see the table.
insert into campaign_bounce as b (workspace_id, campaign_id, bounced, is_fresh)
values ($1, $2, cardinality($3::timestamptz[]), true)
on conflict (workspace_id, campaign_id) do update
set bounced = b.bounced + (select count(*) from unnest($3::timestamptz[]) as m(at) where b.since is null or m.at >= b.since),
    is_fresh = true

-- name: get
-- The counts of a campaign.
select * from campaign_bounce where workspace_id = $1 and campaign_id = $2

-- name: fresh
-- Which campaigns are to be looked at.
select workspace_id, campaign_id from campaign_bounce where is_fresh order by workspace_id, campaign_id limit 100

-- name: seen
-- It was looked at, unless more has come meanwhile.
update campaign_bounce set is_fresh = false where workspace_id = $1 and campaign_id = $2 and bounced = $3

-- name: look_again
-- Its campaign may run again, or has another threshold.
update campaign_bounce set is_fresh = true where workspace_id = $1 and campaign_id = $2

-- name: paused
-- It has paused its campaign.
update campaign_bounce set paused_at = $3, is_fresh = false where workspace_id = $1 and campaign_id = $2

-- name: resumed
-- Its campaign runs again: after a pause for it, the counts begin anew.
update campaign_bounce
set bounced = case when paused_at is null then bounced else 0 end,
    delivered_before = case when paused_at is null then delivered_before else coalesce((
      select sum(sent + rejected) from campaign_counter where workspace_id = $1 and campaign_id = $2), 0) end,
    since = case when paused_at is null then since else $3 end,
    is_fresh = paused_at is null,
    paused_at = null
where workspace_id = $1 and campaign_id = $2

-- name: is_counted
-- Whether a message has come back before: refused, or by another report.
select exists (
  select from ledger where workspace_id = $1 and enrollment_id = $2 and step = $3 and state = 'rejected')
  or exists (
    select from inbound
    where workspace_id = $1 and lead_id = $4 and enrollment_id = $2 and step = $3 and bounce_type = 'hard' and id < $5)
