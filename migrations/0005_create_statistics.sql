-- What summaries count from, and exports in progress.

-- How many changes of status each UTC day saw, kept by the transactions of the changes. A slot is a part of a day's count:
-- transactions of different connections add to different rows and so don't wait for each other.
CREATE TABLE ticket_days (
    day         date     NOT NULL,
    -- 'new' where the ticket was filed.
    from_status text     NOT NULL,
    to_status   text     NOT NULL,
    slot        smallint NOT NULL,
    count       bigint   NOT NULL,
    PRIMARY KEY (day, from_status, to_status, slot)
);

-- Counts everything again from the history, with changes held up meanwhile: after the history was filled by other means.
CREATE FUNCTION rebuild_ticket_days() RETURNS void LANGUAGE sql AS $$
    LOCK TABLE ticket_events IN SHARE MODE;
    DELETE FROM ticket_days;
    INSERT INTO ticket_days (day, from_status, to_status, slot, count)
    SELECT (at AT TIME ZONE 'UTC')::date, coalesce(from_status, 'new'), to_status, 0, count(*)
    FROM ticket_events WHERE to_status IS NOT NULL
    GROUP BY 1, 2, 3;
$$;
SELECT rebuild_ticket_days();

-- A period's edges that are no whole UTC days.
CREATE INDEX ticket_events_status_changes ON ticket_events (at) INCLUDE (from_status, to_status)
    WHERE to_status IS NOT NULL;
-- What a period saw, each by an index-only scan of its range.
CREATE INDEX tickets_by_creation ON tickets (created_at) INCLUDE (campaign, issue_type);
CREATE INDEX tickets_by_first_assignment ON tickets (first_assigned_at) INCLUDE (created_at)
    WHERE first_assigned_at IS NOT NULL;
CREATE INDEX tickets_by_resolution ON tickets (resolved_at) INCLUDE (created_at) WHERE resolved_at IS NOT NULL;
-- What is to be done now: few of all tickets.
CREATE INDEX tickets_unresolved ON tickets (priority, assignee) INCLUDE (created_at, updated_at)
    WHERE status IN ('open', 'in_progress');

-- An export that somebody asked for: how far it is, for its message, and which upload is it, so that whoever carries on
-- after a crash completes that one instead of sending another.
CREATE TABLE exports (
    job_id     text        PRIMARY KEY,
    user_id    text        NOT NULL,
    state      text        NOT NULL DEFAULT 'running'
               CONSTRAINT exports_state CHECK (state IN ('running', 'sent', 'failed')),
    rows_done  bigint      NOT NULL DEFAULT 0,
    rows_total bigint,
    -- Our upload, begun and sent, but perhaps not completed.
    upload_id  text,
    -- How often Slack was asked in vain whether it was completed.
    looks      integer     NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX exports_by_age ON exports (started_at);
