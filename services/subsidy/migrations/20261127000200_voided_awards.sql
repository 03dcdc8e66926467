-- migrate:up

-- An award whose enrollment was voided: it may come again under the same number, and takes the place of this row.
ALTER TABLE award DROP CONSTRAINT award_state_check, ADD CONSTRAINT award_state_check
    CHECK (state IN ('reserved', 'granted', 'waitlisted', 'released', 'refused', 'voided'));

-- migrate:down
UPDATE award SET state = 'released' WHERE state = 'voided';
ALTER TABLE award DROP CONSTRAINT award_state_check, ADD CONSTRAINT award_state_check
    CHECK (state IN ('reserved', 'granted', 'waitlisted', 'released', 'refused'));
