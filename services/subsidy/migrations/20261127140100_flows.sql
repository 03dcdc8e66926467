-- migrate:up

-- What came to a budget and what left it on each day of its lane: what expected dates rest on.
CREATE TABLE budget_day (
    lane text NOT NULL,
    fiscal_year smallint NOT NULL,
    fund_source text NOT NULL,
    day date NOT NULL,
    added_fen bigint NOT NULL DEFAULT 0,        -- allocated, increased, carried over to it; less what was taken away so
    freed_fen bigint NOT NULL DEFAULT 0 CHECK (freed_fen >= 0),
    taken_fen bigint NOT NULL DEFAULT 0 CHECK (taken_fen >= 0),
    PRIMARY KEY (lane, fiscal_year, fund_source, day)
) WITH (fillfactor = 50);

-- migrate:down
DROP TABLE budget_day;
