-- migrate:up

-- How to reach a worker, sealed. A row stands here from the worker's first mention, so that it can be locked while
-- somebody decides that there is no contact.
CREATE TABLE contact (
    worker_ref text PRIMARY KEY,
    lane text,                                  -- whose province said it last
    sealed bytea,                               -- null: never heard of, or erased
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One claim for each cause and channel: whatever is delivered again finds it taken.
CREATE TABLE message (
    message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cause_event_id text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('mail')),
    cause text NOT NULL,
    lane text NOT NULL,
    worker_ref text NOT NULL,
    details jsonb NOT NULL,                     -- what the letter says; nothing personal
    claimed_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'unknown', 'no_contact')),
    state_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0,           -- of attempts; also tells a sender that was overtaken
    code text,                                  -- why it stands as it does, out of few
    recipient_sealed bytea,                     -- the contact it went to; erased with the contact
    CONSTRAINT one_message_per_cause UNIQUE (cause_event_id, channel)
) WITH (fillfactor = 80);
CREATE INDEX message_due ON message (due_at, message_id) WHERE state = 'pending';
CREATE INDEX message_sending ON message (state_at) WHERE state = 'sending';
CREATE INDEX message_unknown ON message (message_id) WHERE state = 'unknown';
CREATE INDEX message_worker ON message (worker_ref);

-- migrate:down
DROP TABLE message, contact;
