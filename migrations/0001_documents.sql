-- One row: the revision of what is published. Whoever publishes locks it first.
CREATE TABLE book (
    id       integer PRIMARY KEY CHECK (id = 1),
    revision bigint  NOT NULL
);
INSERT INTO book (id, revision) VALUES (1, 0);

-- Every version of every document. A draft is version 0; a deletion is a version
-- of its own, with the body that was deleted.
CREATE TABLE documents (
    kind       text        NOT NULL CHECK (length(kind) <= 32),
    name       text        NOT NULL CHECK (length(name) <= 64),
    version    integer     NOT NULL CHECK (version >= 0),
    state      text        NOT NULL CHECK (state IN ('published', 'superseded', 'deleted', 'draft')),
    body       jsonb       NOT NULL CHECK (octet_length(body::text) <= 8 * 1024 * 1024),
    created_at timestamptz NOT NULL,
    created_by text        NOT NULL CHECK (length(created_by) <= 200),
    PRIMARY KEY (kind, name, version),
    CHECK ((state = 'draft') = (version = 0))
);
CREATE UNIQUE INDEX documents_published ON documents (kind, name) WHERE state = 'published';

CREATE TABLE sessions (
    token      bytea       PRIMARY KEY CHECK (octet_length(token) = 32), -- SHA-256 of what the browser holds
    user_name  text        NOT NULL,
    password   bytea       NOT NULL, -- SHA-256 of the password hash it was opened with
    csrf       text        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_expires ON sessions (expires_at);
