CREATE TABLE nodes (
    node       text        PRIMARY KEY CHECK (length(node) <= 200),
    boot       text        NOT NULL,
    started_at timestamptz NOT NULL,
    beat_at    timestamptz NOT NULL
);

-- What reports and lists ask for stands in columns; body is the whole call less
-- its legs, events, auction and recording. Money is in ten-thousandths.
CREATE TABLE calls (
    id           text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    node         text        NOT NULL,
    boot         text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('live', 'ended')),
    received     timestamptz NOT NULL,
    answered     timestamptz,
    connected    timestamptz,
    ended        timestamptz,
    number       text        NOT NULL,
    caller       text        NOT NULL,
    caller_name  text        NOT NULL,
    trunk        text        NOT NULL,
    campaign     text        NOT NULL,
    publisher    text        NOT NULL,
    flow         text        NOT NULL,
    flow_version integer     NOT NULL,
    buyer        text        NOT NULL,
    target       text        NOT NULL,
    outcome      text        NOT NULL,
    reason_code  text        NOT NULL,
    reason_text  text        NOT NULL,
    fault        text        NOT NULL,
    ended_by     text        NOT NULL,
    connected_ms bigint      NOT NULL CHECK (connected_ms >= 0),
    dialled      boolean     NOT NULL,
    currency     text        NOT NULL,
    price        bigint      NOT NULL,
    revenue      bigint      NOT NULL,
    payout       bigint      NOT NULL,
    converted    boolean     NOT NULL,
    rule         text        NOT NULL,
    words        text        NOT NULL, -- what the text search looks at, lower case
    body         jsonb       NOT NULL,
    counted      boolean     NOT NULL, -- in the roll-ups
    settled_at   timestamptz,          -- null while live, and where the node was lost
    CHECK ((state = 'ended') = (ended IS NOT NULL))
);
CREATE INDEX calls_received  ON calls (received DESC, id DESC);
CREATE INDEX calls_caller    ON calls (caller, received DESC);
CREATE INDEX calls_number    ON calls (number, received DESC);
CREATE INDEX calls_campaign  ON calls (campaign, received DESC);
CREATE INDEX calls_publisher ON calls (publisher, received DESC);
CREATE INDEX calls_buyer     ON calls (buyer, received DESC);
CREATE INDEX calls_live      ON calls (node, boot) WHERE state = 'live';

CREATE TABLE legs (
    call_id text    NOT NULL REFERENCES calls ON DELETE CASCADE,
    n       integer NOT NULL,
    side    text    NOT NULL,
    target  text    NOT NULL,
    verdict text    NOT NULL,
    body    jsonb   NOT NULL,
    PRIMARY KEY (call_id, n)
);

CREATE TABLE events (
    call_id text        NOT NULL REFERENCES calls ON DELETE CASCADE,
    seq     integer     NOT NULL CHECK (seq BETWEEN 1 AND 1000),
    at      timestamptz NOT NULL,
    kind    text        NOT NULL,
    body    jsonb       NOT NULL,
    PRIMARY KEY (call_id, seq)
);

CREATE TABLE auctions (
    call_id  text        PRIMARY KEY REFERENCES calls ON DELETE CASCADE,
    id       text        NOT NULL,
    campaign text        NOT NULL,
    opened   timestamptz NOT NULL,
    winner   text        NOT NULL,
    body     jsonb       NOT NULL -- the whole auction less its bids
);

CREATE TABLE bids (
    call_id text    NOT NULL REFERENCES auctions ON DELETE CASCADE,
    n       integer NOT NULL,
    name    text    NOT NULL,
    target  text    NOT NULL,
    buyer   text    NOT NULL,
    state   text    NOT NULL,
    code    text    NOT NULL,
    amount  bigint  NOT NULL,
    rank    integer NOT NULL,
    body    jsonb   NOT NULL,
    PRIMARY KEY (call_id, n)
);

-- A recording may be known before its call is, or outlive it.
CREATE TABLE recordings (
    call_id  text        PRIMARY KEY CHECK (length(call_id) BETWEEN 1 AND 64),
    id       text        NOT NULL UNIQUE,
    path     text        NOT NULL,
    url      text        NOT NULL,
    started  timestamptz NOT NULL,
    ms       bigint      NOT NULL,
    bytes    bigint      NOT NULL,
    channels integer     NOT NULL,
    sha256   text        NOT NULL,
    dropped  bigint      NOT NULL
);

-- Hourly sums, kept by the transaction that settles a call.
CREATE TABLE hourly (
    hour         timestamptz NOT NULL,
    campaign     text        NOT NULL,
    publisher    text        NOT NULL,
    buyer        text        NOT NULL,
    currency     text        NOT NULL,
    calls        bigint      NOT NULL,
    answered     bigint      NOT NULL,
    dialled      bigint      NOT NULL,
    connected    bigint      NOT NULL,
    converted    bigint      NOT NULL,
    lost         bigint      NOT NULL,
    connected_ms bigint      NOT NULL,
    revenue      bigint      NOT NULL,
    payout       bigint      NOT NULL,
    PRIMARY KEY (hour, campaign, publisher, buyer, currency)
);
