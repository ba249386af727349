-- Lists, filters and search over tickets.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- What is searched beside the details; kept by the transactions that add, change or take back comments.
ALTER TABLE tickets ADD COLUMN comments_text text NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN search tsvector
    GENERATED ALWAYS AS (to_tsvector('english', details || ' ' || comments_text)) STORED;

CREATE INDEX tickets_by_search ON tickets USING gin (search);
-- For words that are spelled differently.
CREATE INDEX tickets_by_trigram ON tickets USING gin (details gin_trgm_ops);
CREATE INDEX tickets_by_assignee ON tickets (assignee, number DESC);
CREATE INDEX tickets_by_campaign ON tickets (campaign, number DESC);
CREATE INDEX tickets_by_priority ON tickets
    ((CASE priority WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END), number DESC);
CREATE INDEX tickets_by_update ON tickets (updated_at, number);
CREATE INDEX tickets_unfinished ON tickets (updated_at) WHERE status IN ('open', 'in_progress');
CREATE INDEX tickets_unfinished_by_age ON tickets (created_at) WHERE status IN ('open', 'in_progress');

-- What a list's or a ticket's modal shows. The state is kept here and not in the modal, so that nothing that comes from a
-- client's hands decides about anything.
CREATE TABLE open_views (
    -- Its external id: the id of the job that opens it, so that the row is there before the modal is.
    key       text        PRIMARY KEY,
    user_id   text        NOT NULL,
    state     jsonb       NOT NULL,
    -- The list behind a ticket's details.
    behind    text,
    -- Slack's hash of what it shows: an update over anything else is refused.
    hash      text,
    opened_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX open_views_by_age ON open_views (opened_at);

-- The filter that a person used last in each list.
CREATE TABLE list_filters (
    user_id text  NOT NULL,
    list    text  NOT NULL,
    filter  jsonb NOT NULL,
    PRIMARY KEY (user_id, list)
);
