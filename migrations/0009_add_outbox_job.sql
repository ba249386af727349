-- Which job a wish came from, so that one id leads from Slack's request to the Slack call that answers it.
ALTER TABLE outbox ADD COLUMN job_id text;

-- What an operator must help with is counted every few seconds; it is few of many rows.
CREATE INDEX outbox_parked ON outbox (settled_at) WHERE state = 'parked';
