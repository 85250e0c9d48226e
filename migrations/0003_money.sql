-- Double entry: what a buyer owes is positive, what a publisher is owed and what
-- is ours is negative. The lines of a call sum to zero in each currency.
CREATE TABLE entries (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id  text        NOT NULL REFERENCES calls,
    account  text        NOT NULL CHECK (account IN ('receivable', 'payable', 'margin')),
    party    text        NOT NULL,
    currency text        NOT NULL CHECK (length(currency) = 3),
    amount   bigint      NOT NULL,
    at       timestamptz NOT NULL,
    UNIQUE (call_id, account)
);
CREATE INDEX entries_party ON entries (account, party, at);

CREATE FUNCTION entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM entries WHERE call_id = coalesce(NEW.call_id, OLD.call_id) GROUP BY currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'entries of call % do not sum to zero', coalesce(NEW.call_id, OLD.call_id) USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT OR UPDATE OR DELETE ON entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION entries_balance();
