-- One row a target, locked by whoever reserves there, so that reservations of
-- one target take turns and those of different ones do not meet.
CREATE TABLE slots (
    target text PRIMARY KEY CHECK (length(target) <= 64)
);

CREATE TABLE leases (
    target   text        NOT NULL,
    call_id  text        NOT NULL CHECK (length(call_id) BETWEEN 1 AND 64),
    node     text        NOT NULL,
    boot     text        NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target, call_id)
);
CREATE INDEX leases_call ON leases (call_id);
CREATE INDEX leases_node ON leases (node, boot);

CREATE TABLE cap_counters (
    target       text        NOT NULL,
    counts       text        NOT NULL CHECK (counts IN ('attempt', 'connect', 'convert', 'revenue')),
    per          text        NOT NULL CHECK (per IN ('hour', 'day', 'month', 'total')),
    window_start timestamptz NOT NULL,
    used         bigint      NOT NULL CHECK (used >= 0),
    PRIMARY KEY (target, counts, per, window_start)
);

-- reserve_slot takes a lease for the call where concurrency and caps have room,
-- and counts the attempt. The answer's reason is '' where the lease is held,
-- 'concurrency', or 'counts/per' of the cap that has no room. Calls that hold a
-- lease may still become connects and conversions: they count as such here.
-- Having the lease already changes nothing.
CREATE FUNCTION reserve_slot(
    p_target text, p_call text, p_node text, p_boot text, p_limit integer,
    p_counts text[], p_per text[], p_start timestamptz[], p_max bigint[],
    OUT reason text, OUT held bigint, OUT used bigint[]
) LANGUAGE plpgsql SET lock_timeout = '60ms' AS $$
DECLARE
    n bigint;
BEGIN
    INSERT INTO slots (target) VALUES (p_target) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM slots WHERE target = p_target FOR UPDATE;
    reason := '';
    used := '{}';
    SELECT count(*) INTO held FROM leases WHERE target = p_target;
    IF EXISTS (SELECT FROM leases WHERE target = p_target AND call_id = p_call) THEN
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
        IF reason = '' AND n + (CASE WHEN p_counts[i] IN ('connect', 'convert') THEN held ELSE 0 END) >= p_max[i] THEN
            reason := p_counts[i] || '/' || p_per[i];
        END IF;
    END LOOP;
    IF reason <> '' THEN
        RETURN;
    END IF;
    INSERT INTO leases (target, call_id, node, boot) VALUES (p_target, p_call, p_node, p_boot);
    held := held + 1;
    FOR i IN 1 .. coalesce(array_length(p_counts, 1), 0) LOOP
        IF p_counts[i] = 'attempt' THEN
            INSERT INTO cap_counters AS c (target, counts, per, window_start, used)
            VALUES (p_target, 'attempt', p_per[i], p_start[i], 1)
            ON CONFLICT (target, counts, per, window_start) DO UPDATE SET used = c.used + 1;
            used[i] := used[i] + 1;
        END IF;
    END LOOP;
END $$;
