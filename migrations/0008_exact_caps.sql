-- A reservation is an attempt at a target, by an id of its own: whatever comes
-- late, or twice, or from disk after an outage finds its row and counts nothing
-- more. taken is false where the call was not let through: then it is not
-- counted, and a statement on its way still will not count it either. The sum of
-- those that are taken is what cap_counters says of attempts.
CREATE TABLE reservations (
    id           text          PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    target       text          NOT NULL,
    call_id      text          NOT NULL,
    taken        boolean       NOT NULL,
    per          text[]        NOT NULL,
    window_start timestamptz[] NOT NULL,
    at           timestamptz   NOT NULL DEFAULT now()
);
CREATE INDEX reservations_at ON reservations (at);

-- A share is a part of a cap's room, or of a target's lines, that one run of a node
-- may sell without asking: nobody else may, until the node gives it back or has been silent for
-- an hour, when it does not sell from it any more. seq tells the latest word of
-- its node from one that was under way for long.
CREATE TABLE cap_shares (
    target       text        NOT NULL,
    counts       text        NOT NULL CHECK (counts IN ('attempt', 'connect', 'convert', 'line')),
    per          text        NOT NULL CHECK (per IN ('hour', 'day', 'month', 'total')),
    window_start timestamptz NOT NULL,
    node         text        NOT NULL,
    boot         text        NOT NULL,
    n            bigint      NOT NULL CHECK (n >= 0),
    seq          bigint      NOT NULL,
    PRIMARY KEY (target, counts, per, window_start, node, boot)
);

-- shared is what nodes hold of a cap, all but one run of a node.
CREATE FUNCTION shared(
    p_target text, p_counts text, p_per text, p_start timestamptz, p_but_node text, p_but_boot text
) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(sum(s.n), 0)::bigint FROM cap_shares s JOIN nodes o ON o.node = s.node
    WHERE s.target = p_target AND s.counts = p_counts AND s.per = p_per AND s.window_start = p_start
    AND NOT (s.node = p_but_node AND s.boot = p_but_boot) AND o.beat_at > now() - interval '1 hour'
$$;

-- set_shares makes a node's shares what it wants, as far as there is room; what
-- it has it keeps. The answer is what it holds now, null where a later word of
-- its own was there already.
CREATE FUNCTION set_shares(
    p_target text, p_node text, p_boot text, p_seq bigint,
    p_counts text[], p_per text[], p_start timestamptz[], p_max bigint[], p_want bigint[], p_have bigint[]
) RETURNS bigint[] LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    held bigint;
    room bigint;
    got  bigint[] := '{}';
BEGIN
    INSERT INTO slots (target) VALUES (p_target) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM slots WHERE target = p_target FOR UPDATE;
    SELECT count(*) INTO held FROM leases WHERE target = p_target;
    FOR i IN 1 .. array_length(p_counts, 1) LOOP
        SELECT c.used INTO room FROM cap_counters c
        WHERE c.target = p_target AND c.counts = p_counts[i] AND c.per = p_per[i] AND c.window_start = p_start[i];
        room := p_max[i] - coalesce(room, 0) - shared(p_target, p_counts[i], p_per[i], p_start[i], p_node, p_boot)
            - (CASE WHEN p_counts[i] IN ('connect', 'convert', 'line') THEN held ELSE 0 END);
        room := least(p_want[i], greatest(p_have[i], room));
        INSERT INTO cap_shares AS s (target, counts, per, window_start, node, boot, n, seq)
        VALUES (p_target, p_counts[i], p_per[i], p_start[i], p_node, p_boot, room, p_seq)
        ON CONFLICT (target, counts, per, window_start, node, boot) DO UPDATE SET n = excluded.n, seq = excluded.seq WHERE s.seq < excluded.seq;
        got := got || (CASE WHEN FOUND THEN room END);
    END LOOP;
    RETURN got;
END $$;

-- count_attempt adds to the counters of attempts, or takes off them.
CREATE FUNCTION count_attempt(p_target text, p_per text[], p_start timestamptz[], p_n bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. coalesce(array_length(p_per, 1), 0) LOOP
        INSERT INTO cap_counters AS c (target, counts, per, window_start, used)
        VALUES (p_target, 'attempt', p_per[i], p_start[i], greatest(0, p_n))
        ON CONFLICT (target, counts, per, window_start) DO UPDATE SET used = greatest(0, c.used + p_n);
    END LOOP;
END $$;

-- reserve_slot takes a lease for the call where concurrency and caps have room,
-- and counts the attempt under the reservation's id. The answer's reason is ''
-- where the lease is held, 'concurrency', 'counts/per' of the cap that has no
-- room, 'counts/per/held' where the rest of it is nodes' shares, or 'resolved'
-- where this was decided without it. p_carry says of each cap, by the share's
-- seq, that the node gives one of its share to this reservation; 0 for no. Calls
-- that hold a lease may still become connects and conversions: they count as
-- such here. Lines are a cap of their own, 'line/total', which only leases use.
CREATE FUNCTION reserve_slot(
    p_target text, p_call text, p_node text, p_boot text, p_limit integer,
    p_counts text[], p_per text[], p_start timestamptz[], p_max bigint[], p_id text, p_carry bigint[],
    OUT reason text, OUT held bigint, OUT used bigint[]
) LANGUAGE plpgsql SET lock_timeout = '60ms' AS $$
DECLARE
    n       bigint;
    room    bigint;
    carried boolean[] := '{}';
    per     text[] := '{}';
    starts  timestamptz[] := '{}';
BEGIN
    INSERT INTO slots (target) VALUES (p_target) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM slots WHERE target = p_target FOR UPDATE;
    reason := '';
    used := '{}';
    SELECT count(*) FILTER (WHERE call_id <> p_call) INTO held FROM leases WHERE target = p_target;
    IF EXISTS (SELECT FROM reservations WHERE id = p_id) THEN
        reason := 'resolved';
        RETURN;
    END IF;
    IF p_limit > 0 AND held >= p_limit THEN
        reason := 'concurrency';
    END IF;
    FOR i IN 1 .. coalesce(array_length(p_counts, 1), 0) LOOP
        SELECT c.used INTO n FROM cap_counters c
        WHERE c.target = p_target AND c.counts = p_counts[i] AND c.per = p_per[i] AND c.window_start = p_start[i];
        n := coalesce(n, 0);
        used := used || n;
        room := p_max[i] - n - (CASE WHEN p_counts[i] IN ('connect', 'convert', 'line') THEN held ELSE 0 END);
        IF reason = '' AND room <= 0 THEN
            reason := p_counts[i] || '/' || p_per[i];
        END IF;
        carried := carried || (coalesce(p_carry[i], 0) > 0 AND EXISTS (
            SELECT FROM cap_shares s WHERE s.target = p_target AND s.counts = p_counts[i] AND s.per = p_per[i] AND s.window_start = p_start[i]
            AND s.node = p_node AND s.boot = p_boot AND s.seq = p_carry[i] AND s.n > 0));
        IF p_counts[i] <> 'revenue' AND reason = '' AND NOT carried[i]
           AND room <= shared(p_target, p_counts[i], p_per[i], p_start[i], '', '') THEN
            reason := p_counts[i] || '/' || p_per[i] || '/held';
        END IF;
        IF p_counts[i] = 'attempt' THEN
            per := per || p_per[i];
            starts := starts || p_start[i];
        END IF;
    END LOOP;
    IF reason <> '' THEN
        RETURN;
    END IF;
    INSERT INTO leases (target, call_id, node, boot) VALUES (p_target, p_call, p_node, p_boot)
    ON CONFLICT (target, call_id) DO UPDATE SET node = excluded.node, boot = excluded.boot, taken_at = now();
    held := held + 1;
    FOR i IN 1 .. coalesce(array_length(p_counts, 1), 0) LOOP
        IF carried[i] THEN
            UPDATE cap_shares s SET n = s.n - 1 WHERE s.target = p_target AND s.counts = p_counts[i] AND s.per = p_per[i]
            AND s.window_start = p_start[i] AND s.node = p_node AND s.boot = p_boot;
        END IF;
        IF p_counts[i] = 'attempt' THEN
            used[i] := used[i] + 1;
        END IF;
    END LOOP;
    IF array_length(per, 1) > 0 THEN
        INSERT INTO reservations (id, target, call_id, taken, per, window_start) VALUES (p_id, p_target, p_call, true, per, starts);
        PERFORM count_attempt(p_target, per, starts, 1);
    END IF;
END $$;

-- The release before asks without an id and without a share.
CREATE OR REPLACE FUNCTION reserve_slot(
    p_target text, p_call text, p_node text, p_boot text, p_limit integer,
    p_counts text[], p_per text[], p_start timestamptz[], p_max bigint[],
    OUT reason text, OUT held bigint, OUT used bigint[]
) LANGUAGE plpgsql SET lock_timeout = '60ms' AS $$
BEGIN
    IF EXISTS (SELECT FROM leases WHERE target = p_target AND call_id = p_call) THEN
        reason := '';
        held := 0;
        used := '{}';
        RETURN;
    END IF;
    SELECT r.reason, r.held, r.used INTO reason, held, used
    FROM reserve_slot(p_target, p_call, p_node, p_boot, p_limit, p_counts, p_per, p_start, p_max, gen_random_uuid()::text, '{}') r;
    reason := replace(reason, '/held', '');
END $$;

-- resolve_reservation has the last word on a reservation whose answer did not
-- come in time: it is counted if it was taken, and not if it was not, whatever
-- became of the statement and however often this is said.
CREATE FUNCTION resolve_reservation(
    p_id text, p_target text, p_call text, p_taken boolean, p_per text[], p_start timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    was boolean;
BEGIN
    INSERT INTO slots (target) VALUES (p_target) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM slots WHERE target = p_target FOR UPDATE;
    SELECT taken INTO was FROM reservations WHERE id = p_id;
    IF was IS NULL THEN
        INSERT INTO reservations (id, target, call_id, taken, per, window_start) VALUES (p_id, p_target, p_call, p_taken, p_per, p_start);
        was := false;
    ELSE
        UPDATE reservations SET taken = p_taken WHERE id = p_id;
    END IF;
    IF p_taken AND NOT was THEN
        PERFORM count_attempt(p_target, p_per, p_start, 1);
    ELSIF was AND NOT p_taken THEN
        PERFORM count_attempt(p_target, p_per, p_start, -1);
    END IF;
END $$;

-- take_caps leaves alone what nodes hold as their shares. What is in the way is
-- said as reserve_slot says it.
CREATE OR REPLACE FUNCTION take_caps(
    p_target text, p_counts text[], p_per text[], p_start timestamptz[], p_max bigint[], p_n bigint[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n    bigint;
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
        n := coalesce(n, 0) + (CASE WHEN p_counts[i] IN ('connect', 'convert') THEN held ELSE 0 END) + p_n[i];
        IF n > p_max[i] AND NOT (p_counts[i] = 'revenue' AND n - p_n[i] < p_max[i]) THEN
            RETURN p_counts[i] || '/' || p_per[i];
        END IF;
        IF p_counts[i] <> 'revenue' AND n + shared(p_target, p_counts[i], p_per[i], p_start[i], '', '') > p_max[i] THEN
            RETURN p_counts[i] || '/' || p_per[i] || '/held';
        END IF;
    END LOOP;
    FOR i IN 1 .. array_length(p_counts, 1) LOOP
        INSERT INTO cap_counters AS c (target, counts, per, window_start, used) VALUES (p_target, p_counts[i], p_per[i], p_start[i], p_n[i])
        ON CONFLICT (target, counts, per, window_start) DO UPDATE SET used = c.used + excluded.used;
    END LOOP;
    RETURN '';
END $$;
