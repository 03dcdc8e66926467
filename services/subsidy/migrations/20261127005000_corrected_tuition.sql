-- migrate:up

-- A scholarship that is booked stays so though the tuition is corrected below it: then there is no award beside it.
ALTER TABLE award DROP CONSTRAINT never_above_tuition, ADD CONSTRAINT never_above_tuition CHECK (
    state NOT IN ('reserved', 'granted', 'waitlisted', 'committed') OR amount_fen + scholarship_fen <= tuition_fen);

-- migrate:down
UPDATE award SET tuition_fen = greatest(tuition_fen, scholarship_fen);
ALTER TABLE award DROP CONSTRAINT never_above_tuition, ADD CONSTRAINT never_above_tuition CHECK (
    scholarship_fen + CASE WHEN state IN ('reserved', 'granted', 'waitlisted', 'committed') THEN amount_fen ELSE 0 END
    <= tuition_fen);
