-- What lists and reports ask for stands in columns; body is the lead less its
-- purchases, deliveries and auction. Money is in ten-thousandths.
CREATE TABLE leads (
    id          text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    node        text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('selling', 'sold', 'unsold', 'refused', 'held', 'call')),
    received    timestamptz NOT NULL,
    source      text        NOT NULL,
    campaign    text        NOT NULL,
    publisher   text        NOT NULL,
    external_id text        NOT NULL CHECK (length(external_id) <= 200),
    call_id     text        NOT NULL,
    phone       text        NOT NULL,
    email       text        NOT NULL, -- lower case, for comparing
    person      text        NOT NULL, -- what people call it: a name, else the phone
    currency    text        NOT NULL,
    revenue     bigint      NOT NULL,
    payout      bigint      NOT NULL,
    unpaid      boolean     NOT NULL,
    recovered   boolean     NOT NULL,
    reason_code text        NOT NULL,
    reason_text text        NOT NULL,
    words       text        NOT NULL, -- what the text search looks at, lower case
    body        jsonb       NOT NULL,
    auction     jsonb
);
CREATE UNIQUE INDEX leads_external ON leads (source, external_id) WHERE external_id <> '';
CREATE INDEX leads_received ON leads (received DESC, id DESC);
CREATE INDEX leads_campaign ON leads (campaign, received DESC);
CREATE INDEX leads_publisher ON leads (publisher, received DESC);
CREATE INDEX leads_phone ON leads (campaign, phone, received DESC) WHERE phone <> '';
CREATE INDEX leads_email ON leads (campaign, email, received DESC) WHERE email <> '';

-- A price given to a ping, until it is used or has run out.
CREATE TABLE lead_pings (
    id       text        PRIMARY KEY CHECK (length(id) <= 64),
    source   text        NOT NULL,
    at       timestamptz NOT NULL,
    expires  timestamptz NOT NULL,
    facts    jsonb       NOT NULL,
    auction  jsonb       NOT NULL,
    lead_id  text        NOT NULL -- '' until it is used
);
CREATE INDEX lead_pings_expires ON lead_pings (expires);

-- One buyer's claim to a lead. No buyer gets the same lead twice, whatever else
-- goes wrong.
CREATE TABLE purchases (
    id         text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    lead_id    text        NOT NULL REFERENCES leads ON DELETE CASCADE,
    buyer      text        NOT NULL,
    target     text        NOT NULL,
    name       text        NOT NULL,
    bid_id     text        NOT NULL,
    rank       integer     NOT NULL,
    place      integer     NOT NULL,
    state      text        NOT NULL CHECK (state IN ('pending', 'accepted', 'rejected', 'failed', 'held', 'returned')),
    reason     text        NOT NULL,
    made       timestamptz NOT NULL,
    decided    timestamptz,
    partner_id text        NOT NULL,
    currency   text        NOT NULL,
    price      bigint      NOT NULL,
    revenue    bigint      NOT NULL,
    payout     bigint      NOT NULL,
    rule       text        NOT NULL,
    recovery   boolean     NOT NULL,
    uses       jsonb       NOT NULL, -- what it counts against caps, to give back
    ways       jsonb       NOT NULL, -- the target's methods when it was made
    phone      text        NOT NULL,
    email      text        NOT NULL,
    status     text        NOT NULL,
    status_at  timestamptz,          -- when that was so, by whoever said it
    agent      text        NOT NULL,
    viewed     timestamptz,
    contacted  timestamptz,
    UNIQUE (lead_id, buyer)
);
-- An exclusive lead is in one pair of hands: place n is taken once.
CREATE UNIQUE INDEX purchases_place ON purchases (lead_id, place) WHERE state IN ('pending', 'accepted', 'held');
CREATE INDEX purchases_buyer ON purchases (buyer, made DESC, id DESC);
CREATE INDEX purchases_phone ON purchases (buyer, phone, made DESC) WHERE phone <> '';
CREATE INDEX purchases_email ON purchases (buyer, email, made DESC) WHERE email <> '';
CREATE INDEX purchases_partner ON purchases (buyer, partner_id) WHERE partner_id <> '';

-- One lead on its way by one method.
CREATE TABLE deliveries (
    id          text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    lead_id     text        NOT NULL REFERENCES leads ON DELETE CASCADE,
    purchase_id text        REFERENCES purchases ON DELETE CASCADE,
    buyer       text        NOT NULL,
    target      text        NOT NULL,
    method      text        NOT NULL,
    role        text        NOT NULL CHECK (role IN ('primary', 'fallback', 'parallel')),
    n           integer     NOT NULL, -- order within the purchase
    state       text        NOT NULL CHECK (state IN ('queued', 'sending', 'retry', 'accepted', 'rejected', 'failed', 'held', 'cancelled')),
    made        timestamptz NOT NULL,
    since       timestamptz NOT NULL, -- since when it has been under way; a person's retry begins anew
    next        timestamptz,
    done        timestamptz,
    tries       integer     NOT NULL,
    count       integer     NOT NULL, -- tries since the last time a person queued it
    maybe       boolean     NOT NULL,
    claim       text        NOT NULL, -- of the worker that is sending
    claimed     timestamptz,
    partner_id  text        NOT NULL,
    code        text        NOT NULL,
    reason      text        NOT NULL,
    exception   boolean     NOT NULL,
    facts       jsonb                 -- a person's corrections, over the lead's facts
);
CREATE INDEX deliveries_lead ON deliveries (lead_id);
CREATE INDEX deliveries_purchase ON deliveries (purchase_id, n);
CREATE INDEX deliveries_exception ON deliveries (made DESC, id DESC) WHERE exception;
CREATE INDEX deliveries_open ON deliveries (method, state) WHERE state IN ('queued', 'sending', 'retry');
CREATE INDEX deliveries_made ON deliveries (made DESC, id DESC);

CREATE TABLE tries (
    delivery_id text        NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    n           integer     NOT NULL,
    method      text        NOT NULL,
    began       timestamptz NOT NULL,
    ended       timestamptz,
    class       text        NOT NULL,
    code        text        NOT NULL,
    status      integer     NOT NULL,
    ms          bigint      NOT NULL,
    next        text        NOT NULL,
    body        jsonb       NOT NULL, -- the whole try, copies included
    PRIMARY KEY (delivery_id, n)
);
CREATE INDEX tries_ended ON tries (ended DESC);

-- The breaker of each method's endpoint, shared by all nodes.
CREATE TABLE endpoints (
    method    text        PRIMARY KEY CHECK (length(method) <= 64),
    failures  integer     NOT NULL DEFAULT 0, -- in a row
    first_at  timestamptz,                    -- of these
    opened    timestamptz,                    -- null while closed
    probe_at  timestamptz,                    -- when one try may look
    probing   text        NOT NULL DEFAULT '', -- the delivery that is looking
    reason    text        NOT NULL DEFAULT '',
    tokens    double precision NOT NULL DEFAULT 0, -- of the rate's bucket
    filled    timestamptz NOT NULL DEFAULT now()
);

-- Sums by the hour, for the watch: kept by the transaction that ends a try.
CREATE TABLE endpoint_hours (
    hour     timestamptz NOT NULL,
    method   text        NOT NULL,
    buyer    text        NOT NULL,
    class    text        NOT NULL,
    code     text        NOT NULL,
    n        bigint      NOT NULL,
    ms       bigint      NOT NULL,
    slowest  bigint      NOT NULL,
    shard    smallint    NOT NULL, -- so that transactions at once seldom meet
    PRIMARY KEY (hour, method, buyer, class, code, shard)
);
CREATE TABLE lead_hours (
    hour      timestamptz NOT NULL,
    campaign  text        NOT NULL,
    publisher text        NOT NULL,
    buyer     text        NOT NULL, -- '' for what is not about one buyer
    currency  text        NOT NULL,
    leads     bigint      NOT NULL,
    refused   bigint      NOT NULL,
    offered   bigint      NOT NULL, -- purchases made
    accepted  bigint      NOT NULL,
    rejected  bigint      NOT NULL,
    failed    bigint      NOT NULL,
    returned  bigint      NOT NULL,
    recovered bigint      NOT NULL,
    revenue   bigint      NOT NULL,
    payout    bigint      NOT NULL,
    recovered_revenue bigint NOT NULL,
    shard     smallint    NOT NULL,
    PRIMARY KEY (hour, campaign, publisher, buyer, currency, shard)
);

CREATE TABLE alerts (
    id      text        PRIMARY KEY,
    kind    text        NOT NULL, -- success, slow, errors, breaker, queue
    subject text        NOT NULL, -- the method or buyer
    text    text        NOT NULL,
    opened  timestamptz NOT NULL,
    closed  timestamptz,
    told    timestamptz           -- when the mail went out
);
CREATE UNIQUE INDEX alerts_open ON alerts (kind, subject) WHERE closed IS NULL;

-- Everything that people and partners did with a lead that was bought.
CREATE TABLE lead_activity (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id     text        NOT NULL REFERENCES leads ON DELETE CASCADE,
    purchase_id text        NOT NULL REFERENCES purchases ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    by          text        NOT NULL CHECK (length(by) <= 100),
    kind        text        NOT NULL CHECK (length(kind) <= 32),
    text        text        NOT NULL CHECK (length(text) <= 2000)
);
CREATE INDEX lead_activity_lead ON lead_activity (lead_id, at);

CREATE TABLE returns (
    purchase_id text        PRIMARY KEY REFERENCES purchases ON DELETE CASCADE,
    buyer       text        NOT NULL,
    asked       timestamptz NOT NULL,
    asked_by    text        NOT NULL,
    reason      text        NOT NULL CHECK (length(reason) <= 2000),
    state       text        NOT NULL CHECK (state IN ('asked', 'granted', 'refused')),
    decided     timestamptz,
    decided_by  text        NOT NULL
);
CREATE INDEX returns_asked ON returns (asked) WHERE state = 'asked';

-- What partners' webhooks said, each event once.
CREATE TABLE hook_events (
    hook        text        NOT NULL,
    event_id    text        NOT NULL CHECK (length(event_id) <= 300),
    at          timestamptz NOT NULL,
    said_at     timestamptz NOT NULL, -- when it was so
    version     bigint      NOT NULL,
    lead_id     text        NOT NULL,
    status      text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('applied', 'stale', 'parked')),
    body        jsonb       NOT NULL,
    PRIMARY KEY (hook, event_id)
);
CREATE INDEX hook_events_parked ON hook_events (at) WHERE state = 'parked';

-- OAuth tokens of partners, sealed.
CREATE TABLE tokens (
    account text        PRIMARY KEY CHECK (length(account) <= 200),
    body    text        NOT NULL,
    saved   timestamptz NOT NULL
);

-- Letters that wait for their digest.
CREATE TABLE digests (
    delivery_id text        PRIMARY KEY REFERENCES deliveries ON DELETE CASCADE,
    method      text        NOT NULL,
    due         timestamptz NOT NULL
);
CREATE INDEX digests_due ON digests (method, due);

-- The ledger takes purchases beside calls: a sale and its return are two sets of
-- lines, each summing to zero.
ALTER TABLE entries ALTER COLUMN call_id DROP NOT NULL;
ALTER TABLE entries ADD COLUMN purchase_id text REFERENCES purchases;
ALTER TABLE entries ADD COLUMN cause text NOT NULL DEFAULT 'sale' CHECK (cause IN ('sale', 'return'));
ALTER TABLE entries ADD CHECK ((call_id IS NULL) <> (purchase_id IS NULL));
CREATE UNIQUE INDEX entries_purchase ON entries (purchase_id, cause, account) WHERE purchase_id IS NOT NULL;

CREATE OR REPLACE FUNCTION entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    c text := coalesce(NEW.call_id, OLD.call_id);
    p text := coalesce(NEW.purchase_id, OLD.purchase_id);
BEGIN
    IF c IS NOT NULL AND EXISTS (SELECT FROM entries WHERE call_id = c GROUP BY currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'entries of call % do not sum to zero', c USING ERRCODE = 'check_violation';
    END IF;
    IF p IS NOT NULL AND EXISTS (SELECT FROM entries WHERE purchase_id = p GROUP BY cause, currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'entries of purchase % do not sum to zero', p USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- take_caps counts n against caps where there is room in all of them; the answer
-- is '' or 'counts/per' of the first that has none, and then nothing is counted.
CREATE FUNCTION take_caps(
    p_target text, p_counts text[], p_per text[], p_start timestamptz[], p_max bigint[], p_n bigint[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    held bigint := 0;
BEGIN
    IF coalesce(array_length(p_counts, 1), 0) = 0 THEN
        RETURN '';
    END IF;
    INSERT INTO slots (target) VALUES (p_target) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM slots WHERE target = p_target FOR UPDATE;
    SELECT count(*) INTO held FROM leases WHERE target = p_target;
    FOR i IN 1 .. array_length(p_counts, 1) LOOP
        SELECT c.used INTO n FROM cap_counters c
        WHERE c.target = p_target AND c.counts = p_counts[i] AND c.per = p_per[i] AND c.window_start = p_start[i];
        IF coalesce(n, 0) + (CASE WHEN p_counts[i] IN ('connect', 'convert') THEN held ELSE 0 END) + p_n[i] > p_max[i]
           AND NOT (p_counts[i] = 'revenue' AND coalesce(n, 0) < p_max[i]) THEN
            RETURN p_counts[i] || '/' || p_per[i];
        END IF;
    END LOOP;
    FOR i IN 1 .. array_length(p_counts, 1) LOOP
        INSERT INTO cap_counters AS c (target, counts, per, window_start, used) VALUES (p_target, p_counts[i], p_per[i], p_start[i], p_n[i])
        ON CONFLICT (target, counts, per, window_start) DO UPDATE SET used = c.used + excluded.used;
    END LOOP;
    RETURN '';
END $$;
