-- migrate:up

-- An operator's wish: the record at this offset, on which our own code failed, is to be left out.
ALTER TABLE cursor ADD COLUMN set_aside_offset bigint;

-- Why an operator set a record aside; null for what nobody could read.
ALTER TABLE quarantine ADD COLUMN reason text;

-- Facts read back from Kafka after a restore: decided again, they are not published a second time.
CREATE TABLE published_before (
    stream text NOT NULL,
    lane text NOT NULL,
    fact_id text NOT NULL,
    PRIMARY KEY (stream, lane, fact_id)
);
-- Whether anything of the lane stands there: only then is it looked at.
ALTER TABLE outbound ADD COLUMN read_back boolean NOT NULL DEFAULT false;

-- migrate:down
ALTER TABLE outbound DROP COLUMN read_back;
DROP TABLE published_before;
ALTER TABLE quarantine DROP COLUMN reason;
ALTER TABLE cursor DROP COLUMN set_aside_offset;
