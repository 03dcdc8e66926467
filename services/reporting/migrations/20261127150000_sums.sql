-- migrate:up

-- With millions of facts recorded on hundreds of days a number is a sum of very many cells. What is asked most is kept summed
-- up. What was taken in so far is counted anew: reporting is a function of the facts, so it forgets them and reads its topics
-- again from their beginning.
TRUNCATE fact, cell, delta, standing, person, tempo;
DELETE FROM cursor;

-- What is added is of the last days: it lies together, however much lies before it. And of the cells themselves only those of
-- some days are asked for.
ALTER TABLE cell DROP CONSTRAINT cell_pkey;
ALTER TABLE cell ADD PRIMARY KEY (cube, measure, facet_1, recorded_day, lane, period, facet_2);
ALTER TABLE cell SET (fillfactor = 90);

-- The events behind a cell are those of some types of a lane in a month: of millions of facts a few thousand.
DROP INDEX fact_effective_day;
CREATE INDEX fact_behind ON fact (lane, type, effective_day);

-- Cells as they are known by now, over all days of recording.
CREATE TABLE total (
    cube text NOT NULL,
    measure text NOT NULL,
    facet_1 text NOT NULL,
    lane text NOT NULL,
    period text NOT NULL,
    facet_2 text NOT NULL,
    delta bigint NOT NULL,
    PRIMARY KEY (cube, measure, facet_1, lane, period, facet_2)
) WITH (fillfactor = 80);

-- Sums over what is rarely asked by: one row for each lane and period, or each lane and whole year; as known by now, and what
-- was recorded in each month. Which facets are summed over: see domain/summing.py.
CREATE TABLE lane_sum (
    cube text NOT NULL,
    measure text NOT NULL,
    facet_1 text NOT NULL,              -- '' where it is summed over
    facet_2 text NOT NULL,              -- '' where it is summed over
    span text NOT NULL CHECK (span IN ('period', 'year')),
    known text NOT NULL,                -- month in which it was recorded; '' for all
    lane text NOT NULL,                 -- '' where only the sum over all has a meaning
    period text NOT NULL,
    delta bigint NOT NULL,
    PRIMARY KEY (cube, measure, facet_1, facet_2, span, known, period, lane)
) WITH (fillfactor = 80);

CREATE VIEW totals AS
    SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM total
    UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM delta;

CREATE OR REPLACE FUNCTION begin_rebuild() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    one text;
    options text;
BEGIN
    DROP VIEW IF EXISTS rebuilt.cells, rebuilt.totals;
    FOREACH one IN ARRAY ARRAY['cursor', 'fact', 'cell', 'delta', 'total', 'lane_sum', 'standing', 'person', 'tempo'] LOOP
        EXECUTE format('DROP TABLE IF EXISTS rebuilt.%I', one);
        EXECUTE format('CREATE TABLE rebuilt.%I (LIKE public.%I INCLUDING ALL)', one, one);
        SELECT array_to_string(c.reloptions, ', ') INTO options FROM pg_class c
        WHERE c.oid = format('public.%I', one)::regclass;
        IF options IS NOT NULL THEN
            EXECUTE format('ALTER TABLE rebuilt.%I SET (%s)', one, options);
        END IF;
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON rebuilt.%I TO %I', one, session_user);
    END LOOP;
    CREATE VIEW rebuilt.cells AS
        SELECT cube, lane, period, facet_1, facet_2, measure, recorded_day, delta FROM rebuilt.cell
        UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, recorded_day, delta FROM rebuilt.delta;
    CREATE VIEW rebuilt.totals AS
        SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM rebuilt.total
        UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM rebuilt.delta;
    EXECUTE format('GRANT SELECT ON rebuilt.cells, rebuilt.totals TO %I', session_user);
END
$$;

CREATE OR REPLACE FUNCTION switch_to_rebuilt() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['cells', 'totals'] LOOP
        EXECUTE format('ALTER VIEW public.%I SET SCHEMA retired', one);
        EXECUTE format('ALTER VIEW rebuilt.%I SET SCHEMA public', one);
    END LOOP;
    FOREACH one IN ARRAY ARRAY['fact', 'cell', 'delta', 'total', 'lane_sum', 'standing', 'person', 'tempo'] LOOP
        EXECUTE format('ALTER TABLE public.%I SET SCHEMA retired', one);
        EXECUTE format('ALTER TABLE rebuilt.%I SET SCHEMA public', one);
    END LOOP;
    DROP VIEW retired.cells, retired.totals;
    DROP TABLE retired.fact, retired.cell, retired.delta, retired.total, retired.lane_sum, retired.standing, retired.person,
        retired.tempo;
END
$$;

SELECT begin_rebuild();

-- migrate:down
DROP VIEW rebuilt.totals, totals;
DROP TABLE rebuilt.lane_sum, rebuilt.total, lane_sum, total;
TRUNCATE fact, cell, delta, standing, person, tempo;
DELETE FROM cursor;
DROP INDEX fact_behind;
CREATE INDEX fact_effective_day ON fact USING brin (effective_day) WITH (pages_per_range = 16);
ALTER TABLE cell DROP CONSTRAINT cell_pkey;
ALTER TABLE cell ADD PRIMARY KEY (cube, measure, facet_1, lane, period, facet_2, recorded_day);
ALTER TABLE cell SET (fillfactor = 70);
CREATE OR REPLACE FUNCTION begin_rebuild() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    one text;
    options text;
BEGIN
    DROP VIEW IF EXISTS rebuilt.cells;
    FOREACH one IN ARRAY ARRAY['cursor', 'fact', 'cell', 'delta', 'standing', 'person', 'tempo'] LOOP
        EXECUTE format('DROP TABLE IF EXISTS rebuilt.%I', one);
        EXECUTE format('CREATE TABLE rebuilt.%I (LIKE public.%I INCLUDING ALL)', one, one);
        SELECT array_to_string(c.reloptions, ', ') INTO options FROM pg_class c
        WHERE c.oid = format('public.%I', one)::regclass;
        IF options IS NOT NULL THEN
            EXECUTE format('ALTER TABLE rebuilt.%I SET (%s)', one, options);
        END IF;
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON rebuilt.%I TO %I', one, session_user);
    END LOOP;
    CREATE VIEW rebuilt.cells AS
        SELECT cube, lane, period, facet_1, facet_2, measure, recorded_day, delta FROM rebuilt.cell
        UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, recorded_day, delta FROM rebuilt.delta;
    EXECUTE format('GRANT SELECT ON rebuilt.cells TO %I', session_user);
END
$$;
CREATE OR REPLACE FUNCTION switch_to_rebuilt() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    one text;
BEGIN
    ALTER VIEW public.cells SET SCHEMA retired;
    ALTER VIEW rebuilt.cells SET SCHEMA public;
    FOREACH one IN ARRAY ARRAY['fact', 'cell', 'delta', 'standing', 'person', 'tempo'] LOOP
        EXECUTE format('ALTER TABLE public.%I SET SCHEMA retired', one);
        EXECUTE format('ALTER TABLE rebuilt.%I SET SCHEMA public', one);
    END LOOP;
    DROP VIEW retired.cells;
    DROP TABLE retired.fact, retired.cell, retired.delta, retired.standing, retired.person, retired.tempo;
END
$$;
SELECT begin_rebuild();
