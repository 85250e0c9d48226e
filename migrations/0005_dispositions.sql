-- What agents say of calls, one word each.
CREATE TABLE dispositions (
    call_id  text        NOT NULL REFERENCES calls ON DELETE CASCADE,
    username text        NOT NULL CHECK (length(username) <= 64),
    value    text        NOT NULL CHECK (length(value) <= 64),
    note     text        NOT NULL CHECK (length(note) <= 2000),
    at       timestamptz NOT NULL,
    PRIMARY KEY (call_id, username)
);
