-- migrate:up

-- Where this service stands on each lane of each stream that it reads.
CREATE TABLE cursor (
    stream text NOT NULL,
    lane text NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,      -- the record to read next
    last_seq bigint NOT NULL DEFAULT 0,         -- the last fact taken in; between our services this decides
    log_id text,                                -- whose history it is; another one stops the lane
    topic_id text,                              -- the topic's own id; another one stops the lane at the door
    fingerprint bytea,                          -- hash of the last record consumed
    stopped text,                               -- why the lane stands still, null while it goes
    stopped_at timestamptz,
    stopped_offset bigint,                      -- the record it stopped before, where one is to blame
    waiting_since timestamptz,                  -- a gap: reading on until last_seq + 1 comes by
    draining boolean NOT NULL DEFAULT false,    -- takes no further events while bounded steps go on
    moved_at timestamptz,
    PRIMARY KEY (stream, lane)
) WITH (fillfactor = 50);

-- The lane row: the sequence of what this service publishes on a lane. Locked before anything is stamped.
CREATE TABLE outbound (
    stream text NOT NULL,
    lane text NOT NULL,
    seq bigint NOT NULL DEFAULT 0,              -- the last one stamped
    published_seq bigint NOT NULL DEFAULT 0,    -- all up to this one were acknowledged by the broker
    head bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    recorded_at timestamptz NOT NULL DEFAULT '-infinity',
    republish_from bigint,                      -- an operator's wish; the owner takes it in its next batch
    PRIMARY KEY (stream, lane),
    CHECK (published_seq <= seq)
) WITH (fillfactor = 50);

-- Outbox and archive: only what stands here is ever published.
CREATE TABLE log (
    stream text NOT NULL,
    lane text NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,                        -- sha256(prev_hash || events)
    events bytea NOT NULL,                      -- one event a line
    traceparents text,                          -- one a line, beside the events and outside the hash
    PRIMARY KEY (stream, lane, first_seq),
    CHECK (last_seq >= first_seq)
);
ALTER TABLE log ALTER COLUMN events SET STORAGE EXTERNAL;
CREATE INDEX log_recorded_at ON log USING brin (recorded_at);

CREATE TABLE log_identity (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    log_id text NOT NULL
);

-- Work that one lane's transaction causes on another: taken by the other lane's owner.
CREATE TABLE handover (
    id bigint GENERATED ALWAYS AS IDENTITY,
    to_lane text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('parked', 'fact')),
    payload bytea NOT NULL,
    PRIMARY KEY (to_lane, id)
);

-- Records that could not be read, and events set aside by an operator; sealed, for a limited time.
CREATE TABLE quarantine (
    stream text NOT NULL,
    lane text NOT NULL,
    record_offset bigint NOT NULL,
    code text NOT NULL,
    sealed bytea NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, lane, record_offset)
);

-- Who did what to a lane.
CREATE TABLE operator_act (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    acted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    operator text NOT NULL,
    act text NOT NULL,
    lane text NOT NULL,
    reason text NOT NULL
);

-- migrate:down
DROP TABLE operator_act, quarantine, handover, log_identity, log, outbound, cursor;
