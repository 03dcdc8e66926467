-- migrate:up

-- Versions of schemes that were activated by an event. Append only: what decides about money is never changed.
CREATE TABLE scheme (
    name text NOT NULL,
    version integer NOT NULL,
    content json NOT NULL,                      -- as it is decided by
    PRIMARY KEY (name, version)
);

-- What has been put in force on a lane, by the entry of its journal that says so. Append only.
CREATE TABLE lane_scheme (
    lane text NOT NULL,
    entry_no bigint NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    PRIMARY KEY (lane, entry_no)
);

-- Whether there is any: a lane without asks for none.
ALTER TABLE lane_book ADD COLUMN schemes_adopted boolean NOT NULL DEFAULT false;

DO $$
DECLARE given record;
BEGIN
    FOR given IN
        SELECT DISTINCT c.oid::regclass AS kept,
               CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS holder
        FROM pg_class c, aclexplode(c.relacl) acl
        WHERE c.oid IN ('scheme'::regclass, 'lane_scheme'::regclass) AND acl.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM %s', given.kept, given.holder);
    END LOOP;
END
$$;

-- migrate:down
ALTER TABLE lane_book DROP COLUMN schemes_adopted;
DROP TABLE lane_scheme, scheme;
