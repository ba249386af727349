-- What the conversation about tickets needs to be followed whatever order it comes in, and who was refused what.

-- The newest change of each message that is a comment: changes may come out of order, and long after one another.
CREATE TABLE heard_messages (
    channel   text    NOT NULL,
    ts        text    NOT NULL,
    ticket    bigint  NOT NULL REFERENCES tickets,
    -- The newest edit's timestamp; empty where there was none.
    edited_ts text    NOT NULL DEFAULT '',
    deleted   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (channel, ts)
);

-- A message is one comment at a time.
CREATE UNIQUE INDEX ticket_events_live_message ON ticket_events (ticket, message_ts)
    WHERE message_ts IS NOT NULL AND NOT superseded;

-- Where messages stood before they were posted again: people may go on in the thread below.
CREATE TABLE former_messages (
    channel text NOT NULL,
    ts      text NOT NULL,
    target  text NOT NULL,
    PRIMARY KEY (channel, ts)
);

-- Who tried what without the right to. Rows are only added.
CREATE TABLE refusals (
    id      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL DEFAULT now(),
    job_id  text        NOT NULL,
    actor   text        NOT NULL,
    action  text        NOT NULL,
    ticket  bigint,
    reason  text        NOT NULL
);

CREATE INDEX refusals_by_time ON refusals (at);
