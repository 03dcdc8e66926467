-- migrate:up

-- One more account: what was paid for awards that stand no more and will not come back. It stays spent.
ALTER TABLE budget
    ADD COLUMN written_off_fen bigint NOT NULL DEFAULT 0 CHECK (written_off_fen >= 0),
    DROP CONSTRAINT never_over_budget,
    ADD CONSTRAINT never_over_budget CHECK (
        reserved_fen + granted_fen + disbursed_fen + receivable_fen + scholarship_fen + written_off_fen
        <= allocated_fen);

ALTER TABLE posting DROP CONSTRAINT posting_purpose_check, ADD CONSTRAINT posting_purpose_check CHECK (
    purpose IN ('allocated', 'available', 'reserved', 'granted', 'disbursed', 'receivable', 'scholarship',
                'written_off'));

-- migrate:down
ALTER TABLE posting DROP CONSTRAINT posting_purpose_check, ADD CONSTRAINT posting_purpose_check CHECK (
    purpose IN ('allocated', 'available', 'reserved', 'granted', 'disbursed', 'receivable', 'scholarship'));
ALTER TABLE budget
    DROP CONSTRAINT never_over_budget,
    ADD CONSTRAINT never_over_budget CHECK (
        reserved_fen + granted_fen + disbursed_fen + receivable_fen + scholarship_fen <= allocated_fen),
    DROP COLUMN written_off_fen;
