-- name: leads_missing
-- Leads still to be written to that have no value for a needed field: how many, and the first addresses.
with looked_at as (
  select l.address, l.fields || coalesce(e.fields, '{}') as fields from enrollment e
  join lead l on l.workspace_id = e.workspace_id and l.id = e.lead_id
  where e.workspace_id = $1 and e.campaign_id = $2 and e.state in ('waiting', 'claimed')
  limit $4
), missing as (
  select address from looked_at
  where exists (select from unnest($3::text[]) name where coalesce(btrim(fields ->> name), '') = '')
)
select (select count(*) from missing) as missing, array(select address from missing limit $5) as examples
