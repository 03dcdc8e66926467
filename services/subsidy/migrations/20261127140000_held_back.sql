-- migrate:up

-- Awards that other provinces have caused may take a share of a budget only until the funding province confirms them;
-- those beyond it are held back.
ALTER TABLE award
    ADD COLUMN outside boolean NOT NULL DEFAULT false,  -- whether another province has reported the enrollment
    DROP CONSTRAINT award_state_check,
    ADD CONSTRAINT award_state_check CHECK (
        state IN ('reserved', 'granted', 'waitlisted', 'held_back', 'committed', 'expired', 'released', 'forgone',
                  'refused', 'voided')),
    DROP CONSTRAINT never_above_tuition,
    ADD CONSTRAINT never_above_tuition CHECK (
        state NOT IN ('reserved', 'granted', 'waitlisted', 'held_back', 'committed')
        OR amount_fen + scholarship_fen <= tuition_fen);
CREATE INDEX award_held_back ON award (lane, fiscal_year, fund_source, rank, part) WHERE state = 'held_back';

ALTER TABLE budget
    ADD COLUMN outside_fen bigint NOT NULL DEFAULT 0 CHECK (outside_fen >= 0), -- unconfirmed: held, or waiting in its queue
    ADD COLUMN held_back integer NOT NULL DEFAULT 0 CHECK (held_back >= 0),
    ADD COLUMN smallest_held_back_fen bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE FUNCTION refuse_above_tuition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT max(scholarship_fen) + sum(amount_fen) > min(tuition_fen)
        FROM award
        WHERE enrollment_no = NEW.enrollment_no
              AND state IN ('reserved', 'granted', 'waitlisted', 'held_back', 'committed')) THEN
        RAISE EXCEPTION 'the parts of an award are above tuition' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;

-- migrate:down
CREATE OR REPLACE FUNCTION refuse_above_tuition() RETURNS trigger LANGUAGE plpgsql AS $$
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
ALTER TABLE budget DROP COLUMN outside_fen, DROP COLUMN held_back, DROP COLUMN smallest_held_back_fen;
DROP INDEX award_held_back;
UPDATE award SET state = 'refused' WHERE state = 'held_back';
ALTER TABLE award
    DROP COLUMN outside,
    DROP CONSTRAINT never_above_tuition,
    ADD CONSTRAINT never_above_tuition CHECK (
        state NOT IN ('reserved', 'granted', 'waitlisted', 'committed') OR amount_fen + scholarship_fen <= tuition_fen),
    DROP CONSTRAINT award_state_check,
    ADD CONSTRAINT award_state_check CHECK (
        state IN ('reserved', 'granted', 'waitlisted', 'committed', 'expired', 'released', 'forgone', 'refused',
                  'voided'));
