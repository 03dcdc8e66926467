-- migrate:up

-- Look-ups by id alone, as an operator makes them, need no second index: what a door writes for each event is dear.
DROP INDEX inbox_id;
ALTER TABLE inbox DROP CONSTRAINT inbox_pkey;
ALTER TABLE inbox ADD PRIMARY KEY (id, source, lane);

-- A claim is its row.
DELETE FROM natural_key WHERE event_id IS NULL;
ALTER TABLE natural_key ALTER COLUMN event_id SET NOT NULL;

-- migrate:down
ALTER TABLE natural_key ALTER COLUMN event_id DROP NOT NULL;
ALTER TABLE inbox DROP CONSTRAINT inbox_pkey;
ALTER TABLE inbox ADD PRIMARY KEY (lane, source, id);
CREATE INDEX inbox_id ON inbox (id);
