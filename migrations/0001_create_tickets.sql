-- Tickets, their images and their history. Text columns with a CHECK instead of enum types: a new value is a plain
-- migration that old workers survive.

CREATE TABLE tickets (
    number            bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    submitter         text        NOT NULL,
    campaign          text        NOT NULL,
    issue_type        text        NOT NULL,
    priority          text        NOT NULL CONSTRAINT tickets_priority CHECK (priority IN ('high', 'medium', 'low')),
    details           text        NOT NULL,
    status            text        NOT NULL DEFAULT 'open'
                      CONSTRAINT tickets_status CHECK (status IN ('open', 'in_progress', 'resolved', 'closed')),
    assignee          text,
    -- Counts the changes; a change is saved only over the version that it was decided on.
    version           integer     NOT NULL DEFAULT 1,
    reopened_count    integer     NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    first_assigned_at timestamptz,
    resolved_at       timestamptz,
    closed_at         timestamptz
);

CREATE INDEX tickets_by_submitter ON tickets (submitter, number DESC);
CREATE INDEX tickets_by_status ON tickets (status, number DESC);

CREATE TABLE ticket_images (
    ticket           bigint   NOT NULL REFERENCES tickets,
    position         smallint NOT NULL,
    -- The file that the submitter uploaded; others may not see it.
    file_id          text     NOT NULL,
    name             text     NOT NULL,
    mimetype         text     NOT NULL,
    size             bigint   NOT NULL,
    permalink        text,
    -- Our own upload of it, remembered before it is completed, so that a second try finds it.
    upload_id        text,
    -- Our upload once it stands in the card's thread, for everybody in the channel.
    shared_file_id   text,
    shared_permalink text,
    -- Why it can't be shared.
    refused          text,
    PRIMARY KEY (ticket, position)
);

CREATE TABLE ticket_events (
    ticket        bigint      NOT NULL REFERENCES tickets,
    version       integer     NOT NULL,
    at            timestamptz NOT NULL DEFAULT now(),
    actor         text        NOT NULL,
    action        text        NOT NULL,
    from_status   text,
    to_status     text,
    from_assignee text,
    to_assignee   text,
    comment       text,
    -- An internal note never reaches the submitter.
    internal      boolean     NOT NULL DEFAULT false,
    surface       text        NOT NULL,
    -- The thread message that a comment came from, and whether a later row took its place.
    message_ts    text,
    superseded    boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (ticket, version)
);

CREATE INDEX ticket_events_by_message ON ticket_events (ticket, message_ts) WHERE message_ts IS NOT NULL;
