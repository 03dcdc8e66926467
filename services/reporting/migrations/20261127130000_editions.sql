-- migrate:up

-- Closed editions of a period: canonical bytes and a signature over them. The service may add one and read them, and nothing else;
-- a rebuild of the numbers leaves them as they are.
CREATE TABLE edition (
    period text NOT NULL,               -- 2026-06, or 2026
    number integer NOT NULL CHECK (number > 0),
    closed_at timestamptz NOT NULL,
    closed_by text NOT NULL,            -- name of the operator's token
    reason text,                        -- why it was closed in spite of a check, or restated
    document bytea NOT NULL,            -- public: totals, tables, what was restated
    sha256 text NOT NULL,               -- of the document
    signature bytea NOT NULL,           -- Ed25519, over the document
    public_key bytea NOT NULL,          -- what it is verified with
    cells bytea NOT NULL,               -- for officials: every cell; the document holds its hash
    PRIMARY KEY (period, number)
);
DO $$
DECLARE holder text;
BEGIN
    FOR holder IN
        SELECT DISTINCT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
        FROM pg_class c, aclexplode(c.relacl) acl WHERE c.oid = 'edition'::regclass AND acl.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON edition FROM %s', holder);
    END LOOP;
END
$$;

-- migrate:down
DROP TABLE edition;
