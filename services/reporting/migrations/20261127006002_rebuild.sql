-- migrate:up

-- A rebuild fills tables of its own in the schema `rebuilt`, beside those that are read, and takes their place at once.
-- Only the owner may make and move tables: the service asks for it through these functions, which do nothing else.
CREATE SCHEMA rebuilt;
CREATE SCHEMA retired;

CREATE FUNCTION begin_rebuild() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
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

-- The cursors stay: whoever calls this holds them, and has seen that both have taken in the same facts.
CREATE FUNCTION switch_to_rebuilt() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
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

REVOKE ALL ON FUNCTION begin_rebuild(), switch_to_rebuilt() FROM PUBLIC;
DO $$
DECLARE holder text;
BEGIN
    FOR holder IN
        SELECT DISTINCT acl.grantee::regrole::text
        FROM pg_class c, aclexplode(c.relacl) acl
        WHERE c.oid = 'fact'::regclass AND acl.grantee NOT IN (c.relowner, 0)
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION begin_rebuild(), switch_to_rebuilt() TO %s', holder);
        EXECUTE format('GRANT USAGE ON SCHEMA rebuilt TO %s', holder);
    END LOOP;
END
$$;
-- So that the statements about them fit from the first day on.
SELECT begin_rebuild();

-- migrate:down
DROP FUNCTION begin_rebuild(), switch_to_rebuilt();
DROP SCHEMA rebuilt CASCADE;
DROP SCHEMA retired CASCADE;
