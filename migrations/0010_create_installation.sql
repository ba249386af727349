-- The workspace that Slack last said the token is for. Jobs are judged by it while Slack doesn't answer.
CREATE TABLE installation (
    only_one boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
    team     text        NOT NULL,
    said_at  timestamptz NOT NULL DEFAULT now()
);
