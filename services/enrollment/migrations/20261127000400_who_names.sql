-- migrate:up

-- Ids are unique per source only: which event names something is its lane, its source and its id.
ALTER TABLE named ADD COLUMN lane text, ADD COLUMN source text;
-- What was named before is kept with the first event that has this id, which is the right one where there is one only.
UPDATE named n SET lane = i.lane, source = i.source
FROM (SELECT DISTINCT ON (id) id, lane, source FROM inbox WHERE status = 'accepted' ORDER BY id, received_at) i
WHERE i.id = n.event_id;
DELETE FROM named WHERE lane IS NULL;
ALTER TABLE named ALTER COLUMN lane SET NOT NULL, ALTER COLUMN source SET NOT NULL;

-- migrate:down
ALTER TABLE named DROP COLUMN source, DROP COLUMN lane;
