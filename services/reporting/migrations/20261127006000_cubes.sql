-- migrate:up

-- More is counted, and persons are counted once for every day and every day of knowledge. What was taken in so far is counted
-- anew: reporting is a function of the facts, so it forgets them and reads its topics again from their beginning.
TRUNCATE fact, cell, standing, tempo;
DELETE FROM cursor;

-- One measure of one cube over all lanes is what is asked most: it lies together.
ALTER TABLE cell DROP CONSTRAINT cell_pkey;
ALTER TABLE cell ADD PRIMARY KEY (cube, measure, facet_1, lane, period, facet_2, recorded_day);

-- What batches have added, as they added it: without an index, so that it costs a batch little. It is summed into `cell` every
-- few seconds, and whoever asks reads both.
CREATE TABLE delta (
    cube text NOT NULL,
    lane text NOT NULL,
    period text NOT NULL,
    facet_1 text NOT NULL,
    facet_2 text NOT NULL,
    measure text NOT NULL,
    recorded_day date NOT NULL,
    delta bigint NOT NULL
);
CREATE VIEW cells AS
    SELECT cube, lane, period, facet_1, facet_2, measure, recorded_day, delta FROM cell
    UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, recorded_day, delta FROM delta;

-- What each person has gained or lost, a text for each (see domain/persons.py): who counts where follows from all of them.
DROP TABLE person;
CREATE TABLE person (
    worker_ref text PRIMARY KEY,
    entries text[] NOT NULL
) WITH (fillfactor = 80);

-- For the events behind a cell: facts of one month lie mostly together, since they come as they happen.
CREATE INDEX fact_effective_day ON fact USING brin (effective_day) WITH (pages_per_range = 16);

-- migrate:down
DROP VIEW cells;
DROP TABLE delta;
DROP INDEX fact_effective_day;
DROP TABLE person;
CREATE TABLE person (
    scope text NOT NULL,
    worker_ref text NOT NULL,
    grants integer NOT NULL,
    migrant_grants integer NOT NULL,
    PRIMARY KEY (scope, worker_ref)
) WITH (fillfactor = 80);
ALTER TABLE cell DROP CONSTRAINT cell_pkey;
ALTER TABLE cell ADD PRIMARY KEY (cube, lane, period, facet_1, facet_2, measure, recorded_day);
