-- migrate:up

-- An award may have several parts, each drawn from a budget of its own; most have one. What the parts of an enrollment
-- share (tuition, scholarships, confirmed, completed, left) stands in each of its rows.
ALTER TABLE award
    ADD COLUMN part smallint NOT NULL DEFAULT 1 CHECK (part >= 1),
    ADD COLUMN parts smallint NOT NULL DEFAULT 1,   -- how many the enrollment's award has
    ADD COLUMN asked_fen bigint NOT NULL DEFAULT 0 CHECK (asked_fen >= 0), -- the most that it may come to
    ADD COLUMN completion_days integer NOT NULL DEFAULT 0,  -- how long it waits for the completion; 0: it does not
    ADD COLUMN completions smallint NOT NULL DEFAULT 0,     -- facts by which the course is completed
    ADD COLUMN year_of_study smallint NOT NULL DEFAULT 1,
    ADD CONSTRAINT part_of_parts CHECK (part <= parts),
    DROP CONSTRAINT award_pkey,
    ADD PRIMARY KEY (enrollment_no, part),
    DROP CONSTRAINT award_state_check,
    ADD CONSTRAINT award_state_check CHECK (
        state IN ('reserved', 'granted', 'waitlisted', 'committed', 'expired', 'released', 'forgone', 'refused',
                  'voided')),
    DROP CONSTRAINT never_above_tuition,
    ADD CONSTRAINT never_above_tuition CHECK (
        scholarship_fen
        + CASE WHEN state IN ('reserved', 'granted', 'waitlisted', 'committed') THEN amount_fen ELSE 0 END
        <= tuition_fen);
UPDATE award SET asked_fen = amount_fen;
CREATE INDEX award_committed ON award (lane, fiscal_year, rank, part) WHERE state = 'committed';

-- The same for all parts of an enrollment together. Where there is one, the constraint of the row is enough.
CREATE FUNCTION refuse_above_tuition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT max(scholarship_fen) + sum(amount_fen) > min(tuition_fen)
        FROM award
        WHERE enrollment_no = NEW.enrollment_no
              AND state IN ('reserved', 'granted', 'waitlisted', 'committed')) THEN
        RAISE EXCEPTION 'the parts of an award are above tuition' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER never_above_tuition_together AFTER INSERT OR UPDATE ON award
    FOR EACH ROW WHEN (NEW.parts > 1) EXECUTE FUNCTION refuse_above_tuition();

-- migrate:down
DROP TRIGGER never_above_tuition_together ON award;
DROP FUNCTION refuse_above_tuition();
DELETE FROM award WHERE part > 1;
UPDATE award SET state = 'released' WHERE state IN ('committed', 'forgone');
DROP INDEX award_committed;
ALTER TABLE award
    DROP CONSTRAINT never_above_tuition,
    ADD CONSTRAINT never_above_tuition CHECK (
        scholarship_fen + CASE WHEN state IN ('reserved', 'granted', 'waitlisted') THEN amount_fen ELSE 0 END
        <= tuition_fen),
    DROP CONSTRAINT award_state_check,
    ADD CONSTRAINT award_state_check CHECK (
        state IN ('reserved', 'granted', 'waitlisted', 'expired', 'released', 'refused', 'voided')),
    DROP CONSTRAINT award_pkey,
    ADD PRIMARY KEY (enrollment_no),
    DROP COLUMN part, DROP COLUMN parts, DROP COLUMN asked_fen, DROP COLUMN completion_days,
    DROP COLUMN completions, DROP COLUMN year_of_study;
