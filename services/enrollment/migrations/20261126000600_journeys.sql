-- migrate:up

-- Where in the log what was published about a worker stands: its journey reads these places and nothing else.
-- The log says what is true; `worker` is only a short hash of its subject, since a row is written for each fact.
CREATE TABLE worker_fact (
    worker bigint NOT NULL,                     -- first 8 bytes of SHA-256 over the worker_ref
    lane text NOT NULL,
    seq bigint NOT NULL
);
INSERT INTO worker_fact (worker, lane, seq)
SELECT ('x' || encode(substr(sha256(convert_to(subject, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint,
       lane, first_seq + n - 1
FROM log, unnest(string_to_array(convert_from(events, 'UTF8'), E'\n')) WITH ORDINALITY AS line(text, n),
     LATERAL (SELECT substring(line.text FROM '"subject":"([^"\\]+)"') AS subject) AS about
WHERE stream = 'enrollment.events' AND subject IS NOT NULL;
CREATE INDEX worker_fact_worker ON worker_fact (worker);

-- What brought a project, an institution or an alliance, and who sent it; of payments nothing: they are many.
ALTER TABLE referent ADD COLUMN lane text, ADD COLUMN data jsonb;

-- migrate:down
ALTER TABLE referent DROP COLUMN data, DROP COLUMN lane;
DROP TABLE worker_fact;
