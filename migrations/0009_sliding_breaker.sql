-- The breaker looks back over the last five minutes from each failure, not from
-- the first one: the moments of the failures in a row, the oldest first, no more
-- than it takes to open.
ALTER TABLE endpoints ADD COLUMN recent timestamptz[] NOT NULL DEFAULT '{}';

-- What partners said of a lead is looked up by the lead.
CREATE INDEX hook_events_lead ON hook_events (lead_id, said_at);
