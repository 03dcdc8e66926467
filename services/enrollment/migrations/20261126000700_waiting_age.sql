-- migrate:up

-- Waiting has an age: it counts by the lane's own days, so that a replay decides the same.
ALTER TABLE parked ADD COLUMN since date;
UPDATE parked SET since = (parked_at AT TIME ZONE 'Asia/Shanghai')::date;
ALTER TABLE parked ALTER COLUMN since SET NOT NULL, DROP COLUMN parked_at;
CREATE INDEX parked_since ON parked (lane, since);

-- More is due on the lane's day than one step takes: the next batch goes on with it.
ALTER TABLE lane_state ADD COLUMN unfinished boolean NOT NULL DEFAULT false;

-- migrate:down
ALTER TABLE lane_state DROP COLUMN unfinished;
ALTER TABLE parked ADD COLUMN parked_at timestamptz NOT NULL DEFAULT clock_timestamp(), DROP COLUMN since;
