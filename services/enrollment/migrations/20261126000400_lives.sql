-- migrate:up

-- What each province has said of a worker, with its validity; which of it counts on a day is a rule in the code.
CREATE TABLE worker_statement (
    ref text NOT NULL,
    lane text NOT NULL,
    event_id text NOT NULL,
    said_at timestamptz NOT NULL,
    since date NOT NULL,
    until date,
    attributes jsonb NOT NULL
);
CREATE INDEX worker_statement_ref ON worker_statement (ref);

-- The steps of an enrollment; its state is where they lead, in the order of their days.
CREATE TABLE enrollment_step (
    number text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('confirmed', 'suspended', 'resumed', 'withdrawn', 'completed')),
    day date NOT NULL,
    event_id text NOT NULL,
    n bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX enrollment_step_number ON enrollment_step (number);

ALTER TABLE enrollment DROP CONSTRAINT enrollment_state_check,
    ADD CONSTRAINT enrollment_state_check CHECK (state IN
        ('enrolled', 'confirmed', 'suspended_unconfirmed', 'suspended', 'withdrawn', 'completed'));
CREATE INDEX enrollment_worker ON enrollment (worker_ref);

-- What events name by its number alone: a project, an institution, an alliance, a payment.
CREATE TABLE referent (
    kind text NOT NULL,
    key text NOT NULL,
    event_id text,                              -- null: named, not there yet
    PRIMARY KEY (kind, key)
);

-- migrate:down
DROP TABLE referent, enrollment_step, worker_statement;
DROP INDEX enrollment_worker;
ALTER TABLE enrollment DROP CONSTRAINT enrollment_state_check,
    ADD CONSTRAINT enrollment_state_check CHECK (state IN ('enrolled', 'confirmed', 'withdrawn', 'completed'));
