-- migrate:up

-- Every fact once, as it was recorded: append-only. What a question needs that no cube answers is asked here.
-- The key starts with the lane, so that the table can be partitioned by it without another key.
CREATE TABLE fact (
    lane text NOT NULL,
    stream text NOT NULL,
    seq bigint NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    causation_id text,                  -- the event that led to this one
    correlation_id text,                -- the province's event at the start
    effective_at timestamptz NOT NULL,  -- when it happened, as its envelope says
    recorded_at timestamptz NOT NULL,   -- when its publisher recorded it
    recorded_day date NOT NULL,
    worker_ref text,
    effective_day date NOT NULL,        -- the day that it is counted on: its own where it names one
    enrollment_no text,
    reported_by text,                   -- lane whose province sent it
    funding_province text,
    work_province text,
    work_city text,
    origin_province text,
    employer_code text,
    employer_sector text,
    institution_code text,
    institution_kind text,
    programme text,
    cohort text,
    project_no text,
    track text,
    mode text,
    level_before text,
    level_after text,                   -- planned with an enrollment, reached with a completion
    categories text[],
    document_no text,                   -- of a plan, an allocation, a scholarship or an award
    fiscal_year integer,
    fund_source text,
    funder_level text,
    amount_fen bigint,
    tuition_fen bigint,
    heads integer,
    scheme text,
    state_before text,                  -- of an award that was released
    history boolean NOT NULL DEFAULT false,
    details jsonb,                      -- what has no column
    PRIMARY KEY (lane, stream, seq)
);
CREATE INDEX fact_event_id ON fact (event_id);
CREATE INDEX fact_correlation_id ON fact (correlation_id) WHERE correlation_id IS NOT NULL;

-- A ledger of deltas in named cubes of at most four dimensions (lane, period and two facets):
--   study     period = effective month, facets = category flag (or 'any'), track (or 'none')
--   money     period = fiscal year, facets = fund source, funder level (or 'none')
--   verdicts  period = day, no facets
-- One row for each flag of a worker and one for 'any': totals read 'any', since flags overlap.
CREATE TABLE cell (
    cube text NOT NULL,
    lane text NOT NULL,
    period text NOT NULL,
    facet_1 text NOT NULL,
    facet_2 text NOT NULL,
    measure text NOT NULL,
    recorded_day date NOT NULL,
    delta bigint NOT NULL,
    PRIMARY KEY (cube, lane, period, facet_1, facet_2, measure, recorded_day)
) WITH (fillfactor = 70);

-- The sum of all deltas so far, for pages that ask four times a second. `lane` says whose transaction wrote the row;
-- in scope 'nation' (persons counted once in the whole country) only the sum over all lanes has a meaning.
CREATE TABLE standing (
    scope text NOT NULL CHECK (scope IN ('lane', 'nation')),
    lane text NOT NULL,
    measure text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (scope, lane, measure)
) WITH (fillfactor = 50);

-- How many grants a person holds, in the nation and in each lane: funded means more than none.
CREATE TABLE person (
    scope text NOT NULL,                -- 'nation' or a lane
    worker_ref text NOT NULL,
    grants integer NOT NULL,
    migrant_grants integer NOT NULL,
    PRIMARY KEY (scope, worker_ref)
) WITH (fillfactor = 80);

-- What was recorded in each minute: for the picture of the last hour, kept for two days.
CREATE TABLE tempo (
    minute timestamptz NOT NULL,
    lane text NOT NULL,
    measure text NOT NULL,
    delta bigint NOT NULL,
    PRIMARY KEY (minute, lane, measure)
) WITH (fillfactor = 50);

-- migrate:down
DROP TABLE tempo, person, standing, cell, fact;
