-- What makes a job take effect once (inbox), and its messages reach Slack once (outbox).

CREATE TABLE inbox (
    job_id     text        PRIMARY KEY,
    kind       text        NOT NULL,
    outcome    text        NOT NULL,
    settled_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX inbox_by_age ON inbox (settled_at);

CREATE TABLE job_attempts (
    job_id     text        PRIMARY KEY,
    failures   integer     NOT NULL DEFAULT 0,
    -- It was run with nothing else in its process, since earlier processes had died with it.
    ran_alone  boolean     NOT NULL DEFAULT false,
    last_error text,
    due_at     timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE dead_letters (
    id       bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    job_id   text        NOT NULL,
    lane     text        NOT NULL,
    kind     text        NOT NULL,
    entry    bytea       NOT NULL,
    reason   text        NOT NULL,
    died_at  timestamptz NOT NULL DEFAULT now()
);

-- One row asks for one thing in Slack to be made right: a message to show the newest state, a modal to be updated,
-- images to be shared. Several wishes for the same target that nobody has taken up yet are one row.
CREATE TABLE outbox (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    target          text        NOT NULL,
    payload         jsonb       NOT NULL DEFAULT '{}',
    state           text        NOT NULL DEFAULT 'pending'
                    CONSTRAINT outbox_state CHECK (state IN ('waiting', 'pending', 'sending', 'sent', 'parked', 'expired')),
    -- While waiting: the target whose message must be there first.
    waits_for       text,
    -- Raised at every claim: a late worker's result is taken only if it is still the newest claim.
    attempt         integer     NOT NULL DEFAULT 0,
    failures        integer     NOT NULL DEFAULT 0,
    -- Those of them that were its own fault; what fails with Slack or PostgreSQL as a whole is never given up.
    refusals        integer     NOT NULL DEFAULT 0,
    -- A post may or may not have arrived: look for it in the conversation's history before posting again.
    ambiguous_since timestamptz,
    looks           integer     NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    lease_until     timestamptz,
    expires_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    settled_at      timestamptz,
    reason          text
);

-- At most one wish per target that isn't taken up, and at most one that is being carried out.
CREATE UNIQUE INDEX outbox_queued ON outbox (target) WHERE state IN ('waiting', 'pending');
CREATE UNIQUE INDEX outbox_in_flight ON outbox (target) WHERE state = 'sending';
CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'pending';
CREATE INDEX outbox_waiting ON outbox (waits_for) WHERE state = 'waiting';
CREATE INDEX outbox_settled ON outbox (settled_at) WHERE state IN ('sent', 'expired');

-- The messages that stand in Slack, by what they show.
CREATE TABLE slack_messages (
    target    text        PRIMARY KEY,
    channel   text        NOT NULL,
    ts        text        NOT NULL,
    permalink text,
    posted_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX slack_messages_by_place ON slack_messages (channel, ts);

CREATE TABLE direct_channels (
    user_id text PRIMARY KEY,
    channel text NOT NULL
);

-- Until when which Slack calls are not made, by any worker.
CREATE TABLE slack_pauses (
    key        text        PRIMARY KEY,
    until      timestamptz NOT NULL,
    reason     text        NOT NULL
);

-- What an operator should know: one message per cause and hour. The hour begins when the cause comes up, so that trouble
-- around a full hour is one message too.
CREATE TABLE operator_alerts (
    cause text        PRIMARY KEY,
    since timestamptz NOT NULL,
    count integer     NOT NULL DEFAULT 1,
    text  text        NOT NULL
);
