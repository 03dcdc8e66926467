-- migrate:up

-- Two more accounts: what was paid for awards that stand, and what was paid for awards that stand no more.
ALTER TABLE budget
    ADD COLUMN disbursed_fen bigint NOT NULL DEFAULT 0 CHECK (disbursed_fen >= 0),
    ADD COLUMN receivable_fen bigint NOT NULL DEFAULT 0 CHECK (receivable_fen >= 0),
    DROP CONSTRAINT never_over_budget,
    ADD CONSTRAINT never_over_budget CHECK (
        reserved_fen + granted_fen + disbursed_fen + receivable_fen + scholarship_fen <= allocated_fen);
CREATE INDEX budget_owed ON budget (lane) WHERE receivable_fen > 0;

ALTER TABLE posting DROP CONSTRAINT posting_purpose_check, ADD CONSTRAINT posting_purpose_check CHECK (
    purpose IN ('allocated', 'available', 'reserved', 'granted', 'disbursed', 'receivable', 'scholarship'));

-- What was paid of an award: never more than its amount, and nothing of one that holds no money.
ALTER TABLE award
    ADD COLUMN disbursed_fen bigint NOT NULL DEFAULT 0 CHECK (disbursed_fen >= 0),
    ADD CONSTRAINT never_paid_above_award CHECK (
        disbursed_fen <= CASE WHEN state IN ('reserved', 'granted') THEN amount_fen ELSE 0 END);

-- What was paid for an award that stands no more: owed by the worker to its budget until it is settled.
CREATE TABLE claim (
    enrollment_no text NOT NULL,
    fiscal_year smallint NOT NULL,
    fund_source text NOT NULL,
    lane text NOT NULL,
    worker_ref text NOT NULL,
    open_fen bigint NOT NULL CHECK (open_fen >= 0), -- what has not come back yet
    PRIMARY KEY (enrollment_no, fiscal_year, fund_source)
);
CREATE INDEX claim_open ON claim (worker_ref) WHERE open_fen > 0;

-- One line of a settlement: how much of it is booked, and how much belongs to no award; both fall when it comes back.
CREATE TABLE payment (
    lane text NOT NULL,
    batch_no text NOT NULL,
    line_no integer NOT NULL,
    enrollment_no text NOT NULL,
    worker_ref text NOT NULL,
    fiscal_year smallint NOT NULL,
    fund_source text NOT NULL,
    booked_fen bigint NOT NULL CHECK (booked_fen >= 0),
    unmatched_fen bigint NOT NULL CHECK (unmatched_fen >= 0),
    PRIMARY KEY (lane, batch_no, line_no)
) WITH (fillfactor = 90);

-- migrate:down
DROP TABLE payment, claim;
ALTER TABLE award DROP CONSTRAINT never_paid_above_award, DROP COLUMN disbursed_fen;
ALTER TABLE posting DROP CONSTRAINT posting_purpose_check, ADD CONSTRAINT posting_purpose_check CHECK (
    purpose IN ('allocated', 'available', 'reserved', 'granted', 'scholarship'));
ALTER TABLE budget
    DROP CONSTRAINT never_over_budget,
    DROP COLUMN disbursed_fen, DROP COLUMN receivable_fen,
    ADD CONSTRAINT never_over_budget CHECK (reserved_fen + granted_fen + scholarship_fen <= allocated_fen);
