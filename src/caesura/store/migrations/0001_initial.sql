-- The first schema. `workspace_id` leads every key, so that tables can be distributed by it.
-- Every time is an argument (`now` comes from the caller): there is no default clock in here.

create table workspace (
    id integer generated always as identity primary key,
    name text not null unique check (length(name) between 1 and 200),
    settings jsonb not null default '{}',   -- what was set for it; what is not there has its default
    created_at timestamptz not null
);

-- One row: which secret key seals the passwords in here.
create table installation (
    is_only boolean primary key default true check (is_only),
    secret_key_digest bytea not null
);

create table api_key (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    prefix text not null unique,            -- the public part, by which a key is found
    digest bytea not null,                  -- HMAC-SHA256 of the secret part; the secret itself is not kept
    dialect text not null check (length(dialect) between 1 and 40),
    scopes text[] not null,
    campaign_ids bigint[],                  -- the only campaigns that it may touch; null: all
    plan text,                              -- which rate limits it has; null: its door's usual ones
    is_account boolean not null default false,  -- opens every workspace, each named in the request
    label text,                             -- null when nobody gave it one
    created_at timestamptz not null,
    expires_at timestamptz,                 -- null: never
    last_used_at timestamptz,               -- null: not used yet
    revoked_at timestamptz,                 -- null: good
    extra jsonb not null default '{}',      -- kept and returned, never read
    primary key (workspace_id, id)
);
create index api_key_account on api_key (dialect) where is_account;  -- few: they count for every workspace

-- How much of its rate limits a key has used, one row a limit: in the database, so that all API processes count
-- together. Unlogged, since a crash may well forget it and no request should wait for a disk.
create unlogged table key_use (
    workspace_id integer not null,
    key_id bigint not null,
    name text not null,                     -- which of its limits
    period bigint not null,                 -- which window of that many seconds, counted from 1970
    used integer not null,                  -- never above one more than `allowed`
    allowed integer not null,
    primary key (workspace_id, key_id, name)
) with (fillfactor = 50);

create table lead (
    workspace_id integer not null,          -- that it is there: see lead_needs_workspace
    id bigint generated always as identity,
    address text not null,                  -- canonical: local part as given, domain an A-label in lower case
    address_key text not null,              -- what makes two addresses the same: folded local part and domain
    domain text not null,                   -- A-label, lower case: what a domain hold and a suppression name
    fields jsonb not null,
    zone text,                              -- IANA; null: the campaign's
    extra jsonb not null default '{}',      -- kept and returned, never read
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, address_key)
);

-- finds leads by what is kept of them
create index lead_extra on lead using gin (extra jsonb_path_ops) where extra <> '{}';

create table lead_list (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 200),
    extra jsonb not null default '{}',      -- kept and returned, never read
    created_at timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, name)
);

create table lead_list_member (
    workspace_id integer not null,
    list_id bigint not null,
    lead_id bigint not null,
    added_at timestamptz not null,
    primary key (workspace_id, list_id, lead_id),
    foreign key (workspace_id, list_id) references lead_list on delete cascade,
    foreign key (workspace_id, lead_id) references lead on delete cascade
);
-- finds the lists of a lead, and makes its deletion cheap
create index lead_list_member_lead on lead_list_member (workspace_id, lead_id);

create table mailbox (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 200),
    address text not null,
    definition jsonb not null,              -- transport and limits as the owner wrote them, without the secrets
    secret bytea,                           -- AES-256-GCM of the password or token; null: no authentication
    archived boolean not null default false,
    version integer not null default 1,     -- counts edits: the ETag, and what tells a worker to reload
    created_at timestamptz not null,
    updated_at timestamptz not null,
    dkim_key bytea,                         -- AES-256-GCM of the key that signs, in PEM; null: nothing is signed
    dkim_record text,                       -- its public half, as the domain's TXT record shows it
    primary key (workspace_id, id),
    unique (workspace_id, name),
    check ((dkim_key is null) = (dkim_record is null))
);

-- The load of a mailbox, apart from its definition since it changes with every message.
create table mailbox_pace (
    workspace_id integer not null,
    mailbox_id bigint not null,
    day date,                               -- the local day that `used` counts; null: nothing sent yet
    used integer not null default 0,        -- marked on that day and not handed back
    ready_at timestamptz,                   -- end of the gap, or with a rate GCRA's theoretical arrival time; null: none
    wait_until timestamptz,                 -- nothing leaves before: a window, a used-up day, a server that is away
    wait_reason text,                       -- why; both null when it need not wait
    busy_until timestamptz,                 -- a gapped message is in transit under this lease; null: none
    primary key (workspace_id, mailbox_id),
    foreign key (workspace_id, mailbox_id) references mailbox on delete cascade,
    check ((wait_until is null) = (wait_reason is null))
) with (fillfactor = 50);

create table pool (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 200),
    created_at timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, name)
);

create table pool_mailbox (
    workspace_id integer not null,
    pool_id bigint not null,
    mailbox_id bigint not null,
    primary key (workspace_id, pool_id, mailbox_id),
    foreign key (workspace_id, pool_id) references pool on delete cascade,
    foreign key (workspace_id, mailbox_id) references mailbox on delete cascade
);
-- finds the pools of a mailbox
create index pool_mailbox_mailbox on pool_mailbox (workspace_id, mailbox_id);

create table campaign (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 200),
    status text not null default 'draft' check (status in ('draft', 'scheduled', 'pending_approval',
        'running', 'paused', 'editing', 'completed', 'stopped')),
    cause text not null,                    -- why it is in this status: a code word
    actor text not null,                    -- who put it there
    reason text,                            -- in that person's own words; null when none were given
    status_at timestamptz not null,
    pool_id bigint,                         -- null: not chosen yet
    definition jsonb not null,              -- all but the steps, as the owner wrote it
    starts_at timestamptz,                  -- null: not scheduled
    started_at timestamptz,                 -- null: never ran
    paused_at timestamptz,                  -- null: neither paused nor taken out to be edited
    quiesced_at timestamptz,                -- null: likewise, or something is still in transit
    resume_at timestamptz,                  -- null: no resume is planned
    clock_mode text not null default 'freeze' check (clock_mode in ('freeze', 'run')),
    clock_offset interval not null default '0',  -- real time less campaign time
    clock_stopped_at timestamptz,           -- the frozen clock stands here; null: it runs
    new_leads text not null default 'hold' check (new_leads in ('hold', 'reject')),
    on_overdue text not null default 'spread' check (on_overdue in ('spread', 'skip', 'review')),
    overdue_since timestamptz[] not null default '{}',  -- campaign time: what falls due in a pause; with the next,
    overdue_until timestamptz[] not null default '{}',  -- which lacks the last one while it is paused
    overdue_policy text[] not null default '{}',  -- and what is done with it, as each pause has chosen: skip or review
    archived boolean not null default false,
    kind text not null default 'sequence' check (kind in ('sequence', 'single')),  -- a single mailing is in no list
    turned_away bigint not null default 0,  -- of the list or audience that was enrolled last: who may not be written to
    timing integer not null default 1,      -- counts edits of windows, zones and fixed dates: what parks leads
    version integer not null default 1,     -- counts edits of content: the ETag; `mark` refuses what was composed before
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, pool_id) references pool,
    check ((status in ('paused', 'editing')) = (paused_at is not null)),
    check (quiesced_at is null or paused_at is not null),
    check (resume_at is null or status = 'paused'),
    check (cardinality(overdue_since) - cardinality(overdue_until) in (0, 1)),
    check (cardinality(overdue_until) = cardinality(overdue_policy))
);
-- the worker's first question: what is running?
create index campaign_running on campaign (workspace_id, id) where status = 'running';
-- the timer's question: what starts or resumes by itself, and what is not quiet yet?
create index campaign_timed on campaign (workspace_id, id) where status in ('scheduled', 'paused', 'editing');
create index campaign_by_name on campaign (workspace_id, name);

create table step (
    workspace_id integer not null,
    campaign_id bigint not null,
    number smallint not null check (number between 1 and 50),
    id bigint generated by default as identity,  -- stays with the step when its number changes
    definition jsonb not null,
    primary key (workspace_id, campaign_id, number),
    foreign key (workspace_id, campaign_id) references campaign on delete cascade
);

-- What a campaign has used of its own daily quotas, and its gap.
create table campaign_pace (
    workspace_id integer not null,
    campaign_id bigint not null,
    day date,                               -- the local day that the counts are of; null: nothing yet
    used integer not null default 0,
    opened integer not null default 0,      -- of these, first steps
    ready_at timestamptz,                   -- end of the gap; null: none
    primary key (workspace_id, campaign_id),
    foreign key (workspace_id, campaign_id) references campaign on delete cascade
) with (fillfactor = 50);

-- What came back of a campaign's messages, as a threshold counts it. No row: nothing yet. It is the last row that a
-- transaction locks, so nobody who has it waits for anybody.
create table campaign_bounce (
    workspace_id integer not null,
    campaign_id bigint not null,
    bounced bigint not null,                -- refused for good, or bounced hard; of those marked since `since`
    delivered_before bigint not null default 0,  -- sent and rejected until `since`: what the share is not taken of
    since timestamptz,                      -- the resume after the last pause for it; null: from the beginning
    paused_at timestamptz,                  -- it has paused the campaign, which was not resumed yet; null: it has not
    is_fresh boolean not null,              -- the timers have not looked at it yet
    primary key (workspace_id, campaign_id),
    foreign key (workspace_id, campaign_id) references campaign on delete cascade
) with (fillfactor = 50);
-- the timer's question
create index campaign_bounce_fresh on campaign_bounce (workspace_id, campaign_id) where is_fresh;

create table enrollment (
    workspace_id integer not null,
    id bigint generated always as identity,
    campaign_id bigint not null,
    lead_id bigint not null,
    state text not null default 'waiting' check (state in ('waiting', 'claimed', 'held', 'finished', 'stopped')),
    cause text,                             -- why it is held or stopped; null in the other states
    step smallint not null default 1,       -- the next step; the last one once finished
    due_at timestamptz not null,            -- campaign time
    not_before timestamptz,                 -- real time: parked until then; null: only due_at counts
    wait_reason text,                       -- why it is parked; null when it is not
    parked_under integer,                   -- by which timing of the campaign; null: by none, or not parked
    mailbox_id bigint,                      -- all steps leave from here; null until one came to the wire
    claimed_by text,                        -- the worker that has it; null unless claimed
    lease_until timestamptz,                -- and until when; null unless claimed
    fields jsonb,                           -- values for this campaign only, before the lead's own; null: none
    extra jsonb,                            -- kept and returned, never read; null: nothing
    enrolled_at timestamptz not null,
    updated_at timestamptz not null,
    moved_on date,                          -- its messages are in the history, in that day's part; null: in `message`
    primary key (workspace_id, id),
    unique (workspace_id, campaign_id, lead_id),
    -- That the campaign is there, campaign_counter sees to; and the lead, enrollment_needs_lead. Neither ever changes.
    check ((state in ('held', 'stopped')) = (cause is not null)),
    check ((state = 'claimed') = (claimed_by is not null)),
    check ((state = 'claimed') = (lease_until is not null)),
    check ((not_before is null) = (wait_reason is null)),
    check (parked_under is null or not_before is not null),
    -- Only what is at an end has its messages in the history: so `message` alone tells a mark what was sent.
    check (moved_on is null or state in ('finished', 'stopped'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
-- claim: the due ones of a campaign, by mailbox (null: not opened yet), oldest first
create index enrollment_due on enrollment (workspace_id, campaign_id, mailbox_id, due_at)
    where state = 'waiting' and not_before is null;
-- the timer: parked ones whose time has come
create index enrollment_parked on enrollment (not_before) where state = 'waiting' and not_before is not null;
-- the timer: ones that an edit of the campaign's windows or dates lets be asked again
create index enrollment_parked_under on enrollment (workspace_id, campaign_id, parked_under)
    where state = 'waiting' and parked_under is not null;
-- what workers have: a few, found by key whatever else there is; and those whose leases ran out, by a look at all
create index enrollment_leased on enrollment (workspace_id, id, lease_until) where state = 'claimed';
-- releasing a hold finds the ones that met it
create index enrollment_held on enrollment (workspace_id, cause, lead_id) where state = 'held';
-- a reply or an unsubscribe finds every enrollment of the lead
create index enrollment_lead on enrollment (workspace_id, lead_id);
-- the history: those at an end whose messages have not gone there yet
create index enrollment_over on enrollment (updated_at) where state in ('finished', 'stopped') and moved_on is null;

create table message (
    workspace_id integer not null,
    enrollment_id bigint not null,
    step smallint not null,
    campaign_id bigint not null,
    lead_id bigint not null,
    variant smallint not null,              -- 0-based place among the step's variants
    mailbox_id bigint,                      -- null only where nothing was ever marked (a step passed over)
    state text not null check (state in ('sending', 'sent', 'deferred', 'rejected', 'unknown', 'cancelled')),
    cause text,                             -- why it is deferred, rejected, unknown or cancelled; else null
    message_id text,                        -- RFC 5322 Message-ID, in angle brackets; null where nothing was ever marked
    subject text,                           -- as composed, for its follow-ups; null where nothing was ever marked
    recipient text not null,
    attempt smallint not null,              -- how often it was marked
    refusals smallint not null default 0,   -- how often a server put it off: what the back-off counts
    worker text,                            -- who marked it last; null where nothing was ever marked
    lease_until timestamptz,                -- past this it is unknown; null unless sending
    marked_at timestamptz,                  -- the last time
    settled_at timestamptz,                 -- null while sending
    stage text,                             -- how far the last try came
    reply_code smallint,                    -- what the server said; null when it said nothing
    reply text,
    -- G2's last line of defence, together with enrollment.moved_on for what is in the history. No foreign key to
    -- enrollment: the check took half the time of a mark, which whoever pauses waits for. A mark inserts only what it
    -- has just locked there, and no enrollment is ever deleted.
    primary key (workspace_id, enrollment_id, step),
    check ((state = 'sending') = (lease_until is not null)),
    check ((state = 'sending') = (settled_at is null)),
    check (state <> 'sending' or (message_id is not null and mailbox_id is not null and worker is not null)),
    check ((state in ('sending', 'sent')) = (cause is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
-- in transit: counted at a pause, and recovered when the lease runs out
create index message_sending on message (workspace_id, campaign_id, lease_until) where state = 'sending';
-- the ledger of a campaign, and its unknown ones
create index message_campaign on message (workspace_id, campaign_id, enrollment_id, step);

-- The part of the ledger that nothing happens to any more, by the month in which it came here: all messages of an
-- enrollment at once, when its `moved_on` is set, and never one that may still change.
create table message_history (
    workspace_id integer not null,
    enrollment_id bigint not null,
    step smallint not null,
    campaign_id bigint not null,
    lead_id bigint not null,
    variant smallint not null,              -- this and what follows: as in `message`
    mailbox_id bigint,
    state text not null check (state in ('sent', 'rejected', 'cancelled')),
    cause text,
    message_id text,
    subject text,
    recipient text not null,
    attempt smallint not null,
    refusals smallint not null,
    worker text,
    lease_until timestamptz,
    marked_at timestamptz,
    settled_at timestamptz not null,
    stage text,
    reply_code smallint,
    reply text,
    moved_on date not null,                 -- UTC
    primary key (workspace_id, enrollment_id, step, moved_on)
) partition by range (moved_on);
create index message_history_campaign on message_history (workspace_id, campaign_id, enrollment_id, step);

-- All messages, wherever they are: for whoever reads, never for what decides on a send.
create view ledger as
select workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state, cause, message_id, subject,
    recipient, attempt, refusals, worker, lease_until, marked_at, settled_at, stage, reply_code, reply
from message
union all
select workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state, cause, message_id, subject,
    recipient, attempt, refusals, worker, lease_until, marked_at, settled_at, stage, reply_code, reply
from message_history;

-- Makes the part for the month of a day, unless it is there. Attached, not created in place: nobody who reads waits.
create function add_history_month(day date) returns void language plpgsql as $$
declare
    first date := date_trunc('month', day);
    part text := 'message_history_' || to_char(day, 'YYYY_MM');
begin
    if to_regclass(part) is null then
        lock table message_history in share update exclusive mode;
        if to_regclass(part) is null then  -- another may have made it meanwhile
            execute format('create table %I (like message_history including constraints including indexes)', part);
            execute format('alter table message_history attach partition %I for values from (%L) to (%L)',
                part, first, (first + interval '1 month')::date);
        end if;
    end if;
end $$;

create table suppression (
    workspace_id integer not null references workspace,
    kind text not null check (kind in ('address', 'domain')),
    value text not null,                    -- an address key, or a domain as A-label
    cause text not null,
    actor text not null,
    created_at timestamptz not null,
    primary key (workspace_id, kind, value)
);

create table hold (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    level text not null check (level in ('workspace', 'mailbox', 'domain', 'campaign', 'lead')),
    subject text not null,                  -- the id at that level, a domain, or '' for the workspace
    cause text not null,
    actor text not null,
    reason text,                            -- in words; null when none were given
    created_at timestamptz not null,
    released_at timestamptz,                -- null: in force
    released_by text,                       -- null: in force
    primary key (workspace_id, id),
    check ((released_at is null) = (released_by is null)),
    check ((level = 'workspace') = (subject = ''))
);
-- the gate's question; and one hold per subject and cause, so that placing one twice is one
create unique index hold_in_force on hold (workspace_id, level, subject, cause) where released_at is null;

-- The append-only log, written in the transaction of the change it tells of.
create table event (
    workspace_id integer not null,
    id bigint generated always as identity,
    transaction_id xid8 not null default pg_current_xact_id(),  -- lets a reader stop before what may still commit
    at timestamptz not null,
    kind text not null,
    actor text not null,
    campaign_id bigint,                     -- null: not about a campaign; likewise below
    enrollment_id bigint,
    step smallint,
    mailbox_id bigint,
    lead_id bigint,
    data jsonb not null,
    primary key (workspace_id, id)
);
-- the log in the order in which it can be told
create index event_in_order on event (workspace_id, transaction_id, id);
-- the log of a span of time, whatever the clock did meanwhile: by parts of the table, since it is written in that order,
-- and only those parts in which the workspace may be
create index event_at on event using brin (workspace_id int4_bloom_ops, at) with (pages_per_range = 32, autosummarize = on);
-- the history of one campaign
create index event_campaign on event (workspace_id, campaign_id, id) where campaign_id is not null;

create table idempotency_key (
    workspace_id integer not null references workspace,
    key text not null,
    request_digest bytea not null,
    status smallint,                        -- null: not answered yet
    headers jsonb,
    body bytea,
    created_at timestamptz not null,
    renewed_at timestamptz not null,        -- when whoever answers last said that it is still there
    primary key (workspace_id, key)
);
create index idempotency_key_age on idempotency_key (created_at);

-- Workers, so that a person can see who is at work. Nothing of correctness hangs on this table.
create table worker (
    id text primary key,
    host text not null,
    process_id integer not null,
    slots integer not null,
    started_at timestamptz not null,
    seen_at timestamptz not null
);

-- Exact counts per state, kept by the triggers below. Sharded by session, so that two workers on one
-- campaign do not wait for each other; the count is the sum over the shards.
create table campaign_counter (
    workspace_id integer not null,
    campaign_id bigint not null,
    shard smallint not null,
    waiting bigint not null default 0,
    claimed bigint not null default 0,
    held bigint not null default 0,
    finished bigint not null default 0,
    stopped bigint not null default 0,
    sending bigint not null default 0,
    sent bigint not null default 0,
    deferred bigint not null default 0,
    rejected bigint not null default 0,
    unknown bigint not null default 0,
    cancelled bigint not null default 0,
    primary key (workspace_id, campaign_id, shard),
    foreign key (workspace_id, campaign_id) references campaign
) with (fillfactor = 50);

-- In place of foreign keys, which ask for each row by itself: that took half of the time of an import. With the same
-- locks: nobody deletes a lead while it is being enrolled. One of the same transaction can be deleted by nobody else,
-- and is not locked, which would write it once more. One look by key for each row, whatever was planned when.
create function enrollment_needs_lead() returns trigger language plpgsql as $body$
begin
    if exists (
        with others as materialized (
            select n.workspace_id, n.lead_id from new_rows n
            left join lateral (
                select l.xmin as writer from lead l where l.workspace_id = n.workspace_id and l.id = n.lead_id limit 1
            ) l on true
            where l.writer is distinct from pg_current_xact_id()::xid
        )
        select from others o
        where not exists (
            select from lead l where l.workspace_id = o.workspace_id and l.id = o.lead_id for key share)
    ) then
        raise foreign_key_violation using message = 'an enrollment is of no lead';
    end if;
    return null;
end $body$;
create trigger needs_lead after insert on enrollment referencing new table as new_rows
    for each statement execute function enrollment_needs_lead();

create function lead_is_needed() returns trigger language plpgsql as $body$
begin
    if exists (
        select from old_rows o join enrollment e on e.workspace_id = o.workspace_id and e.lead_id = o.id
    ) then
        raise foreign_key_violation using message = 'the lead is enrolled';
    end if;
    return null;
end $body$;
create trigger is_needed after delete on lead referencing old table as old_rows
    for each statement execute function lead_is_needed();

-- Who adds leads reads their workspace with a key share lock, as a foreign key would: see insert_new in leads.sql.
create function lead_needs_workspace() returns trigger language plpgsql as $body$
begin
    if exists (select from old_rows o join lead l on l.workspace_id = o.id) then
        raise foreign_key_violation using message = 'the workspace has leads';
    end if;
    return null;
end $body$;
create trigger lead_needs_workspace after delete on workspace referencing old table as old_rows
    for each statement execute function lead_needs_workspace();

-- One function and one trigger for each table and operation: written out by a loop so that their plans are cached.
do $do$
declare
    counted record;
    operation text;
begin
    for counted in
        select 'enrollment' as name, array['waiting', 'claimed', 'held', 'finished', 'stopped'] as states
        union all
        select name, array['sending', 'sent', 'deferred', 'rejected', 'unknown', 'cancelled']
        from unnest(array['message', 'message_history']) name
    loop
        foreach operation in array array['insert', 'update', 'delete'] loop
            execute format($f$
                create function count_%1$s_%2$s() returns trigger language plpgsql as $body$
                begin
                    insert into campaign_counter as c (workspace_id, campaign_id, shard, %3$s)
                    select workspace_id, campaign_id, pg_backend_pid() %% 64, %4$s
                    from (%5$s) change
                    group by workspace_id, campaign_id
                    having %6$s
                    order by workspace_id, campaign_id
                    on conflict (workspace_id, campaign_id, shard) do update set %7$s;
                    return null;
                end $body$
                $f$,
                counted.name, operation,
                (select string_agg(s, ', ') from unnest(counted.states) s),
                (select string_agg(format('coalesce(sum(n) filter (where state = %L), 0)', s), ', ')
                    from unnest(counted.states) s),
                case operation
                    when 'insert' then 'select workspace_id, campaign_id, state, 1 as n from new_rows'
                    when 'delete' then 'select workspace_id, campaign_id, state, -1 as n from old_rows'
                    else 'select workspace_id, campaign_id, state, 1 as n from new_rows
                          union all select workspace_id, campaign_id, state, -1 from old_rows'
                end,
                (select string_agg(format('coalesce(sum(n) filter (where state = %L), 0) <> 0', s), ' or ')
                    from unnest(counted.states) s),
                (select string_agg(format('%1$s = c.%1$s + excluded.%1$s', s), ', ') from unnest(counted.states) s));
            execute format(
                'create trigger count_%2$s after %2$s on %1$s referencing %3$s
                    for each statement execute function count_%1$s_%2$s()',
                counted.name, operation,
                case operation
                    when 'insert' then 'new table as new_rows'
                    when 'delete' then 'old table as old_rows'
                    else 'new table as new_rows old table as old_rows'
                end);
        end loop;
    end loop;
end $do$;

-- What came back: replies, bounces, complaints, unsubscribes. Nothing of it is ever deleted.
create table inbound (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    kind text not null check (kind in ('reply', 'auto_reply', 'bounce', 'complaint', 'unsubscribe')),
    lead_id bigint,                         -- null: none has this address
    campaign_id bigint,                     -- null: not known; likewise the next three
    enrollment_id bigint,
    step smallint,                          -- of the message that it answers, or of the last one before it
    mailbox_id bigint,
    address text,                           -- whom it is about: the lead's own, not a server's; null: not known
    from_address text,                      -- as it stands in the mail; null where there was none, likewise below
    subject text,
    text text,                              -- cut
    html text,                              -- cut
    message_id text,                        -- its own RFC 5322 Message-ID
    in_reply_to text,                       -- the Message-ID of ours that it answers; else the one that it names first
    bounce_type text check (bounce_type in ('hard', 'soft')),
    reason text,                            -- in the words of the server or person that it came from
    classification text,                    -- null: nobody has said
    is_read boolean not null default false,
    assigned_to text,                       -- null: to nobody
    assigned_at timestamptz,
    note text,
    received_at timestamptz not null,
    created_at timestamptz not null,
    extra jsonb not null default '{}',
    primary key (workspace_id, id),
    foreign key (workspace_id, lead_id) references lead on delete set null (lead_id),
    check ((kind = 'bounce') = (bounce_type is not null)),
    check (enrollment_id is null or (lead_id is not null and campaign_id is not null)),
    check ((assigned_to is null) = (assigned_at is null))
);
-- one mail is one row, however often it is reported
create unique index inbound_once on inbound (workspace_id, message_id) where message_id is not null;
create index inbound_lead on inbound (workspace_id, lead_id, id);
create index inbound_campaign on inbound (workspace_id, campaign_id, id);
-- the counts of a campaign, out of the index alone
create index inbound_counts on inbound (workspace_id, campaign_id, step, kind, bounce_type, classification, lead_id, id);

-- Webhooks of all doors. Those that a door has are the ones of its dialect.
create table webhook (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    dialect text not null check (length(dialect) between 1 and 40),
    url text not null,
    events text[] not null,                 -- as the door calls them; '*': all
    description text,                       -- null: none was given
    active boolean not null,
    disabled_cause text,                    -- why it is off: a code word; null while active
    secret bytea,                           -- AES-256-GCM of what signs; null once deleted
    previous_secret bytea,                  -- signs too until previous_until; both null outside a rotation
    previous_until timestamptz,
    extra jsonb not null default '{}',      -- what the door keeps, and the engine does not use
    begins xid8 not null default pg_current_xact_id(),  -- events of later transactions are told; renewed when enabled
    last_status text check (last_status in ('delivered', 'failed')),  -- of the newest attempt; null: none yet
    last_at timestamptz,
    failing_since timestamptz,              -- the first of nothing but failures; null: none, or it was enabled since
    version integer not null default 1,     -- counts edits: the ETag
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,                 -- null: it is there. Its log stays for a while
    primary key (workspace_id, id),
    check (active = (disabled_cause is null)),
    check ((previous_secret is null) = (previous_until is null)),
    check (deleted_at is null or not active)
);
-- the fan-out's question: who is told anything?
create index webhook_active on webhook (workspace_id, id) where active;

-- How far a workspace's events have become deliveries, in the log's order. No row: it never had a webhook.
create table webhook_cursor (
    workspace_id integer primary key references workspace,
    transaction_id xid8 not null,
    event_id bigint not null
);

-- One request to one webhook, with its bytes, so that every attempt is the same.
create table webhook_delivery (
    workspace_id integer not null,
    id bigint generated always as identity,
    webhook_id bigint not null,
    key text not null,                      -- names what is told: the same at a replay
    name text not null,                     -- the event, as the door calls it
    event_ids bigint[] not null,            -- the entries of the log that it tells of; empty: none, a test
    campaign_id bigint,                     -- null: not about one
    enrollment_id bigint,                   -- null: not about one
    body bytea not null,
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'cancelled')),
    attempts smallint not null default 0,   -- how many are noted
    due_at timestamptz,                     -- the next attempt; null unless pending
    created_at timestamptz not null,
    settled_at timestamptz,                 -- null while pending
    primary key (workspace_id, id),
    foreign key (workspace_id, webhook_id) references webhook on delete cascade,
    check ((state = 'pending') = (due_at is not null)),
    check ((state = 'pending') = (settled_at is null))
);
-- the sweep: for which webhooks has the time come?
create index webhook_delivery_due on webhook_delivery (workspace_id, webhook_id, due_at) where state = 'pending';
-- what comes next for one webhook: in its first attempts, in the order of what happened; after these, by time
create index webhook_delivery_first on webhook_delivery (workspace_id, webhook_id, id)
    where state = 'pending' and attempts < 2;
create index webhook_delivery_later on webhook_delivery (workspace_id, webhook_id, due_at)
    where state = 'pending' and attempts >= 2;
-- the log of one webhook, newest first; and what is old enough to go
create index webhook_delivery_log on webhook_delivery (workspace_id, webhook_id, id);
create index webhook_delivery_age on webhook_delivery (created_at);

-- The log of attempts.
create table webhook_attempt (
    workspace_id integer not null,
    id bigint generated always as identity,
    webhook_id bigint not null,
    delivery_id bigint not null,
    number smallint not null,
    at timestamptz not null,
    duration_ms integer not null,
    status_code smallint,                   -- null: there was no answer
    error text,                             -- a code word; null: delivered
    response bytea,                         -- the beginning of the answer's body; null: there was none
    primary key (workspace_id, id),
    foreign key (workspace_id, delivery_id) references webhook_delivery on delete cascade
);
create index webhook_attempt_log on webhook_attempt (workspace_id, webhook_id, id);
create index webhook_attempt_delivery on webhook_attempt (workspace_id, delivery_id);

-- Calls that are under way or wait for their turn, where only so many of a workspace may be at a time. One row, so that
-- each change is one statement. Unlogged: after a crash of the database nobody waits any more.
create unlogged table call_queue (
    workspace_id integer not null references workspace,
    name text not null,
    last_ticket bigint not null,
    tickets bigint[] not null,              -- in the order of coming: the first ones are under way
    leases timestamptz[] not null,          -- until when each counts, in the same order
    primary key (workspace_id, name),
    check (cardinality(tickets) = cardinality(leases))
) with (fillfactor = 50);

-- Campaigns that waited for a person before their start, and what became of it.
create table approval (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    campaign_id bigint not null,
    state text not null default 'pending' check (state in ('pending', 'approved', 'dismissed', 'withdrawn')),
    asked_at timestamptz not null,
    asked_by text not null,
    settled_at timestamptz,                 -- null while pending
    settled_by text,                        -- null while pending
    reason text,                            -- why it was dismissed; null when nobody said
    primary key (workspace_id, id),
    foreign key (workspace_id, campaign_id) references campaign on delete cascade,
    check ((state = 'pending') = (settled_at is null)),
    check ((state = 'pending') = (settled_by is null))
);
-- what a campaign waits for is one
create unique index approval_pending on approval (workspace_id, campaign_id) where state = 'pending';
-- deleting a campaign finds its own
create index approval_campaign on approval (workspace_id, campaign_id);

-- Leads by what their fields hold: who is in it is asked each time.
create table segment (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 200),
    description text not null,
    criteria jsonb not null,                -- {"match": all or any, "conditions": [...]}, see `condition_holds`
    extra jsonb not null default '{}',      -- kept and returned, never read
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version integer not null default 1,     -- counts edits: the ETag
    primary key (workspace_id, id),
    unique (workspace_id, name)
);

-- One condition of a segment for one value of a field. It says what `domain/segments.py` says. In PL/pgSQL, like the next
-- one, whose plans are kept from call to call: in SQL each call would be planned and begun anew, at twenty times the cost.
create function condition_holds(value jsonb, c jsonb) returns boolean language plpgsql immutable as $f$
declare
    operator text := c ->> 'operator';
    asked text := replace(operator, 'not_', '');
    content text := value #>> '{}';
    wanted text := c ->> 'value';
    number numeric;
    day text;
    hit boolean;
begin
    if operator = 'is_empty' then
        return coalesce(content, '') = '';
    elsif operator = 'is_not_empty' then
        return coalesce(content, '') <> '';
    elsif c ->> 'kind' = 'number' then
        if jsonb_typeof(value) = 'number'
            or (jsonb_typeof(value) = 'string' and content ~ '^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?$') then
            number := content::numeric;
        end if;
        hit := case asked
            when 'equals' then number = wanted::numeric
            when 'greater_than' then number > wanted::numeric
            when 'less_than' then number < wanted::numeric
            else number between wanted::numeric and (c ->> 'upper')::numeric
        end;
    elsif c ->> 'kind' = 'date' then
        if content ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' then
            day := left(content, 10);
        end if;
        wanted := left(wanted, 10);
        hit := case asked
            when 'equals' then day = wanted
            when 'after' then day > wanted collate "C"
            when 'before' then day < wanted collate "C"
            else day >= wanted collate "C" and day <= left(c ->> 'upper', 10) collate "C"
        end;
    else
        hit := case asked
            when 'equals' then content = wanted
            when 'contains' then strpos(content, wanted) > 0
            when 'starts_with' then left(content, length(wanted)) = wanted
            else right(content, length(wanted)) = wanted
        end;
    end if;
    return (operator like 'not\_%') <> coalesce(hit, false);
end $f$;

-- Whether a lead, given as its fields, meets the criteria of a segment; null for criteria without conditions.
create function lead_matches(document jsonb, criteria jsonb) returns boolean language plpgsql immutable as $f$
declare
    conditions jsonb := criteria -> 'conditions';
    is_all boolean := criteria ->> 'match' = 'all';
    c jsonb;
begin
    for place in 0 .. jsonb_array_length(conditions) - 1 loop
        c := conditions -> place;
        if condition_holds(document -> (c ->> 'field'), c) <> is_all then
            return not is_all;
        end if;
    end loop;
    return case when jsonb_array_length(conditions) > 0 then is_all end;
end $f$;

-- Texts to make messages of.
create table message_template (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 200),
    subject text,                           -- null: none was given; likewise the next two
    html text,
    text text,
    description text not null,
    extra jsonb not null default '{}',      -- kept and returned, never read
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version integer not null default 1,     -- counts edits: the ETag
    primary key (workspace_id, id)
);

-- Kinds of messages that a recipient can refuse without refusing all others.
create table suppression_group (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 200),
    description text not null,
    extra jsonb not null default '{}',      -- kept and returned, never read
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version integer not null default 1,     -- counts edits: the ETag
    primary key (workspace_id, id),
    unique (workspace_id, name)
);

create table suppression_group_member (
    workspace_id integer not null,
    group_id bigint not null,
    value text not null,                    -- an address key
    cause text not null,
    actor text not null,
    created_at timestamptz not null,
    primary key (workspace_id, group_id, value),
    foreign key (workspace_id, group_id) references suppression_group on delete cascade
);

-- Which group's recipients a campaign does not write to.
create table campaign_suppression_group (
    workspace_id integer not null,
    campaign_id bigint not null,
    group_id bigint not null,
    primary key (workspace_id, campaign_id),
    foreign key (workspace_id, campaign_id) references campaign on delete cascade,
    foreign key (workspace_id, group_id) references suppression_group on delete cascade
);
create index campaign_suppression_group_group on campaign_suppression_group (workspace_id, group_id);

-- What a lead's own fields are, for people and forms. A field needs no entry here.
create table lead_property (
    workspace_id integer not null references workspace,
    id bigint generated always as identity,
    name text not null,
    kind text not null check (kind in ('text', 'number', 'truth', 'date')),
    description text not null,
    extra jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, name)
);

-- The files that go with each message of a single mailing.
create table attachment (
    workspace_id integer not null,
    campaign_id bigint not null,
    place smallint not null,
    name text not null,
    content_type text not null,
    content bytea not null,
    content_id text,
    primary key (workspace_id, campaign_id, place),
    foreign key (workspace_id, campaign_id) references campaign on delete cascade
);

-- Who else gets a message of a single mailing. The ledger has one row for the message, which is its recipient's; these
-- say what became of the others.
create table message_copy (
    workspace_id integer not null,
    campaign_id bigint not null,
    enrollment_id bigint not null,
    place smallint not null,
    address text not null,
    address_key text not null,
    domain text not null,
    name text,                              -- null: none was given
    is_hidden boolean not null,             -- Bcc: in no header
    outcome text check (outcome in ('taken', 'refused', 'left_out')),  -- null: not sent, or it cannot be known
    reply_code smallint,                    -- what the server said; null where it took it
    reply text,
    primary key (workspace_id, campaign_id, enrollment_id, place),
    foreign key (workspace_id, campaign_id) references campaign on delete cascade
);
