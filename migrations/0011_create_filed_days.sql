-- What a long period's summary counts from, beside ticket_days: by UTC day, how many tickets were filed under which campaign
-- and issue type, and how long first assignments and resolutions took. Kept by a trigger, in the transactions that change
-- tickets; once for each statement, so that one which changes many tickets adds to each row once.

-- A slot is a part of a day's count: transactions of different connections add to different rows and so don't wait for
-- each other.
CREATE TABLE ticket_days_filed (
    day   date     NOT NULL,
    what  text     NOT NULL CONSTRAINT ticket_days_filed_what CHECK (what IN ('campaign', 'issue_type')),
    name  text     NOT NULL,
    slot  smallint NOT NULL,
    count bigint   NOT NULL,
    PRIMARY KEY (day, what, name, slot)
);

-- By the day of the assignment or resolution. A bucket holds times that differ by a twentieth at most.
CREATE TABLE ticket_days_times (
    day    date     NOT NULL,
    what   text     NOT NULL CONSTRAINT ticket_days_times_what CHECK (what IN ('first_assignment', 'resolution')),
    bucket smallint NOT NULL,
    count  bigint   NOT NULL,
    PRIMARY KEY (what, day, bucket)
);

CREATE FUNCTION time_bucket(took interval) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT floor(ln(1 + greatest(extract(epoch FROM took), 0)::float8) / ln(1.05::float8))::smallint;
$$;

-- In one order, so that two transactions wait for each other but never in a circle.
CREATE FUNCTION count_added_tickets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH changed AS (
        SELECT 1 AS delta, created_at, campaign, issue_type, first_assigned_at, resolved_at FROM added),
    counted AS (
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day, what, name, sum(delta) AS delta
        FROM changed CROSS JOIN LATERAL (VALUES ('campaign', campaign), ('issue_type', issue_type)) AS under (what, name)
        GROUP BY 1, 2, 3 HAVING sum(delta) <> 0)
    INSERT INTO ticket_days_filed AS d (day, what, name, slot, count)
    SELECT day, what, name, pg_backend_pid() % 4, delta FROM counted ORDER BY day, what, name
    ON CONFLICT (day, what, name, slot) DO UPDATE SET count = d.count + excluded.count;
    WITH changed AS (
        SELECT 1 AS delta, created_at, campaign, issue_type, first_assigned_at, resolved_at FROM added),
    counted AS (
        SELECT (done_at AT TIME ZONE 'UTC')::date AS day, what, time_bucket(done_at - created_at) AS bucket, sum(delta) AS delta
        FROM changed CROSS JOIN LATERAL
             (VALUES ('first_assignment', first_assigned_at), ('resolution', resolved_at)) AS done (what, done_at)
        WHERE done_at IS NOT NULL
        GROUP BY 1, 2, 3 HAVING sum(delta) <> 0)
    INSERT INTO ticket_days_times AS d (day, what, bucket, count)
    SELECT day, what, bucket, delta FROM counted ORDER BY what, day, bucket
    ON CONFLICT (what, day, bucket) DO UPDATE SET count = d.count + excluded.count;
    RETURN NULL;
END;
$$;
CREATE TRIGGER tickets_added AFTER INSERT ON tickets REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_added_tickets();

CREATE FUNCTION count_changed_tickets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH changed AS (
        SELECT 1 AS delta, created_at, campaign, issue_type, first_assigned_at, resolved_at FROM added
        UNION ALL SELECT -1, created_at, campaign, issue_type, first_assigned_at, resolved_at FROM removed),
    counted AS (
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day, what, name, sum(delta) AS delta
        FROM changed CROSS JOIN LATERAL (VALUES ('campaign', campaign), ('issue_type', issue_type)) AS under (what, name)
        GROUP BY 1, 2, 3 HAVING sum(delta) <> 0)
    INSERT INTO ticket_days_filed AS d (day, what, name, slot, count)
    SELECT day, what, name, pg_backend_pid() % 4, delta FROM counted ORDER BY day, what, name
    ON CONFLICT (day, what, name, slot) DO UPDATE SET count = d.count + excluded.count;
    WITH changed AS (
        SELECT 1 AS delta, created_at, campaign, issue_type, first_assigned_at, resolved_at FROM added
        UNION ALL SELECT -1, created_at, campaign, issue_type, first_assigned_at, resolved_at FROM removed),
    counted AS (
        SELECT (done_at AT TIME ZONE 'UTC')::date AS day, what, time_bucket(done_at - created_at) AS bucket, sum(delta) AS delta
        FROM changed CROSS JOIN LATERAL
             (VALUES ('first_assignment', first_assigned_at), ('resolution', resolved_at)) AS done (what, done_at)
        WHERE done_at IS NOT NULL
        GROUP BY 1, 2, 3 HAVING sum(delta) <> 0)
    INSERT INTO ticket_days_times AS d (day, what, bucket, count)
    SELECT day, what, bucket, delta FROM counted ORDER BY what, day, bucket
    ON CONFLICT (what, day, bucket) DO UPDATE SET count = d.count + excluded.count;
    RETURN NULL;
END;
$$;
CREATE TRIGGER tickets_changed AFTER UPDATE ON tickets REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_tickets();

CREATE FUNCTION count_removed_tickets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH changed AS (
        SELECT -1 AS delta, created_at, campaign, issue_type, first_assigned_at, resolved_at FROM removed),
    counted AS (
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day, what, name, sum(delta) AS delta
        FROM changed CROSS JOIN LATERAL (VALUES ('campaign', campaign), ('issue_type', issue_type)) AS under (what, name)
        GROUP BY 1, 2, 3 HAVING sum(delta) <> 0)
    INSERT INTO ticket_days_filed AS d (day, what, name, slot, count)
    SELECT day, what, name, pg_backend_pid() % 4, delta FROM counted ORDER BY day, what, name
    ON CONFLICT (day, what, name, slot) DO UPDATE SET count = d.count + excluded.count;
    WITH changed AS (
        SELECT -1 AS delta, created_at, campaign, issue_type, first_assigned_at, resolved_at FROM removed),
    counted AS (
        SELECT (done_at AT TIME ZONE 'UTC')::date AS day, what, time_bucket(done_at - created_at) AS bucket, sum(delta) AS delta
        FROM changed CROSS JOIN LATERAL
             (VALUES ('first_assignment', first_assigned_at), ('resolution', resolved_at)) AS done (what, done_at)
        WHERE done_at IS NOT NULL
        GROUP BY 1, 2, 3 HAVING sum(delta) <> 0)
    INSERT INTO ticket_days_times AS d (day, what, bucket, count)
    SELECT day, what, bucket, delta FROM counted ORDER BY what, day, bucket
    ON CONFLICT (what, day, bucket) DO UPDATE SET count = d.count + excluded.count;
    RETURN NULL;
END;
$$;
CREATE TRIGGER tickets_removed AFTER DELETE ON tickets REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_removed_tickets();

-- Counts everything again from the tickets, with changes held up meanwhile.
CREATE FUNCTION rebuild_filed_days() RETURNS void LANGUAGE sql AS $$
    LOCK TABLE tickets IN SHARE MODE;
    DELETE FROM ticket_days_filed;
    INSERT INTO ticket_days_filed (day, what, name, slot, count)
    SELECT (created_at AT TIME ZONE 'UTC')::date, what, name, 0, count(*)
    FROM tickets CROSS JOIN LATERAL (VALUES ('campaign', campaign), ('issue_type', issue_type)) AS under (what, name)
    GROUP BY 1, 2, 3;
    DELETE FROM ticket_days_times;
    INSERT INTO ticket_days_times (day, what, bucket, count)
    SELECT (done_at AT TIME ZONE 'UTC')::date, what, time_bucket(done_at - created_at), count(*)
    FROM tickets CROSS JOIN LATERAL
         (VALUES ('first_assignment', first_assigned_at), ('resolution', resolved_at)) AS done (what, done_at)
    WHERE done_at IS NOT NULL
    GROUP BY 1, 2, 3;
$$;
SELECT rebuild_filed_days();
