-- migrate:up

-- A reservation waits for its confirmation for as many days as its scheme says, then its money goes to those who wait.
ALTER TABLE award
    ADD COLUMN reservation_days integer NOT NULL DEFAULT 0,
    ADD COLUMN expires_on date,                 -- none while it holds no reservation
    DROP CONSTRAINT award_state_check,
    ADD CONSTRAINT award_state_check CHECK (
        state IN ('reserved', 'granted', 'waitlisted', 'expired', 'released', 'refused', 'voided'));
UPDATE award SET reservation_days = 365 WHERE scheme <> '';
UPDATE award SET expires_on = day + 365 FROM lane_book l WHERE l.lane = award.lane AND state = 'reserved';
CREATE INDEX award_expiring ON award (lane, expires_on, rank) WHERE state = 'reserved';

-- The day whose reservations were too many to expire in one batch.
ALTER TABLE lane_book
    ADD COLUMN expire_cause text, ADD COLUMN expire_time timestamptz, ADD COLUMN expire_correlation text;

-- migrate:down
ALTER TABLE lane_book DROP COLUMN expire_cause, DROP COLUMN expire_time, DROP COLUMN expire_correlation;
DROP INDEX award_expiring;
UPDATE award SET state = 'released' WHERE state = 'expired';
ALTER TABLE award DROP COLUMN reservation_days, DROP COLUMN expires_on,
    DROP CONSTRAINT award_state_check, ADD CONSTRAINT award_state_check
    CHECK (state IN ('reserved', 'granted', 'waitlisted', 'released', 'refused', 'voided'));
