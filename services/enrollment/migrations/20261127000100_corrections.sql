-- migrate:up

-- Which event voided or corrected an event after it was accepted: its receipt stays what it was.
ALTER TABLE inbox ADD COLUMN voided_by text;

-- Who names a project, an institution or an alliance: it is not voided while somebody does.
CREATE TABLE named (
    kind text NOT NULL,
    key text NOT NULL,
    event_id text NOT NULL,
    n bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX named_what ON named (kind, key);

-- Where in the log a fact stands: a worker's by its worker, any other by the event that led to it.
ALTER TABLE worker_fact RENAME TO fact_place;
ALTER TABLE fact_place RENAME COLUMN worker TO about;
ALTER INDEX worker_fact_worker RENAME TO fact_place_about;
INSERT INTO fact_place (about, lane, seq)
SELECT ('x' || encode(substr(sha256(convert_to(cause, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint,
       lane, first_seq + n - 1
FROM log, unnest(string_to_array(convert_from(events, 'UTF8'), E'\n')) WITH ORDINALITY AS line(text, n),
     LATERAL (SELECT line.text::json ->> 'causationid' AS cause, line.text::json ->> 'subject' AS subject) AS about
WHERE stream = 'enrollment.events' AND subject IS NULL AND cause IS NOT NULL;

-- migrate:down
DELETE FROM fact_place p USING log
WHERE stream = 'enrollment.events' AND log.lane = p.lane AND p.seq BETWEEN first_seq AND last_seq
  AND (split_part(convert_from(events, 'UTF8'), E'\n', (p.seq - first_seq + 1)::integer)::json ->> 'subject') IS NULL;
ALTER INDEX fact_place_about RENAME TO worker_fact_worker;
ALTER TABLE fact_place RENAME COLUMN about TO worker;
ALTER TABLE fact_place RENAME TO worker_fact;
DROP TABLE named;
ALTER TABLE inbox DROP COLUMN voided_by;
