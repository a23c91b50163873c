-- name: clock
-- The server's own clock, to be compared with ours; nothing else may ask for it.
select clock_timestamp()
