-- migrate:up

-- One row for each id that a province has ever sent: its row is the receipt. Partitioned by hash, so that a look-up
-- does not grow with history.
CREATE TABLE inbox (
    lane text NOT NULL,
    source text NOT NULL,
    id text NOT NULL,
    content bytea NOT NULL,                     -- SHA-256 of what makes two submissions the same
    status text NOT NULL CHECK (status IN ('accepted', 'rejected', 'parked')),
    record_offset bigint NOT NULL,
    type text,
    code text,
    field text,
    detail text,
    first_event_id text,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (lane, source, id)
) PARTITION BY HASH (lane, source, id);
DO $$ BEGIN
    FOR n IN 0..15 LOOP
        EXECUTE format('CREATE TABLE inbox_%s PARTITION OF inbox FOR VALUES WITH (MODULUS 16, REMAINDER %s)', n, n);
    END LOOP;
END $$;
CREATE INDEX inbox_id ON inbox (id);

-- A person, nationwide. A row exists from the first mention.
CREATE TABLE worker (
    ref text PRIMARY KEY,
    registered_by jsonb NOT NULL DEFAULT '{}',  -- province -> id of its registration
    categories text[] NOT NULL DEFAULT '{}',
    origin_province text
) WITH (fillfactor = 80);

CREATE TABLE enrollment (
    number text PRIMARY KEY,
    state text CHECK (state IN ('enrolled', 'confirmed', 'withdrawn', 'completed')),
    worker_ref text,
    event_id text,
    state_event_id text,
    facts jsonb NOT NULL DEFAULT '{}'           -- what later events carry on
) WITH (fillfactor = 80);

-- What may be recorded once only, whatever the ids.
CREATE TABLE natural_key (
    kind text NOT NULL,
    key text NOT NULL,
    event_id text,                              -- null: mentioned, not claimed
    PRIMARY KEY (kind, key)
);

-- Events that wait for what they build on.
CREATE TABLE parked (
    lane text NOT NULL,
    source text NOT NULL,
    id text NOT NULL,
    missing_kind text NOT NULL,
    missing_key text NOT NULL,
    record_offset bigint NOT NULL,
    raw bytea NOT NULL,
    traceparent text,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    n bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (lane, source, id)
);
CREATE INDEX parked_missing ON parked (missing_kind, missing_key);

CREATE TABLE lane_state (
    lane text PRIMARY KEY,
    day date,
    parked bigint NOT NULL DEFAULT 0 CHECK (parked >= 0)
);

CREATE TABLE tally (
    lane text NOT NULL,
    day date NOT NULL,
    accepted bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    conflict bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    parked bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, day)
);

-- migrate:down
DROP TABLE tally, lane_state, parked, natural_key, enrollment, worker, inbox;
