-- The periodic schedule, without a leader: a slot is a task and an instant, and whoever inserts its row runs it, in the
-- transaction of the outbox rows that it causes.

-- Since when each task is known here. Earlier slots are nobody's: the very first start catches nothing up.
CREATE TABLE schedule_tasks (
    task  text        PRIMARY KEY,
    since timestamptz NOT NULL
);

CREATE TABLE schedule_slots (
    id       bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    task     text        NOT NULL,
    slot     timestamptz NOT NULL,
    -- Skipped: every worker was down, and when one came up it was too late to be of use.
    state    text        NOT NULL CONSTRAINT schedule_slots_state CHECK (state IN ('ran', 'skipped')),
    -- More than once only by `worker run-task --again`.
    runs     integer     NOT NULL,
    -- Earlier slots that passed while every worker was down.
    missed   integer     NOT NULL DEFAULT 0,
    -- Messages that the newest run asked for, and how long it took to ask.
    messages integer     NOT NULL DEFAULT 0,
    took_ms  integer     NOT NULL DEFAULT 0,
    ran_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schedule_slots_key UNIQUE (task, slot)
);

-- Which slot asked for a message, to tell what became of it.
ALTER TABLE outbox ADD COLUMN slot bigint REFERENCES schedule_slots ON DELETE SET NULL;
CREATE INDEX outbox_by_slot ON outbox (slot) WHERE slot IS NOT NULL;

-- When the pinned list was last brought up to date.
CREATE INDEX outbox_urgent_list ON outbox (started_at) WHERE target = 'urgent_list';

-- The newest overdue digest of a person, which follows the changes of its tickets.
CREATE INDEX slack_messages_digests ON slack_messages (split_part(target, ':', 2), posted_at DESC)
    WHERE target LIKE 'overdue:%';

-- The pinned list: high-priority tickets that nobody has.
CREATE INDEX tickets_urgent ON tickets (created_at) WHERE priority = 'high' AND status = 'open' AND assignee IS NULL;
