-- migrate:up

-- A void is counted for the province that sent it, and facts are kept that say what the ledger holds. What was taken in so far
-- is counted anew: reporting is a function of the facts, so it forgets them and reads its topics again from their beginning.
TRUNCATE fact, cell, delta, standing, person, tempo;
DELETE FROM cursor;

-- What publishers say about their own records and books: a few facts a day, looked for by type.
CREATE INDEX fact_said ON fact (type, lane, seq) WHERE type IN (
    'dreams.day.began.v1', 'dreams.verdicts.tallied.v1', 'dreams.completeness.measured.v1', 'dreams.ledger.totalled.v1');

-- Tables of a rebuild are as those that are read.
SELECT begin_rebuild();

-- What was compared with what, and how it came out: one row for each check of a lane.
CREATE TABLE reconciliation (
    lane text NOT NULL,
    kind text NOT NULL,                 -- which check
    state text NOT NULL CHECK (state IN ('agrees', 'waits', 'differs')),
    expected bigint NOT NULL,           -- what those who published say, summed over all that was compared
    found bigint NOT NULL,              -- what reporting has
    differences integer NOT NULL,       -- how many of the numbers compared differ
    about text NOT NULL,                -- the first of them, by name
    seen_at timestamptz,                -- when the newest fact that it is about was recorded
    PRIMARY KEY (lane, kind)
) WITH (fillfactor = 50);

-- Up to which of a lane's published changes its cells are stated on the compacted topic; no row at all: none is.
CREATE TABLE stated (
    lane text PRIMARY KEY,
    seq bigint NOT NULL
) WITH (fillfactor = 50);

-- migrate:down
DROP TABLE stated;
DROP TABLE reconciliation;
DROP INDEX fact_said;
SELECT begin_rebuild();
