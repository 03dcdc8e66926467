-- migrate:up

-- How many events of each type a province has sent that were accepted, by the Shanghai day on which they happened.
CREATE TABLE received (
    lane text NOT NULL,
    day date NOT NULL,
    type text NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (lane, day, type)
) WITH (fillfactor = 80);

-- What provinces say that they have sent, and what was last said of it: when, how many, and how many silent days.
CREATE TABLE control_total (
    lane text NOT NULL,
    since date NOT NULL,
    until date NOT NULL,
    event_types text[] NOT NULL,                -- sorted, each once: with lane and days the natural key
    events bigint NOT NULL,
    event_id text NOT NULL,
    measured_on date,
    received bigint,
    silent_days bigint,
    PRIMARY KEY (lane, since, until, event_types)
);

-- migrate:down
DROP TABLE control_total, received;
