-- A ping that was a test is kept for the test of a post that follows it; nothing
-- is sold by it.
ALTER TABLE lead_pings ADD COLUMN test boolean NOT NULL DEFAULT false;
