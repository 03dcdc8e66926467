-- migrate:up

-- Most of what is added is of the newest day of recording, and what is added to three tables every few seconds is written three
-- times. So `total` and `lane_sum` hold all days but that one: its cells, which lie together, are read beside them. It is summed
-- once, when a newer day comes, or when its cells are too many to be read each time.
CREATE TABLE open_day (
    recorded_day date PRIMARY KEY,      -- one row: the newest day of which deltas were summed into cells
    cells bigint NOT NULL DEFAULT 0,
    summed boolean NOT NULL DEFAULT false
);
INSERT INTO open_day (recorded_day, summed) SELECT max(recorded_day), true FROM cell HAVING max(recorded_day) IS NOT NULL;

CREATE OR REPLACE VIEW totals AS
    SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM total
    UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM cell
        WHERE recorded_day = (SELECT recorded_day FROM open_day WHERE NOT summed)
    UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM delta;

CREATE OR REPLACE FUNCTION begin_rebuild() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    one text;
    options text;
BEGIN
    DROP VIEW IF EXISTS rebuilt.cells, rebuilt.totals;
    FOREACH one IN ARRAY ARRAY['cursor', 'fact', 'cell', 'delta', 'total', 'lane_sum', 'open_day', 'standing', 'person', 'tempo'] LOOP
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
        UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM rebuilt.cell
            WHERE recorded_day = (SELECT recorded_day FROM rebuilt.open_day WHERE NOT summed)
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
    FOREACH one IN ARRAY ARRAY['fact', 'cell', 'delta', 'total', 'lane_sum', 'open_day', 'standing', 'person', 'tempo'] LOOP
        EXECUTE format('ALTER TABLE public.%I SET SCHEMA retired', one);
        EXECUTE format('ALTER TABLE rebuilt.%I SET SCHEMA public', one);
    END LOOP;
    DROP VIEW retired.cells, retired.totals;
    DROP TABLE retired.fact, retired.cell, retired.delta, retired.total, retired.lane_sum, retired.open_day, retired.standing,
        retired.person, retired.tempo;
END
$$;

SELECT begin_rebuild();

-- migrate:down
-- Its sums lack a day: what was taken in is counted anew.
TRUNCATE fact, cell, delta, total, lane_sum, standing, person, tempo;
DELETE FROM cursor;
CREATE OR REPLACE VIEW totals AS
    SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM total
    UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM delta;
DROP VIEW rebuilt.totals;
DROP TABLE rebuilt.open_day, open_day;
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
