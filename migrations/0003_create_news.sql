-- What a person is to be told of a ticket, and has been told. A row is made in the transaction of the change.
CREATE TABLE ticket_news (
    ticket    bigint      NOT NULL,
    version   integer     NOT NULL,
    recipient text        NOT NULL,
    told_at   timestamptz,
    PRIMARY KEY (ticket, recipient, version),
    FOREIGN KEY (ticket, version) REFERENCES ticket_events (ticket, version)
);

-- People's names, asked of Slack now and then.
CREATE TABLE people (
    user_id    text        PRIMARY KEY,
    name       text        NOT NULL,
    fetched_at timestamptz NOT NULL DEFAULT now()
);
