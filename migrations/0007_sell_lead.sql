-- sell_lead writes a lead down with its purchases, their caps and deliveries, or
-- nothing of it. The answer says what came of it: stored; full (target to the cap
-- that has no room: then nothing was written); known (the field by which the
-- person, 'id' by which the lead is known already, 'ping_id' where its ping was
-- used); unpaid. A lead may have the id of one that could not be read: that one
-- was not taken, and its publisher corrects it. Locks on persons and targets
-- are the caller's to take, in one order for all that it sells at once.
CREATE FUNCTION sell_lead(
    p_lead jsonb, p_offers jsonb, p_by text[], p_since timestamptz, p_refuse boolean
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    l     leads;
    o     jsonb;
    why   text;
    field text;
    full_ jsonb := '{}';
BEGIN
    l := jsonb_populate_record(NULL::leads, p_lead);
    FOREACH field IN ARRAY p_by LOOP
        IF field = 'phone' AND l.phone <> '' AND EXISTS (
                SELECT FROM leads x WHERE x.campaign = l.campaign AND x.phone = l.phone AND x.received >= p_since AND x.state <> 'refused')
            OR field = 'email' AND l.email <> '' AND EXISTS (
                SELECT FROM leads x WHERE x.campaign = l.campaign AND x.email = l.email AND x.received >= p_since AND x.state <> 'refused') THEN
            IF p_refuse THEN
                RETURN jsonb_build_object('known', field);
            END IF;
            l.unpaid := true;
        END IF;
    END LOOP;
    IF l.external_id <> '' THEN
        UPDATE leads SET external_id = '' WHERE source = l.source AND external_id = l.external_id AND state = 'refused' AND reason_code = 'invalid';
    END IF;
    IF coalesce(p_lead->>'ping_id', '') <> '' AND l.state <> 'refused' THEN
        UPDATE lead_pings SET lead_id = l.id WHERE id = p_lead->>'ping_id' AND source = l.source AND lead_id IN ('', l.id);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'ping was used' USING ERRCODE = 'RB002';
        END IF;
    END IF;
    INSERT INTO leads SELECT l.*;
    FOR o IN SELECT * FROM jsonb_array_elements(p_offers) LOOP
        SELECT take_caps(o->'purchase'->>'target', array_agg(u->>'on' ORDER BY n), array_agg(u->>'per' ORDER BY n),
            array_agg((u->>'start')::timestamptz ORDER BY n), array_agg((u->>'max')::bigint ORDER BY n), array_agg((u->>'n')::bigint ORDER BY n))
        INTO why FROM jsonb_array_elements(o->'purchase'->'uses') WITH ORDINALITY AS t (u, n);
        IF why <> '' THEN
            full_ := full_ || jsonb_build_object(o->'purchase'->>'target', why);
            CONTINUE;
        END IF;
        INSERT INTO purchases SELECT * FROM jsonb_populate_record(NULL::purchases, o->'purchase');
        INSERT INTO deliveries SELECT * FROM jsonb_populate_recordset(NULL::deliveries, o->'deliveries');
    END LOOP;
    IF full_ <> '{}' THEN
        RAISE EXCEPTION 'an offer has no room' USING ERRCODE = 'RB001'; -- takes all of it back
    END IF;
    RETURN jsonb_build_object('stored', true, 'unpaid', l.unpaid);
EXCEPTION
    WHEN unique_violation THEN
        RETURN jsonb_build_object('known', 'id');
    WHEN SQLSTATE 'RB002' THEN
        RETURN jsonb_build_object('known', 'ping_id');
    WHEN SQLSTATE 'RB001' THEN
        RETURN jsonb_build_object('full', full_);
END $$;
