-- Lists, filters and search over tickets.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- What is searched beside the details; kept by the transactions that add, change or take back comments.
ALTER TABLE tickets ADD COLUMN comments_text text NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN search tsvector
    GENERATED ALWAYS AS (to_tsvector('english', details || ' ' || comments_text)) STORED;

CREATE INDEX tickets_by_search ON tickets USING gin (search);

-- The words that stand in details and comments: a word that is searched and isn't among them is looked for by similar
-- spelling here, in far fewer rows than there are tickets. Numbers and codes have no other spelling. Words are never taken
-- out: one that no ticket has any more finds nothing, which is true.
CREATE TABLE search_words (word text PRIMARY KEY);
CREATE INDEX search_words_by_trigram ON search_words USING gin (word gin_trgm_ops);

CREATE FUNCTION words_to_search(text text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    -- 1, 2: words of letters; 10, 11: parts of words with hyphens.
    SELECT DISTINCT lower(token) FROM ts_parse('default', text)
    WHERE tokid IN (1, 2, 10, 11) AND length(token) BETWEEN 4 AND 40;
$$;

CREATE FUNCTION keep_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In one order, so that two transactions with the same new words wait for each other but never in a circle.
    INSERT INTO search_words (word)
    SELECT word FROM words_to_search(NEW.details || ' ' || NEW.comments_text) AS word ORDER BY word
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END;
$$;
CREATE TRIGGER tickets_search_words AFTER INSERT OR UPDATE OF details, comments_text ON tickets
    FOR EACH ROW EXECUTE FUNCTION keep_search_words();
INSERT INTO search_words (word)
SELECT DISTINCT word FROM tickets CROSS JOIN LATERAL words_to_search(details || ' ' || comments_text) AS word;

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
