-- migrate:up

-- Who looked at the events behind a number: append only, nothing personal.
CREATE TABLE look_up (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    caller text NOT NULL,                       -- name of the token
    role text NOT NULL,
    lane text,                                  -- of the token, or of what was asked for
    what text NOT NULL,
    found jsonb NOT NULL
);
CREATE INDEX look_up_at ON look_up USING brin (at);
DO $$
DECLARE holder text;
BEGIN
    FOR holder IN
        SELECT DISTINCT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
        FROM pg_class c, aclexplode(c.relacl) acl WHERE c.oid = 'look_up'::regclass AND acl.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON look_up FROM %s', holder);
    END LOOP;
END
$$;

-- migrate:down
DROP TABLE look_up;
