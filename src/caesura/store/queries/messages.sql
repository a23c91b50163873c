-- name: get
-- One message of the ledger.
select * from ledger where workspace_id = $1 and enrollment_id = $2 and step = $3

-- name: of_enrollment
-- The messages of one enrollment, in the order of steps.
select * from ledger where workspace_id = $1 and enrollment_id = $2 order by step

-- name: of_campaign
-- A page of a campaign's messages past a cursor, in the order of enrollments and steps.
select * from ledger
where workspace_id = $1 and campaign_id = $2 and (enrollment_id, step) > ($3, $4) and ($5::text is null or state = $5)
order by enrollment_id, step
limit $6

-- name: of_workspace
-- The same for all campaigns.
select * from ledger
where workspace_id = $1 and (enrollment_id, step) > ($2, $3) and ($4::text is null or state = $4)
order by enrollment_id, step
limit $5
