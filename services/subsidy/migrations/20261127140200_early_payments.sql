-- migrate:up

-- A payment that came before its grant waits for it.
ALTER TABLE payment ADD COLUMN waits boolean NOT NULL DEFAULT false;
CREATE INDEX payment_early ON payment (enrollment_no) WHERE waits;
CREATE INDEX payment_unmatched ON payment (lane, batch_no, line_no) WHERE unmatched_fen > 0;

-- Whether payments may wait for it: an award without asks for none.
ALTER TABLE award ADD COLUMN paid_early boolean NOT NULL DEFAULT false;

-- migrate:down
ALTER TABLE award DROP COLUMN paid_early;
DROP INDEX payment_unmatched, payment_early;
ALTER TABLE payment DROP COLUMN waits;
